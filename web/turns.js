/** How the nodes of a skeleton are turned, from the joints alone. As utils/export3d/turns.py. */

import { add, column, cross, dot, fromColumns, length, minus, scaled, unit } from "./matrix.js";

/** The matrix that turns one axis into `first`, and another as near to `second` as can be; which, say `axes`: "xy" or "yx". */
function frame(first, second, axes) {
  const main = unit(first), other = unit(minus(second, scaled(main, dot(second, main))));
  const [x, y] = axes === "xy" ? [main, other] : [other, main];
  return fromColumns(x, y, cross(x, y));
}

/** A vector as the shortest turn from one direction to another carries it. */
function carried(vector, start, end) {
  const axis = cross(start, end), cosine = dot(start, end), along = scaled(axis, dot(axis, vector) / Math.max(1 + cosine, 1e-3));
  return add(add(scaled(vector, cosine), cross(axis, vector)), along);
}

/** The axis of an elbow or knee: the normal of the limb's plane or, the straighter the limb, the usual axis. */
function hingeOf(normal, usual, { STRAIGHT }) {
  return add(normal, scaled(usual, STRAIGHT * (1 - length(normal))));
}

/**
 * Each node's turn from the T-pose to the world.
 *
 * @param joints 17 of one frame, Y up.
 * @param rig {names, parents} of the nodes, and the constants STRAIGHT and ANKLE_RANGE_DEG.
 * @param index number of each joint by name.
 */
export function turnsAlongBones(joints, rig, index) {
  const joint = name => joints[index[name]], between = (start, end) => minus(joint(end), joint(start));
  const hips = between("right_hip", "left_hip"), shoulders = between("right_shoulder", "left_shoulder");
  const found = {
    Hips: frame(hips, between("hip", "spine"), "xy"),
    Spine: frame(between("hip", "spine"), add(unit(hips), unit(shoulders)), "yx"),
    Spine1: frame(between("spine", "thorax"), shoulders, "yx"),
    Neck: frame(between("thorax", "neck"), shoulders, "yx"),
    Head: frame(between("neck", "head"), shoulders, "yx"),
  };
  for (const [side, name, sign] of [["left", "Left", 1], ["right", "Right", -1]]) {
    addArm(found, between, side, name, sign, rig);
    addLeg(found, between, side, name, rig);
  }
  return withHandsAndFeet(rig.names.map(name => found[name] ?? found.Hips), rig);
}

/** In the T-pose an arm lies along X, left as +X, and bends forwards: its hinge is Y. */
function addArm(found, between, side, name, sign, rig) {
  const upper = unit(between(`${side}_shoulder`, `${side}_elbow`)), lower = unit(between(`${side}_elbow`, `${side}_wrist`));
  const chest = found.Spine1, usual = carried(column(chest, 1), column(chest, 0), scaled(upper, sign));
  const hinge = hingeOf(scaled(cross(upper, lower), -sign), usual, rig);
  found[`${name}Shoulder`] = chest;
  found[`${name}Arm`] = frame(scaled(upper, sign), hinge, "xy");
  found[`${name}ForeArm`] = frame(scaled(lower, sign), hinge, "xy");
}

/** In the T-pose a leg hangs along -Y and bends backwards: its hinge is X. */
function addLeg(found, between, side, name, rig) {
  const upper = unit(between(`${side}_hip`, `${side}_knee`)), lower = unit(between(`${side}_knee`, `${side}_foot`));
  const usual = carried(column(found.Hips, 0), scaled(column(found.Hips, 1), -1), upper);
  const hinge = hingeOf(cross(upper, lower), usual, rig);
  found[`${name}UpLeg`] = frame(scaled(upper, -1), hinge, "yx");
  found[`${name}Leg`] = frame(scaled(lower, -1), hinge, "yx");
}

/** The turns with those that no joint tells: hands go on as the forearms, feet are as level as the ankles allow. */
export function withHandsAndFeet(turns, { names, parents, ANKLE_RANGE_DEG }) {
  const result = [...turns];
  names.forEach((name, node) => {
    const above = result[parents[node]];
    if (name.endsWith("Foot")) result[node] = levelFoot(above, ANKLE_RANGE_DEG);
    else if (name.endsWith("Hand") || name.endsWith("_End")) result[node] = above;
  });
  return result;
}

/** The turn of a foot that bends about the X axis of its shank. */
function levelFoot(shank, range) {
  const [x, y, z] = [0, 1, 2].map(number => column(shank, number)), [up, down] = range.map(degrees => degrees * Math.PI / 180);
  const angle = Math.min(Math.max(Math.atan2(z[1], y[1]), up), down), c = Math.cos(angle), s = Math.sin(angle);
  return fromColumns(x, add(scaled(y, c), scaled(z, s)), minus(scaled(z, c), scaled(y, s)));
}
