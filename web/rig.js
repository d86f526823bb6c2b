/** One person's rigid skeleton in every frame, as near to the lifted joints as it can come. As utils/export3d/body.py and rig.py. */

import { IDENTITY, add, cross, fromVector, length, minus, product, scaled, solve, toQuaternion, transposed, turned } from "./matrix.js";
import { turnsAlongBones, withHandsAndFeet } from "./turns.js";

const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
const meanVector = vectors => [0, 1, 2].map(axis => mean(vectors.map(vector => vector[axis])));

/** Joints relative to the hip, with the same sum of bone lengths in every frame: the median of all. */
export function equalise(frames, { root, bones }) {
  const centred = frames.map(joints => joints.map(point => minus(point, joints[root])));
  const sizes = centred.map(joints => bones.reduce((sum, [start, end]) => sum + length(minus(joints[end], joints[start])), 0));
  const sorted = sizes.toSorted((a, b) => a - b), half = sorted.length / 2;
  const median = (sorted[Math.floor(half - 0.5)] + sorted[Math.floor(half)]) / 2;
  return centred.map((joints, frame) => joints.map(point => scaled(point, median / sizes[frame])));
}

/**
 * The skeleton that follows joints, with the lower foot on the floor, Y = 0, and the hips above the origin.
 *
 * @param frames joints of equal size, relative to the hip, Y up.
 * @param heightM of the person in metres.
 * @param rig of web/generated/tables.json, with the joints' numbers in `index`.
 * @returns {offsets, rotations, hips, joints, error}: metres; the rotations are quaternions of the nodes in their parents;
 *     the error is in percent of the mean distance of the joints from the hip.
 */
export function fitRig(frames, heightM, rig) {
  const { offsets, height } = fitOffsets(frames, rig), body = { ...rig, offsets };
  const hips = [], joints = [], rotations = [], misses = [], distances = [];
  for (const frame of frames) {
    const wanted = frame.map(point => scaled(point, 1 / height)), { turns, moved } = nearest(wanted, body);
    const followed = jointsOf(body, turns), floor = Math.min(...["left_foot", "right_foot"].map(name => followed[rig.index[name]][1]));
    const placed = [0, rig.ANKLE_HEIGHT - floor, 0], shift = minus(placed, moved);
    misses.push(...followed.map((point, joint) => length(minus(point, wanted[joint]))));
    distances.push(...wanted.map(length));
    hips.push(scaled(placed, heightM));
    joints.push(wanted.map(point => scaled(add(point, shift), heightM)));
    rotations.push(localRotations(turns, rig, rotations.at(-1)));
  }
  return { offsets: offsets.map(offset => scaled(offset, heightM)), rotations, hips, joints, error: 100 * mean(misses) / mean(distances) };
}

/** Each node's place in its parent in the T-pose, in body heights, and the body's height in the joints' unit. */
function fitOffsets(frames, rig) {
  const { names, index, ALONG_SPINE, ALONG_SHOULDER, HEAD_ABOVE_ANKLES, HAND, FOOT, ANKLE_HEIGHT } = rig;
  const turns = frames.map(joints => turnsAlongBones(joints, rig, index)), node = name => names.indexOf(name);
  const distance = (start, end) => mean(["left", "right"].flatMap(side => {
    const [from, to] = [start, end].map(name => index[name.replace("left", side)]);
    return frames.map(joints => length(minus(joints[to], joints[from])));
  }));
  // The mean place of the left and the mirrored right hip or shoulder about a joint that turns.
  const beside = (kind, middle, about) => scaled(meanVector(frames.map((joints, frame) => {
    const [left, right] = ["left", "right"].map(side => turned(
      transposed(turns[frame][node(about)]), minus(joints[index[`${side}_${kind}`]], joints[index[middle]])));
    return add(left, [-right[0], right[1], right[2]]);
  })), 0.5);
  const hip = beside("hip", "hip", "Hips"), shoulder = beside("shoulder", "thorax", "Spine1");
  const spine = distance("hip", "spine"), chest = [0, distance("spine", "thorax"), 0], some = {
    Spine: [0, spine * ALONG_SPINE, 0], Spine1: [0, spine * (1 - ALONG_SPINE), 0],
    Neck: chest, Head: [0, distance("thorax", "neck"), 0], HeadTop_End: [0, distance("neck", "head"), 0],
    LeftShoulder: add(chest, scaled(shoulder, ALONG_SHOULDER)), LeftArm: scaled(shoulder, 1 - ALONG_SHOULDER),
    LeftForeArm: [distance("left_shoulder", "left_elbow"), 0, 0], LeftHand: [distance("left_elbow", "left_wrist"), 0, 0],
    LeftUpLeg: hip, LeftLeg: [0, -distance("left_hip", "left_knee"), 0], LeftFoot: [0, -distance("left_knee", "left_foot"), 0],
  };
  const offsets = withRightSide(some, names), rest = places({ ...rig, offsets });
  const height = (rest[node("HeadTop_End")][1] - rest[node("LeftFoot")][1]) / HEAD_ABOVE_ANKLES;
  const ends = withRightSide({ LeftHand_End: [HAND, 0, 0], LeftToe_End: [0, -ANKLE_HEIGHT, 0.75 * FOOT] }, names);
  return { offsets: offsets.map((offset, number) => add(scaled(offset, 1 / height), ends[number])), height };
}

