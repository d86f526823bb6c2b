/** Where people are: squares that a network looks at, how they are cut out, and who was found twice. As models/detectors/crops.py. */

/**
 * Squares [left, top, side] that cover a picture, each half over the next.
 *
 * @param fraction of the picture's longer side; 1 gives one square around all of it.
 */
export function windows({ width, height }, fraction, { OVER_THE_EDGE }) {
  const side = Math.max(width, height) * fraction;
  const starts = length => {
    if (length <= side) return [(length - side) / 2];
    const first = -OVER_THE_EDGE * side, last = length - (1 - OVER_THE_EDGE) * side;
    const count = Math.ceil((last - first) / (side / 2)) + 1;
    return Array.from({ length: count }, (_, number) => first + (last - first) * number / (count - 1));
  };
  return starts(height).flatMap(top => starts(width).map(left => [left, top, side]));
}

/** 2 x 3 affine from a crop of `size` pixels a side to the image: the person upright, hips in the middle. */
export function cropMatrix(hips, rim, size, { CROP_SCALE }) {
  const up = [rim[0] - hips[0], rim[1] - hips[1]], length = Math.hypot(...up), pixel = 2 * CROP_SCALE * length / size;
  const [across, along] = up.map(value => -value / Math.max(length, 1e-9) * pixel), half = size / 2;
  return [[along, across, hips[0] - (along + across) * half], [-across, along, hips[1] - (along - across) * half]];
}

/**
 * The values of a square picture whose pixel p is the image at `matrix` p, bilinear.
 *
 * @param image {data, width, height}, 8-bit RGBA.
 * @param range [low, high]: what black and white become.
 * @param repeatBorder what is outside of the image: its border, or else black.
 * @returns Float32Array of size x size x 3.
 */
export function sample({ data, width, height }, matrix, size, [low, high], repeatBorder = true) {
  const pixels = new Float32Array(size * size * 3), gain = (high - low) / 255, { fround, floor } = Math;
  // Single precision as in Python: on the image's edge a rounding decides what is outside.
  const [alongX, alongY] = matrix.map(([step]) => Float32Array.from({ length: size }, (_, at) => fround(step) * at));
  const [downX, downY] = matrix.map(([, step]) => Float32Array.from({ length: size }, (_, at) => fround(step) * at));
  const startX = fround(matrix[0][2]), startY = fround(matrix[1][2]), lastX = width - 1, lastY = height - 1;
  const clip = (value, last) => value < 0 ? 0 : value > last ? last : value;
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at += 3) {
      const x = fround(fround(alongX[column] + downX[row]) + startX);
      const y = fround(fround(alongY[column] + downY[row]) + startY);
      if (!repeatBorder && (x < 0 || y < 0 || x > lastX || y > lastY)) {
        pixels[at] = pixels[at + 1] = pixels[at + 2] = low;
        continue;
      }
      const left = floor(x), top = floor(y), shareX = x - left, shareY = y - top;
      const west = clip(left, lastX), east = clip(left + 1, lastX);
      const north = clip(top, lastY) * width, south = clip(top + 1, lastY) * width;
      const a = 4 * (north + west), b = 4 * (north + east), c = 4 * (south + west), d = 4 * (south + east);
      for (let colour = 0; colour < 3; colour++) {
        const upper = data[a + colour] + (data[b + colour] - data[a + colour]) * shareX;
        const lower = data[c + colour] + (data[d + colour] - data[c + colour]) * shareX;
        pixels[at + colour] = (upper + (lower - upper) * shareY) * gain + low;
      }
    }
  }
  return pixels;
}

