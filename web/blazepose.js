/** BlazePose: MediaPipe's person detector and landmark model, several people, followed from frame to frame. As models/detectors/blazepose.py. */

import { boxAround, cropMatrix, distinct, likeness, sample, sizeOf, sureness, windows, withinLimit } from "./crops.js";

/**
 * Finds people.
 *
 * @param detect, locate the two networks: Float32Array in, promise of an array of Float32Arrays out.
 * @param tables of web/generated/tables.json.
 *
 * A person is {points: [[x, y], ...] in pixels, confidence: [...], score}. A finding has `circle` besides, the middle
 * of the hips and the rim of the circle around the person: where to look for the same person in the next picture.
 */
export class BlazePose {
  constructor(detect, locate, { constants, mirroredPoints }) {
    Object.assign(this, { detect, locate, mirrored: mirroredPoints, own: constants.blazepose, crops: constants.crops });
    this.anchors = anchors(this.own);
    this.forget();
  }

  /** Begins anew: the next picture is of another video. */
  forget() {
    this.followed = [];
    this.searched = -Infinity;
  }

  /** The people in a picture {data, width, height}, largest first. */
  async find(picture) {
    const { image, shrink } = withinLimit(picture, this.crops);
    return largestFirst(this.alone(await this.search(image, this.own.FRACTIONS, [])), shrink, picture);
  }

  /**
   * The people in a video's next picture: where they just were, and anew where one is lost or once a second.
   *
   * @param isLive search quickly, for whoever stands before the camera.
   */
  async follow(picture, seconds, isLive) {
    const { image, shrink } = withinLimit(picture, this.crops), { VIDEO_FRACTIONS, STILL_ALIKE, SEARCH_S } = this.own;
    const looks = [];
    for (const { circle } of this.followed) looks.push(await this.landmarks(image, this.cropAround(circle)));
    let found = looks.filter(look => likeness(look, this.crops) >= STILL_ALIKE);
    const passed = seconds - this.searched, newcomersDue = !(passed >= 0 && passed < SEARCH_S);
    if (newcomersDue || found.length < Math.max(looks.length, 1)) {
      found = await this.search(image, newcomersDue && !isLive ? VIDEO_FRACTIONS : VIDEO_FRACTIONS.slice(0, 1), found);
      if (newcomersDue) this.searched = seconds;
    }
    this.followed = this.alone(found);
    return largestFirst(this.followed, shrink, picture);
  }

  alone(found) { return distinct(found, this.mirrored, this.crops); }

  cropAround([hips, rim]) { return cropMatrix(hips, rim, this.own.LANDMARK_SIZE, this.crops); }

  /** Who was found already, and whoever else is in an image. */
  async search(image, fractions, known) {
    const found = [...known];
    for (const fraction of fractions) {
      const boxes = [];
      for (const window of windows(image, fraction, this.crops)) boxes.push(...await this.boxes(image, window));
      for (const box of suppress(boxes, this.own).slice(0, this.own.MOST_CANDIDATES)) {
        if (found.some(person => hasHeadIn(box, person, this.own))) continue;
        const look = await this.look(image, this.cropAround([box[2], box[3]]));
        if (likeness(look, this.crops) >= this.crops.ALIKE) found.push(look);
      }
    }
    return found;
  }

  /** What the detector finds in a square window: {points: six of the box in pixels, score}. */
  async boxes(image, [left, top, side]) {
    const { DETECTOR_SIZE, DETECTION_SCORE } = this.own, pixel = side / DETECTOR_SIZE;
    const pixels = sample(image, [[pixel, 0, left], [0, pixel, top]], DETECTOR_SIZE, [-1, 1], false);
    const [raw, logits] = await this.detect(pixels), found = [];
    for (let number = 0; number < this.anchors.length; number++) {
      const score = sigmoid(logits[number], this.own);
      if (score < DETECTION_SCORE) continue;
      const points = decode(raw.subarray(12 * number, 12 * number + 12), this.anchors[number], this.own);
      found.push({ score, points: points.map(([x, y]) => [x * side + left, y * side + top]) });
    }
    return found;
  }

  /** The person in a crop; while the keypoints are unsure, they give a better crop to look at again. */
  async look(image, crop) {
    const { LOOKS, SURE, HOPELESS } = this.own;
    let best = null;
    for (let count = 0; count < LOOKS; count++) {
      const look = await this.landmarks(image, crop), sure = sureness(look, this.crops);
      if (!best || sure > sureness(best, this.crops)) best = look;
      if (sure >= SURE || likeness(look, this.crops) < HOPELESS) break;
      crop = this.cropAround(look.circle);
    }
    return best;
  }

  /** The keypoints in a crop, in image pixels. */
  async landmarks(image, crop) {
    const { LANDMARK_SIZE, POINTS } = this.own;
    const [raw, presence, , heat] = await this.locate(sample(image, crop, LANDMARK_SIZE, [0, 1]));
    const count = raw.length / 5, points = [], confidence = [];
    for (let number = 0; number < count; number++) {
      const start = [raw[5 * number] / LANDMARK_SIZE, raw[5 * number + 1] / LANDMARK_SIZE];
      const { point, peak } = refine(start, heat, number, count, this.own);
      const [x, y] = point.map(value => value * LANDMARK_SIZE);
      points.push(crop.map(([a, b, c]) => a * x + b * y + c));
      confidence.push(peak * sigmoid(raw[5 * number + 4], this.own));
    }
    return {
      points: points.slice(0, POINTS), confidence: confidence.slice(0, POINTS), score: presence[0],
      circle: points.slice(POINTS, POINTS + 2),
    };
  }
}