function withRightSide(some, names) {
  return names.map(name => {
    const [x, y, z] = some[name] ?? some[name.replace("Right", "Left")] ?? [0, 0, 0];
    return name.startsWith("Right") ? [-x, y, z] : [x, y, z];
  });
}

/** Where the nodes are, relative to the hips; in the T-pose, if no turns are given. */
export function places({ parents, offsets }, turns = parents.map(() => IDENTITY)) {
  const found = [];
  parents.forEach((parent, node) => found.push(parent < 0 ? [0, 0, 0] : add(found[parent], turned(turns[parent], offsets[node]))));
  return found;
}

function jointsOf(body, turns) {
  const found = places(body, turns);
  return body.nodeOfJoint.map(node => found[node]);
}

/** Turns and hips of a skeleton that follows joints: Gauss-Newton steps from the turns along bones, to which springs pull back. */
function nearest(wanted, body) {
  const size = 3 + 3 * body.names.length, moved = new Float64Array(size);
  let turns = turnsAlongBones(wanted, body, body.index);
  for (let count = 0; count < body.STEPS; count++) {
    const { matrix, pull } = normalEquations(wanted, body, turns, moved), step = solve(matrix, pull);
    step.forEach((value, number) => { moved[number] += value; });
    turns = turns.map((turn, node) => product(fromVector([...step.subarray(3 + 3 * node, 6 + 3 * node)]), turn));
  }
  return { turns: withHandsAndFeet(turns, body), moved: [...moved.subarray(0, 3)] };
}

/** How joints move with the hips and with each node that turns a little, as least squares want it. */
function normalEquations(wanted, body, turns, moved) {
  const size = moved.length, matrix = new Float64Array(size * size), pull = new Float64Array(size), joints = jointsOf(body, turns);
  for (let number = 3; number < size; number++) {
    matrix[number * size + number] = body.STIFFNESS;
    pull[number] = -body.STIFFNESS * moved[number];
  }
  wanted.forEach((point, joint) => {
    const miss = minus(minus(point, moved), joints[joint]), columns = [0, 1, 2].map(axis => [axis, [0, 1, 2].map(other => Number(axis === other))]);
    for (let node = body.nodeOfJoint[joint]; body.parents[node] >= 0; node = body.parents[node]) {
      const parent = body.parents[node], arm = turned(turns[parent], body.offsets[node]);
      // Turn v by a small w: v + w x v.
      for (const axis of [0, 1, 2]) columns.push([3 + 3 * parent + axis, cross([0, 1, 2].map(other => Number(axis === other)), arm)]);
    }
    for (const [row, one] of columns) {
      pull[row] += one[0] * miss[0] + one[1] * miss[1] + one[2] * miss[2];
      for (const [to, other] of columns) matrix[row * size + to] += one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
    }
  });
  return { matrix, pull };
}

/** Quaternions of turns in those of the parents, without a jump of sign from those of the frame before. */
function localRotations(turns, { parents }, before) {
  return turns.map((turn, node) => {
    const q = toQuaternion(parents[node] < 0 ? turn : product(transposed(turns[parents[node]]), turn));
    return before && q.reduce((sum, value, i) => sum + value * before[node][i], 0) < 0 ? q.map(value => -value) : q;
  });
}
