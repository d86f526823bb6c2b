/** From the keypoints of a detector to our 17 joints, whole people and parts. As utils/keypoints.py and utils/demo/upper_body.py. */

import { sizeOf } from "./crops.js";

const SIDES = ["left", "right"];
const mean = points => [0, 1].map(axis => points.reduce((sum, point) => sum + point[axis], 0) / points.length);

/**
 * The 17 joints of a person, and which of them nobody saw.
 *
 * @param person {points, confidence, score}.
 * @param threshold keypoints with a lower confidence count as not seen.
 * @returns {keypoints, size, joints: [[x, y], ...], confidence, filled, leftOut}
 * @throws Error of one sentence, if too little is seen even of the upper body.
 */
export function see(person, threshold, tables) {
  const result = { keypoints: person, size: sizeOf(person), leftOut: tables.joints.map(() => false) };
  try {
    return { ...result, ...toJoints(person, threshold, tables) };
  } catch (error) {
    const isSeen = kind => numbersOf([kind], tables).map(number => person.confidence[number] >= threshold);
    const missing = Object.keys(tables.parts).filter(part => !tables.parts[part][0].some(kind => isSeen(kind).some(Boolean)));
    if (!missing.length || !isSeen("shoulder").every(Boolean)) throw error;
    const leftOut = missing.flatMap(part => tables.parts[part][1]);
    return {
      ...result, ...toJoints(suppose(person, missing, threshold, tables), threshold, tables),
      leftOut: tables.joints.map(name => leftOut.includes(name)),
    };
  }
}

/** Joints, their confidence and whether they were guessed; points below the threshold are filled from their neighbours. */
function toJoints({ points, confidence }, threshold, tables) {
  const seen = confidence.map(value => value >= threshold && value > 0), used = number => tables.jointWeights.some(row => row[number]);
  const placed = [...points], missing = [];
  tables.points.forEach((name, number) => {
    if (seen[number] || !used(number)) return;
    const row = (tables.neighbours[name] || []).find(option => Object.keys(option).every(point => seen[tables.points.indexOf(point)]));
    if (row) placed[number] = weighted(Object.entries(row).map(([point, weight]) => [points[tables.points.indexOf(point)], weight]));
    else missing.push(name.replaceAll("_", " "));
  });
  if (missing.length) throw new Error(`Too little of the person is seen, so that ${missing.join(", ")} are unknown: show the person from the shoulders up or more.`);
  // A joint is where its main points are; the others move it a little.
  const main = tables.jointWeights.map(row => [...row.keys()].filter(number => Math.abs(row[number]) >= tables.constants.keypoints.MAIN_POINT));
  return {
    joints: tables.jointWeights.map(row => weighted(row.map((weight, number) => [placed[number], weight]))),
    confidence: main.map(numbers => Math.min(...numbers.map(number => confidence[number]))),
    filled: main.map(numbers => numbers.some(number => !seen[number])),
  };
}

const weighted = terms => [0, 1].map(axis => terms.reduce((sum, [point, weight]) => sum + weight * point[axis], 0));

/** Where the points of some kinds, left before right, are among a person's. */
function numbersOf(kinds, { points }) {
  return kinds.flatMap(kind => SIDES.map(side => points.indexOf(`${side}_${kind}`))).filter(number => number >= 0);
}

/** The person with some parts hanging down, in average proportions. */
function suppose(person, missing, threshold, tables) {
  const { TORSO, THIGH, SHANK, UPPER_ARM, FOREARM, HIP_WIDTH, HALF_SHOULDERS } = tables.constants.anthropometry;
  const points = [...person.points], confidence = [...person.confidence], at = kind => numbersOf([kind], tables).map(number => points[number]);
  const [left, right] = at("shoulder"), across = [left[0] - right[0], left[1] - right[1]], middle = mean([left, right]);
  const hips = mean(at("hip"));
  const torso = missing.includes("hips") ? torsoOf(person, Math.hypot(...across), middle, threshold, tables)
    : Math.hypot(hips[0] - middle[0], hips[1] - middle[1]);
  const chains = {
    hips: ["shoulder", [["hip", TORSO]]],
    legs: ["hip", [["knee", THIGH], ["ankle", SHANK]]],
    arms: ["shoulder", [["elbow", UPPER_ARM], ["wrist", FOREARM]]],
  };
  for (const part of missing) {
    const [start, links] = chains[part], wide = HIP_WIDTH / (2 * HALF_SHOULDERS);
    let ends = part === "hips" ? [0.5, -0.5].map(half => middle.map((value, axis) => value + half * across[axis] * wide)) : at(start);
    for (const [kind, length] of links) {
      ends = ends.map(([x, y]) => [x, y + torso * length / TORSO]);
      numbersOf([kind], tables).forEach((number, side) => {
        points[number] = ends[side];
        confidence[number] = Math.max(threshold, 1e-6);
      });
    }
  }
  return { ...person, points, confidence };
}

/** Length of an unseen torso, from the width of the shoulders or the height of the head above them. */
function torsoOf({ points, confidence }, shoulders, middle, threshold, tables) {
  const { TORSO, EYE_HEIGHT, SHOULDER_HEIGHT, HALF_SHOULDERS } = tables.constants.anthropometry;
  const head = points.filter((_, number) => /(eye|ear)$/.test(tables.points[number]) && confidence[number] >= threshold);
  const top = head.length ? mean(head) : middle, rise = Math.hypot(top[0] - middle[0], top[1] - middle[1]);
  return Math.max(shoulders / (2 * HALF_SHOULDERS), rise / (EYE_HEIGHT - SHOULDER_HEIGHT)) * TORSO;
}
