/** GLB (glTF 2.0, binary): skeleton, skin and animation in one file. As utils/export3d/glb.py and mesh.py. */

import { add, cross, minus, scaled, unit } from "./matrix.js";
import { places } from "./rig.js";

const KINDS = new Map([[Float32Array, 5126], [Uint8Array, 5121], [Uint16Array, 5123]]);
const SHAPES = { 1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4" }, TRIANGLES = 34963, VERTICES = 34962;

/** The numbers of the file, and where in it each array is. */
class Numbers {
  constructor() { Object.assign(this, { parts: [], length: 0, views: [], accessors: [] }); }

  /** Appends an array of `width` numbers an entry; returns the number of its accessor. */
  add(array, width, target, more = {}) {
    const bytes = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
    bytes.set(new Uint8Array(array.buffer));
    this.views.push({ buffer: 0, byteOffset: this.length, byteLength: array.byteLength, ...(target && { target }) });
    this.parts.push(bytes);
    this.length += bytes.length;
    return this.accessors.push({
      bufferView: this.views.length - 1, componentType: KINDS.get(array.constructor), count: array.length / width, type: SHAPES[width], ...more,
    }) - 1;
  }
}

/** A motion: metres, Y up, +Z forwards; a still pose where there is one frame only. Returns a Blob. */
export function glbOf(motion, { rig, sides, skeleton }) {
  const numbers = new Numbers(), body = { ...rig, offsets: motion.offsets }, count = rig.names.length;
  const lowest = Math.min(...places(body).map(([, y]) => y)), rest = places(body).map(([x, y, z]) => [x, y - lowest, z]);
  const content = {
    asset: { version: "2.0", generator: "chen-cvpr2019" },
    scene: 0,
    scenes: [{ nodes: [count, count + 1] }],
    nodes: [...nodesOf(motion, rest, rig), { name: "Armature", children: [0] }, { name: "Body", mesh: 0, skin: 0 }],
    skins: [{ joints: [...rest.keys()], skeleton: 0, inverseBindMatrices: numbers.add(
      Float32Array.from(rest.flatMap(([x, y, z]) => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -x, -y, -z, 1])), 16) }],
    meshes: [{ name: "Body", primitives: Object.keys(sides).map((side, material) => primitive(numbers, rest, rig, side, material)) }],
    materials: Object.entries(sides).map(([side, colour]) => materialOf(side, colour)),
    ...(motion.seconds.length > 1 && { animations: [animationOf(numbers, motion, rig)] }),
    bufferViews: numbers.views, accessors: numbers.accessors, buffers: [{ byteLength: numbers.length }],
  };
  const text = new TextEncoder().encode(JSON.stringify(content)), padding = -text.length & 3, size = text.length + padding;
  const head = (...values) => Uint32Array.from(values);
  return new Blob([
    head(0x46546c67, 2, 28 + size + numbers.length), head(size, 0x4e4f534a), text, " ".repeat(padding),
    head(numbers.length, 0x004e4942), ...numbers.parts,
  ], { type: "model/gltf-binary" });
}

/** The skeleton: in the T-pose, as the animation finds it, or in the pose of the only frame. */
function nodesOf({ seconds, offsets, hips, rotations }, rest, { names, parents }) {
  const isStill = seconds.length === 1;
  return names.map((name, node) => {
    const children = [...parents.keys()].filter(other => parents[other] === node);
    return {
      name, translation: node ? offsets[node] : isStill ? hips[0] : rest[0],
      ...(isStill && { rotation: rotations[0][node] }), ...(children.length && { children }),
    };
  });
}

