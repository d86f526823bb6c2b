/** Starts the page, or says what this browser lacks. */

import { missingFeatures } from "./engine.js";

const START_MS = 3000;

/** Waits until the service worker keeps what is loaded from now on; a page without one works too, but not offline. */
async function beginKeeping() {
  if (!navigator.serviceWorker) return false;
  try {
    await navigator.serviceWorker.register("offline.js");
    if (navigator.serviceWorker.controller) return true;
    return await new Promise(resolve => {
      navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true), { once: true });
      setTimeout(resolve, START_MS, false);
    });
  } catch {
    return false;
  }
}

/** What came before the service worker was there comes through it once more. */
async function keepTheRest() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const addresses = [document.baseURI, new URL("generated/sample.png", document.baseURI).href, ...loaded];
  for (const address of addresses.filter(name => name.startsWith(location.origin))) {
    if (!await caches.match(address)) await fetch(address).catch(() => {});
  }
  document.documentElement.dataset.kept = "";
}

const missing = missingFeatures();
if (missing.length) {
  document.getElementById("problem").textContent = `This browser is too old for this page: it lacks ${missing.join(", ")}.`;
  document.getElementById("welcome").hidden = document.getElementById("progress").hidden = true;
} else {
  const isKeeping = await beginKeeping(), { ready } = await import("./app.js");
  if (isKeeping) ready.then(keepTheRest).catch(() => {});
}
