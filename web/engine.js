/** The worker behind a function, and what it needs downloaded. */

/** Names of what this browser lacks; empty, where the page works. */
export function missingFeatures() {
  // The smallest module that uses SIMD: one function that makes a vector of zeros.
  const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  return Object.entries({
    "web workers": () => self.Worker,
    "WebAssembly with SIMD": () => self.WebAssembly && WebAssembly.validate(Uint8Array.from(simd)),
    OffscreenCanvas: () => new OffscreenCanvas(1, 1).getContext("2d"),
    createImageBitmap: () => self.createImageBitmap,
    "Array.toSorted": () => [].toSorted,
  }).filter(([, test]) => { try { return !test(); } catch { return true; } }).map(([name]) => name);
}

/**
 * Downloads everything and starts the worker.
 *
 * @param progress called with the fraction that is here, 0 to 1.
 * @returns {tables, ask(task, arguments, transfer) -> promise, useLifter(name) -> promise}
 * @throws Error of one sentence.
 */
export async function startEngine(progress) {
  const base = new URL("./", document.baseURI).href, tables = JSON.parse(new TextDecoder().decode(await download("generated/tables.json")));
  const lifter = tables.lifters[0], files = [...tables.networks, lifter.file], received = files.map(() => [0, 1]);
  const [detector, landmarks, weights] = await Promise.all(files.map((file, number) => download(file, (part, whole) => {
    received[number] = [part, whole];
    progress(received.reduce((sum, [got]) => sum + got, 0) / received.reduce((sum, [, all]) => sum + all, 0));
  })));
  const ask = startWorker(base);
  await ask("start", { base, tables, networks: [detector, landmarks], weights, layout: lifter });
  return {
    tables, ask,
    async useLifter(name) {
      const layout = tables.lifters.find(entry => entry.name === name);
      await ask("lifter", { layout, weights: await download(layout.file) });
    },
  };
}

/** A worker that keeps to the page's content security policy, as a function that asks it. */
function startWorker(base) {
  const address = URL.createObjectURL(new Blob([`importScripts(${JSON.stringify(`${base}worker.js`)})`], { type: "text/javascript" }));
  const worker = new Worker(address), waiting = new Map();
  let count = 0, failed = null;
  worker.onmessage = ({ data: { number, result, error } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) resolve(result); else reject(new Error(error));
  };
  worker.onerror = event => {
    failed = new Error(`The page could not start: ${event.message || "a script is missing"}. Reload it.`);
    for (const { reject } of waiting.values()) reject(failed);
  };
  return (task, given = {}, transfer = []) => new Promise((resolve, reject) => {
    if (failed) return reject(failed);
    waiting.set(++count, { resolve, reject });
    worker.postMessage({ number: count, task, ...given }, transfer);
  });
}

/** A file of the page as an ArrayBuffer. */
export async function download(file, progress = () => {}) {
  let response;
  try {
    response = await fetch(file);
  } catch {
    throw new Error(`${file.split("?")[0]} cannot be fetched: check the connection and reload the page.`);
  }
  if (!response.ok) throw new Error(`${file.split("?")[0]} is missing on the server: prepare the page with "make web".`);
  const whole = Number(response.headers.get("Content-Length")) || 4e6, parts = [];
  let length = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    progress(length += value.length, Math.max(whole, length));
  }
  return new Blob(parts).arrayBuffer();
}