/** People of a reduced image as those of the whole picture; what is supposed outside of it was not seen. */
function largestFirst(found, factor, { width, height }) {
  const people = found.map(({ points, confidence, score }) => {
    const enlarged = points.map(point => point.map(value => value * factor));
    const inside = ([x, y]) => x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5;
    return { score, points: enlarged, confidence: confidence.map((value, at) => inside(enlarged[at]) ? value : 0) };
  });
  return people.sort((one, other) => sizeOf(other) - sizeOf(one));
}

/** Whether the detector's box, which is about a face, is about this person's. */
function hasHeadIn(box, { points }, { FACE_POINTS: [first, end] }) {
  const face = points.slice(first ?? 0, end), middle = axis => face.reduce((sum, point) => sum + point[axis], 0) / face.length;
  const [low, high] = boxAround(box.slice(0, 2));
  const away = Math.hypot(...[0, 1].map(axis => middle(axis) - (low[axis] + high[axis]) / 2));
  return away < Math.max(high[0] - low[0], high[1] - low[1]) / 2;
}

export function sigmoid(logit, { LOGIT_LIMIT }) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(logit, -LOGIT_LIMIT), LOGIT_LIMIT)));
}

/** Centres of the detector's boxes, as fractions of the input's side: two a cell and layer. */
function anchors({ ANCHOR_STRIDES, DETECTOR_SIZE }) {
  return ANCHOR_STRIDES.flatMap(stride => {
    const cells = Math.floor(DETECTOR_SIZE / stride), places = Array.from({ length: cells }, (_, at) => (at + 0.5) / cells);
    return places.flatMap(y => places.flatMap(x => [[x, y], [x, y]]));
  });
}

/** Twelve raw numbers as the box's two corners and four points, as fractions of the side. */
function decode(raw, centre, { DETECTOR_SIZE }) {
  const pair = number => [0, 1].map(axis => raw[2 * number + axis] / DETECTOR_SIZE);
  const placed = number => pair(number).map((value, axis) => value + centre[axis]);
  const middle = placed(0), size = pair(1), corner = sign => middle.map((value, axis) => value + sign * size[axis] / 2);
  return [corner(-1), corner(1), placed(2), placed(3), placed(4), placed(5)];
}

/** Boxes that overlap are one person: their mean, weighted by score. Best person first. */
function suppress(boxes, { OVERLAP }) {
  const people = [];
  let left = boxes.toSorted((one, other) => other.score - one.score);
  while (left.length) {
    const cluster = left.filter((box, number) => number === 0 || overlap(left[0].points, box.points) > OVERLAP);
    const total = cluster.reduce((sum, { score }) => sum + score, 0);
    people.push(left[0].points.map((_, number) => [0, 1].map(
      axis => cluster.reduce((sum, { points, score }) => sum + points[number][axis] * score, 0) / total)));
    left = left.filter(box => !cluster.includes(box));
  }
  return people;
}

/** Intersection over union of two boxes. */
function overlap([low, high], [otherLow, otherHigh]) {
  const area = (from, to) => (to[0] - from[0]) * (to[1] - from[1]);
  const shared = [0, 1].reduce((product, axis) => product * Math.max(
    Math.min(high[axis], otherHigh[axis]) - Math.max(low[axis], otherLow[axis]), 0), 1);
  return shared / Math.max(area(low, high) + area(otherLow, otherHigh) - shared, 1e-12);
}

/**
 * A landmark moved to the centre of mass of its heat map nearby, where this is sure.
 *
 * @param point as fractions of the crop's side.
 * @param heat logits (side, side, count) of the heat maps' probabilities.
 * @returns {point, peak}: the highest probability nearby, 0 for a landmark outside the crop.
 */
function refine(point, heat, number, count, own) {
  const { REFINE_WINDOW, REFINE_FROM } = own, side = Math.round(Math.sqrt(heat.length / count));
  const [column, row] = point.map(value => Math.trunc(value * side)), reach = Math.floor(REFINE_WINDOW / 2);
  if (!(column >= 0 && column < side && row >= 0 && row < side)) return { point, peak: 0 };
  let peak = 0, sum = 0, sumX = 0, sumY = 0;
  for (let y = Math.max(row - reach, 0); y <= Math.min(row + reach, side - 1); y++) {
    for (let x = Math.max(column - reach, 0); x <= Math.min(column + reach, side - 1); x++) {
      const value = sigmoid(heat[(y * side + x) * count + number], own);
      peak = Math.max(peak, value);
      sum += value; sumX += value * x; sumY += value * y;
    }
  }
  return peak >= REFINE_FROM ? { point: [sumX / sum / side, sumY / sum / side], peak } : { point, peak };
}
