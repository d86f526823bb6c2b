/** What was lifted of people, as motions in even steps of time. As utils/export3d/motion.py and placing.py. */

import { add, dot, minus, scaled, solve, unit } from "./matrix.js";
import { equalise, fitRig } from "./rig.js";

/**
 * The motions of some people, the origin under the hips of the first one in the first frame.
 *
 * @param tracks [{seconds, poses, leftOut, joints}], one of each a frame; joints in pixels.
 * @param rate frames a second of the result.
 * @param height of every person in metres.
 * @param intrinsics [fx, fy, cx, cy], or null: then each person stays above an origin.
 * @returns [{rate, seconds, seen, offsets, rotations, hips, joints, error}], in metres, Y up; see rig.js.
 */
export function motionsOf(tracks, rate, height, intrinsics, tables) {
  const motions = tracks.map(track => motionOf(track, rate, height, intrinsics, tables));
  const [x, , z] = motions[0].hips[0];
  return motions.map(motion => moved(motion, motion.hips.map(() => [-x, 0, -z])));
}

function motionOf({ seconds: times, poses, leftOut, joints: pixels }, rate, height, intrinsics, { rig, joints: names, skeleton }) {
  const index = Object.fromEntries(names.map((name, number) => [name, number])), last = times.length - 1;
  const seconds = Array.from({ length: Math.round((times[last] - times[0]) * rate) + 1 }, (_, step) => times[0] + step / rate);
  const places = seconds.map(time => {
    const next = times.findIndex(other => other >= time), after = Math.min(Math.max(next < 0 ? last : next, 1), last), before = Math.max(after - 1, 0);
    const way = Math.min(Math.max((time - times[before]) / Math.max(times[after] - times[before], 1e-9), 0), 1);
    return { before, after, way, nearest: way < 0.5 ? before : after };
  });
  const between = values => places.map(({ before, after, way }) => values[before].map(
    (point, joint) => add(point, scaled(minus(values[after][joint], point), way))));
  const known = places.map(({ nearest }) => leftOut[nearest].map(out => !out));
  const seen = places.map(({ nearest }, step) => known[step].map(
    is => is && Math.abs(times[nearest] - seconds[step]) * rate <= rig.SEEN_WITHIN));
  const lifted = equalise(poses.map(pose => pose.map(([x, y, z]) => [x, -y, -z])), skeleton);
  const motion = { rate, seconds, seen, ...fitRig(between(lifted), height, { ...rig, index }) };
  if (!intrinsics) return motion;
  const rays = between(pixels.map(points => points.map(point => rayOf(point, intrinsics)))).map(frame => frame.map(unit));
  const relative = motion.joints.map(frame => frame.map(point => minus(point, frame[skeleton.root])));
  return moved(motion, hipsSeen(relative, rays, known, rate, rig).map(([x, , z]) => [x, 0, z]));
}

/** The same motion elsewhere. */
function moved(motion, shifts) {
  const hips = motion.hips.map((place, frame) => add(place, shifts[frame]));
  return { ...motion, hips, joints: motion.joints.map((points, frame) => points.map(point => add(point, shifts[frame]))) };
}

/** Direction from the camera to a pixel: Y up, -Z away from the camera. */
function rayOf([x, y], [fx, fy, cx, cy]) {
  return unit([(x - cx) / fx, -(y - cy) / fy, -1]);
}

/**
 * Where the hips are from the camera: there the joints are nearest to their rays, in least squares.
 *
 * The distance of a joint p from its ray r is |M p|, M = 1 - r r'. So the hips h minimise the sum of |M (p + h)|^2.
 */
function hipsSeen(joints, rays, known, rate, { DISTANCE_SMOOTHED_S }) {
  const equations = joints.map((points, frame) => {
    const total = new Float64Array(9), pull = new Float64Array(3);
    points.forEach((point, joint) => {
      if (!known[frame][joint]) return;
      const ray = rays[frame][joint], across = minus(point, scaled(ray, dot(ray, point)));
      for (let row = 0; row < 3; row++) {
        pull[row] -= across[row];
        for (let to = 0; to < 3; to++) total[3 * row + to] += Number(row === to) - ray[row] * ray[to];
      }
    });
    return { total, pull };
  });
  const distances = smoothed(equations.map(({ total, pull }) => solve(Float64Array.from(total), pull)[2]), DISTANCE_SMOOTHED_S * rate);
  // At that distance, the best place across.
  return equations.map(({ total: t, pull }, frame) => {
    const z = distances[frame], [x, y] = solve([t[0], t[1], t[3], t[4]], [pull[0] - t[2] * z, pull[1] - t[5] * z]);
    return [x, y, z];
  });
}

/** Values averaged with a bell curve of so many steps; beyond the ends they stay as they are. */
function smoothed(values, sigma) {
  const reach = Math.floor(4 * sigma + 0.5), steps = Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
  const weights = steps.map(step => Math.exp(-0.5 * (step / sigma) ** 2)), total = weights.reduce((sum, weight) => sum + weight, 0);
  return values.map((_, at) => steps.reduce(
    (sum, step, number) => sum + weights[number] * values[Math.min(Math.max(at + step, 0), values.length - 1)], 0) / total);
}
