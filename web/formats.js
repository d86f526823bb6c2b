/** Motions as files for other programs: BVH and TRC. As utils/export3d/bvh.py and trc.py. */

import { fromQuaternion } from "./matrix.js";

const CM = 100;

/** BVH: centimetres and degrees, Y up, a T-pose that faces +Z at rest. The hips' offset is 0, for readers differ in whether they add it. */
export function bvhOf({ rate, seconds, offsets, rotations, hips }, { rig: { names, parents } }) {
  const children = node => [...parents.keys()].filter(other => parents[other] === node);
  const below = node => [node, ...children(node).flatMap(below)], isEnd = node => names[node].endsWith("_End");
  const entry = (node, indent) => {
    const deeper = `${indent}  `, offset = `${deeper}OFFSET ${offsets[node].map(value => (value * CM).toFixed(4)).join(" ")}`;
    if (isEnd(node)) return [`${indent}End Site`, `${indent}{`, offset, `${indent}}`];
    const [kind, place] = node ? ["JOINT", "3 "] : ["ROOT", "6 Xposition Yposition Zposition "];
    return [
      `${indent}${kind} ${names[node]}`, `${indent}{`, offset, `${deeper}CHANNELS ${place}Zrotation Xrotation Yrotation`,
      ...children(node).flatMap(child => entry(child, deeper)), `${indent}}`,
    ];
  };
  const turning = below(0).filter(node => !isEnd(node)), rows = [];
  rotations.forEach((frame, number) => {
    const angles = turning.flatMap(node => eulerAngles(frame[node])), before = rows.at(-1);
    // Without jumps by whole turns.
    rows.push(before ? angles.map((angle, i) => angle - 360 * Math.round((angle - before[i]) / 360)) : angles);
  });
  const lines = rows.map((angles, number) => [...hips[number].map(value => value * CM), ...angles].map(value => value.toFixed(4)).join(" "));
  const head = ["HIERARCHY", ...entry(0, ""), "MOTION", `Frames: ${seconds.length}`, `Frame Time: ${(1 / rate).toFixed(10)}`];
  return `${[...head, ...lines].join("\n")}\n`;
}

/** Degrees of a turn about Z, then the new X, then the new Y. */
function eulerAngles(quaternion) {
  const m = fromQuaternion(quaternion), x = Math.asin(Math.min(Math.max(m[7], -1), 1));
  return [Math.atan2(-m[1], m[4]), x, Math.atan2(-m[6], m[8])].map(angle => angle * 180 / Math.PI);
}

/** TRC, the markers of OpenSim: metres, Y up, empty where a joint was not seen. */
export function trcOf({ rate, seconds, seen, joints }, { markers, joints: names }, name) {
  const count = seconds.length, shown = `${Number(rate.toPrecision(6))}`, shoulders = ["left_shoulder", "right_shoulder"].map(joint => names.indexOf(joint));
  const numbered = markers.map((_, at) => `X${at + 1}\tY${at + 1}\tZ${at + 1}`);
  const head = [
    `PathFileType\t4\t(X/Y/Z)\t${name}`,
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
    [shown, shown, count, markers.length, "m", shown, 1, count].join("\t"),
    `Frame#\tTime\t${markers.join("\t\t\t")}\t\t\t`,
    `\t\t${numbered.join("\t")}\t`,
  ];
  const lines = seconds.map((time, frame) => {
    const neck = [0, 1, 2].map(axis => (joints[frame][shoulders[0]][axis] + joints[frame][shoulders[1]][axis]) / 2);
    const isNeckSeen = shoulders.every(joint => seen[frame][joint]);
    const places = [...joints[frame].map((point, joint) => seen[frame][joint] ? point : null), isNeckSeen ? neck : null];
    return [frame + 1, time.toFixed(6), ...places.flatMap(point => point ? point.map(value => value.toFixed(6)) : ["", "", ""])].join("\t");
  });
  return `${[...head, ...lines].join("\n")}\n`;
}
