/**
 * Finds and lifts people, away from the page's own thread.
 *
 * A classic worker, for LiteRT.js loads its runtime by importScripts; our modules come by import(). It is started from
 * a blob: address, which makes the page's content security policy hold in here too.
 *
 * Each message is {number, task, ...arguments}, each answer {number, result} or {number, error}; one after the other.
 */
"use strict";

const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
let modules, tables, pipeline, last = Promise.resolve();

const tasks = {
  /** Loads the runtime and the networks. base: address of the page's folder; networks, weights: ArrayBuffers. */
  async start({ base, tables: given, networks, weights, layout }) {
    tables = given;
    const load = name => import(base + name);
    const names = ["blazepose.js", "pipeline.js", "lifter.js", "motion.js", "formats.js", "glb.js", "vendor/litert/index.js"];
    modules = Object.assign({}, ...await Promise.all(names.map(load)));
    // Without this the runtime would be looked for beside the worker, and would tell the console about itself.
    self.Module = { locateFile: name => base + (tables.runtime[name] ?? `vendor/litert/${name}`), printErr() {} };
    // On a GPU the networks would compute in half precision, and not the same everywhere.
    Object.defineProperty(self.navigator, "gpu", { value: { requestAdapter: async () => null } });
    await modules.loadLiteRt(`${base}vendor/litert/`);
    const [detect, locate] = await Promise.all(networks.map(network));
    pipeline = new modules.Pipeline(new modules.BlazePose(detect, locate, tables), new modules.Lifter(weights, layout, tables), tables);
  },

  /** Takes another lifter. */
  lifter({ weights, layout }) { pipeline.lifter = new modules.Lifter(weights, layout, tables); },

  /** Begins a video or, unless it is `anew`, another part of it. */
  begin({ anew }) { pipeline.begin(anew); },

  /** The people of a picture: an ImageBitmap, each of its pixels `scale` of the original's wide. */
  picture({ bitmap, scale, intrinsics, most }) {
    return pipeline.find({ ...pixelsOf(bitmap), scale }, intrinsics, most);
  },

  /** People's tracks as files of a kind, and how far their skeletons are from the lifted joints, in percent. */
  async motions({ tracks, rate, height, intrinsics, kind, names }) {
    const write = { BVH: modules.bvhOf, TRC: modules.trcOf, GLB: modules.glbOf }[kind];
    return modules.motionsOf(tracks, rate, height, intrinsics, tables).map(
      (motion, number) => ({ file: write(motion, tables, names[number]), error: motion.error }));
  },

  /** The people of a video's next frame, and how long it took, in ms. */
  async frame({ bitmap, scale, intrinsics, most, seconds, isLive }) {
    const begun = performance.now();
    spent = 0;
    const scene = await pipeline.follow({ ...pixelsOf(bitmap), scale }, seconds, intrinsics, most, isLive);
    // A video's keypoints would fill the memory.
    const people = scene.people.map(({ keypoints, ...person }) => person);
    return { ...scene, people, milliseconds: { all: performance.now() - begun, networks: spent } };
  },
};

let spent = 0;

/** A network as a function: Float32Array in, promise of its outputs out, in the order of the file. */
async function network(file) {
  const model = await modules.loadAndCompile(new Uint8Array(file), { accelerator: "wasm" });
  const shape = [...model.getInputDetails()[0].shape];
  return async values => {
    const begun = performance.now(), input = new modules.Tensor(values, shape), outputs = await model.run(input);
    const results = outputs.map(output => output.toTypedArray());
    for (const tensor of [input, ...outputs]) tensor.delete();
    spent += performance.now() - begun;
    return results;
  };
}

/** {data, width, height} of an ImageBitmap, over white, which is closed. */
function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  if (pen.canvas.width !== width || pen.canvas.height !== height) Object.assign(pen.canvas, { width, height });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: pen.getImageData(0, 0, width, height).data, width, height };
}

self.onmessage = ({ data: { number, task, ...given } }) => {
  last = last.then(async () => {
    try {
      postMessage({ number, result: await tasks[task](given) });
    } catch (error) {
      postMessage({ number, error: error.message });
    }
  });
};