/** The image with no side over the limit, its pixels means of blocks, and by how much its sides were divided. */
export function withinLimit(image, { LARGEST_SIDE }) {
  const { data, width, height } = image, shrink = Math.ceil(Math.max(width, height) / LARGEST_SIDE);
  if (shrink === 1) return { image, shrink };
  const small = { width: Math.ceil(width / shrink), height: Math.ceil(height / shrink) };
  small.data = new Uint8ClampedArray(small.width * small.height * 4);
  for (let row = 0, at = 0; row < small.height; row++) {
    const bottom = Math.min((row + 1) * shrink, height);
    for (let column = 0; column < small.width; column++, at += 4) {
      const right = Math.min((column + 1) * shrink, width), sums = [0, 0, 0];
      for (let y = row * shrink; y < bottom; y++) {
        for (let x = column * shrink; x < right; x++) {
          for (let colour = 0; colour < 3; colour++) sums[colour] += data[4 * (y * width + x) + colour];
        }
      }
      const count = (bottom - row * shrink) * (right - column * shrink);
      for (let colour = 0; colour < 3; colour++) small.data[at + colour] = Math.floor(sums[colour] / count + 0.5);
    }
  }
  return { image: small, shrink };
}

const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Diagonal of the box around the points that were found. */
export function sizeOf({ points, confidence }) {
  const found = points.filter((_, number) => confidence[number] > 0);
  if (!found.length) return 0;
  const [low, high] = boxAround(found);
  return Math.hypot(high[0] - low[0], high[1] - low[1]);
}

/** How much a finding is like a person, 0 to 1: by its surest points, so that half a person can be one. */
export function likeness({ score, confidence }, { SUREST_POINTS }) {
  return score * mean(confidence.toSorted((a, b) => a - b).slice(-SUREST_POINTS));
}

/** How far to trust all of a person's keypoints: the median confidence of the body's, if there is a person. */
export function sureness({ score, confidence }, { BODY_POINTS: [first, end] }) {
  const sorted = confidence.slice(first, end).sort((a, b) => a - b), half = sorted.length / 2;
  return score * (sorted[Math.floor(half - 0.5)] + sorted[Math.floor(half)]) / 2;
}

/** The people without those that are another one again: of these the first stays, or one that is much surer. */
export function distinct(people, mirrored, constants) {
  let kept = [];
  for (const person of people) {
    const same = kept.filter(other => isSame(person, other, mirrored, constants));
    if (same.every(other => constants.LESS_SURE * sureness(person, constants) > sureness(other, constants))) {
      kept = [...kept.filter(other => !same.includes(other)), person];
    }
  }
  return kept;
}

/** Whether two findings are one person: the same points, or much less sure points within the other's box. */
function isSame(one, other, mirrored, constants) {
  const [unsure, sure] = [one, other].sort((a, b) => sureness(a, constants) - sureness(b, constants));
  const trust = one.confidence.map((value, number) => value * other.confidence[number] + 1e-9);
  // A network may take left for right, in the whole body or in the legs alone.
  const apart = sure.points.map(([x, y], number) => Math.min(...[number, mirrored[number]].map(
    same => Math.hypot(unsure.points[same][0] - x, unsure.points[same][1] - y))));
  const total = trust.reduce((sum, value) => sum + value, 0);
  const away = apart.reduce((sum, value, number) => sum + value * trust[number], 0) / total / Math.max(sizeOf(sure), 1e-9);
  const boxes = [one, other].map(person => boxAround(person.points));
  const area = ([low, high]) => Math.max(high[0] - low[0], 0) * Math.max(high[1] - low[1], 0);
  const common = [0, 1].map(end => [0, 1].map(axis => (end ? Math.min : Math.max)(...boxes.map(box => box[end][axis]))));
  const shared = area(common) / Math.max(Math.min(...boxes.map(area)), 1e-9);
  return away < constants.SAME_POINTS
    || (shared > constants.SAME_BOX && sureness(unsure, constants) < constants.LESS_SURE * sureness(sure, constants));
}

/** Lowest and highest corner of the box around points. */
export function boxAround(points) {
  const [x, y] = [0, 1].map(axis => points.map(point => point[axis]));
  return [[Math.min(...x), Math.min(...y)], [Math.max(...x), Math.max(...y)]];
}