/** A side's colour, which glTF wants in linear light. */
function materialOf(name, colour) {
  const linear = [1, 3, 5].map(at => Number(((parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2).toFixed(4)));
  return { name, pbrMetallicRoughness: { baseColorFactor: [...linear, 1], metallicFactor: 0, roughnessFactor: 0.7 } };
}

/** The hips' places and every node's turns, linear in between. */
function animationOf(numbers, { seconds, hips, rotations }, { names }) {
  const times = Float32Array.from(seconds), samplers = [], channels = [];
  const input = numbers.add(times, 1, undefined, { min: [times[0]], max: [times.at(-1)] });
  const follow = (node, path, values) => {
    channels.push({ sampler: samplers.length, target: { node, path } });
    samplers.push({ input, interpolation: "LINEAR", output: numbers.add(Float32Array.from(values.flat()), values[0].length) });
  };
  follow(0, "translation", hips);
  names.forEach((name, node) => { if (!name.endsWith("_End")) follow(node, "rotation", rotations.map(frame => frame[node])); });
  return { name: "motion", samplers, channels };
}

/** The limbs of one side of a body, each of which moves with one node. */
function primitive(numbers, rest, { names, parents, radii, MEAN_ROOT_DISTANCE, ...constants }, side, material) {
  const ys = rest.map(([, y]) => y), thickness = MEAN_ROOT_DISTANCE * (Math.max(...ys) - Math.min(...ys));
  const sideOf = name => name.startsWith("Left") ? "left" : name.startsWith("Right") ? "right" : "middle";
  const found = { places: [], normals: [], nodes: [], corners: [] };
  names.forEach((name, node) => {
    if (parents[node] < 0 || sideOf(name) !== side) return;
    addLimb(found, rest[parents[node]], rest[node], radii[node].map(radius => radius * thickness), parents[node], constants);
  });
  const bound = choose => [0, 1, 2].map(axis => Math.fround(found.places.reduce((value, place) => choose(value, place[axis]), found.places[0][axis])));
  const attributes = {
    POSITION: numbers.add(Float32Array.from(found.places.flat()), 3, VERTICES, { min: bound(Math.min), max: bound(Math.max) }),
    NORMAL: numbers.add(Float32Array.from(found.normals.flat()), 3, VERTICES),
    JOINTS_0: numbers.add(Uint8Array.from(found.nodes.flatMap(node => [node, 0, 0, 0])), 4, VERTICES),
    WEIGHTS_0: numbers.add(Float32Array.from(found.nodes.flatMap(() => [1, 0, 0, 0])), 4, VERTICES),
  };
  return { attributes, indices: numbers.add(Uint16Array.from(found.corners), 1, TRIANGLES), material };
}

/** A cone with round ends between two points. */
function addLimb(found, start, end, radii, node, { SEGMENTS, LATITUDES_DEG }) {
  const axis = unit(minus(end, start)), sizes = axis.map(Math.abs), flattest = sizes.indexOf(Math.min(...sizes));
  const across = unit(cross(axis, [0, 1, 2].map(number => Number(number === flattest)))), up = cross(axis, across), first = found.places.length;
  const half = LATITUDES_DEG.length / 2;
  LATITUDES_DEG.forEach((degrees, ring) => {
    const latitude = degrees * Math.PI / 180, middle = ring < half ? start : end, radius = radii[Number(ring >= half)];
    for (let segment = 0; segment < SEGMENTS; segment++) {
      const angle = 2 * Math.PI * segment / SEGMENTS, beside = add(scaled(across, Math.cos(angle)), scaled(up, Math.sin(angle)));
      const normal = add(scaled(beside, Math.cos(latitude)), scaled(axis, Math.sin(latitude)));
      found.places.push(add(middle, scaled(normal, radius)));
      found.normals.push(normal);
      found.nodes.push(node);
      if (ring + 1 === LATITUDES_DEG.length) continue;
      const here = first + ring * SEGMENTS + segment, next = first + ring * SEGMENTS + (segment + 1) % SEGMENTS;
      // At the poles one of the two triangles has no area.
      if (ring > 0) found.corners.push(here, next, next + SEGMENTS);
      if (ring + 2 < LATITUDES_DEG.length) found.corners.push(here, next + SEGMENTS, here + SEGMENTS);
    }
  });
}
