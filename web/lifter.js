/** The lifter: 17 joints in pixels in, a 3D pose out. As models/lifter.py, its network as plain products of matrices. */

/**
 * @param file ArrayBuffer of half-precision weights (outputs, inputs) and biases, layer by layer.
 * @param layout {width, blocks, inputs, outputs}: inputs a joint are x, y and, of three, the confidence; outputs a joint
 *     are the depth and, of four, the corrections of x and y and the logarithm of the scale of the error.
 * @param tables of web/generated/tables.json.
 */
export class Lifter {
  constructor(file, { width, blocks, inputs, outputs }, { joints, mirror, skeleton, constants }) {
    Object.assign(this, { inputs, outputs, mirror, root: skeleton.root, ...constants.geometry, ...constants.lifter });
    const widths = [joints.length * inputs, ...Array(2 * blocks + 1).fill(width), joints.length * outputs];
    const halves = new Uint16Array(file);
    let at = 0;
    const take = length => Float32Array.from(halves.subarray(at, at += length), fromHalf);
    this.layers = widths.slice(1).map((to, number) => ({ weights: take(to * widths[number]), biases: take(to) }));
    if (at !== halves.length) throw new Error("The file of the lifter is damaged: reload the page.");
  }

  /**
   * Root-relative pose of joints in an image, the mean of it and of its mirror image's.
   *
   * @param joints [[x, y], ...] in pixels.
   * @param intrinsics [fx, fy, cx, cy], or null: the camera looks straight at the person.
   * @param confidence of each joint: 1 exact, 0.5 as detectors find it, 0 nobody sees it.
   * @returns {pose: [[x, y, z], ...], uncertainty: [radius, ...] or null}
   */
  lift(joints, intrinsics, confidence) {
    const trust = this.inputs > 2 ? confidence : joints.map(() => 1);
    let points = joints, turn = null;
    if (intrinsics) {
      const [fx, fy, cx, cy] = intrinsics, rays = joints.map(([x, y]) => [(x - cx) / fx, (y - cy) / fy]);
      turn = turnToRay(rays[this.root]);
      points = rays.map(([x, y]) => {
        const [a, b, c] = [0, 1, 2].map(axis => turn[0][axis] * x + turn[1][axis] * y + turn[2][axis]);
        return [a / Math.max(c, 1e-6), b / Math.max(c, 1e-6)];
      });
    }
    const { flat, size } = this.normalise(points, trust), flipped = this.mirror.map(joint => [-flat[joint][0], flat[joint][1]]);
    const trusts = [trust, this.mirror.map(joint => trust[joint])];
    const raw = this.run(...[flat, flipped].map((pose, number) => this.inputOf(pose, trusts[number])));
    const [one, other] = [flat, flipped].map((pose, number) => this.liftNormalised(pose, raw[number]));
    const pose = one.pose.map((p, joint) => {
      const q = other.pose[this.mirror[joint]];
      return [(p[0] - q[0]) / 2, (p[1] + q[1]) / 2, (p[2] + q[2]) / 2];
    });
    return {
      pose: turn ? this.inPerspective(pose, size).map(p => turn.map(row => row[0] * p[0] + row[1] * p[1] + row[2] * p[2])) : pose,
      uncertainty: one.scale && one.scale.map((value, joint) => this.RADIUS_90 * (value + other.scale[this.mirror[joint]]) / 2),
    };
  }

  /** The pose as far from the camera as the person is, `nearness` being c over that distance in the person's sizes. */
  inPerspective(pose, nearness) {
    const { CAMERA_DISTANCE: far, NEAREST_DEPTH: near } = this;
    if (this.outputs > 1) return pose;
    return pose.map(([x, y, z]) => {
      const factor = Math.max(far + nearness * z, near) / (far + z);
      return [x * factor, y * factor, z];
    });
  }

  /** Root-centred joints, those that are seen 1 / c from the root on average, and the scale that they had. */
  normalise(points, trust) {
    const [x, y] = points[this.root], centred = points.map(point => [point[0] - x, point[1] - y]);
    const seen = trust.map(value => value > 0), others = seen.filter(Boolean).length - 1;
    const sum = centred.reduce((total, point, joint) => total + (seen[joint] ? Math.hypot(...point) : 0), 0);
    const scale = Math.max(sum / Math.max(others, 1), 1e-9) * this.CAMERA_DISTANCE;
    return { flat: centred.map((point, joint) => seen[joint] ? point.map(value => value / scale) : [0, 0]), size: scale };
  }

  inputOf(flat, trust) {
    const rows = flat.map((point, joint) => [...point.map(value => value * this.CAMERA_DISTANCE), ...(this.inputs > 2 ? [trust[joint]] : [])]);
    return Float32Array.from(rows.flat());
  }

  /** The pose that the network's raw outputs say, and the scales of its errors. */
  liftNormalised(flat, raw) {
    const { CAMERA_DISTANCE: far, NEAREST_DEPTH: near, root, outputs } = this, output = (joint, number) => raw[joint * outputs + number];
    const correction = (joint, axis) => outputs > 1 ? (output(joint, axis + 1) - output(root, axis + 1)) / far : 0;
    const placed = flat.map(([x, y], joint) => {
      const depth = Math.max(far + output(joint, 0) - output(root, 0), near);
      return [(x + correction(joint, 0)) * depth, (y + correction(joint, 1)) * depth, depth];
    });
    const { START_SCALE: start, SCALE_RANGE: range } = this;
    const scale = outputs > 3 && flat.map((_, joint) => start * Math.exp(range * Math.tanh(output(joint, 3) / range)));
    return { pose: placed.map(p => p.map((value, axis) => value - placed[root][axis])), scale: scale || null };
  }

  /** The network for two inputs at once: linear in, residual blocks x + g(g(x)), linear out. */
  run(...inputs) {
    const relu = pair => pair.map(values => values.map(value => Math.max(value, 0)));
    let features = relu(products(this.layers[0], ...inputs));
    for (let number = 1; number < this.layers.length - 1; number += 2) {
      const inner = relu(products(this.layers[number], ...features)), added = relu(products(this.layers[number + 1], ...inner));
      features = features.map((values, which) => values.map((value, i) => value + added[which][i]));
    }
    return products(this.layers.at(-1), ...features);
  }
}

/** Weights times one vector and another, plus biases: each weight is fetched from memory once. */
function products({ weights, biases }, one, other) {
  const results = [Float32Array.from(biases), Float32Array.from(biases)], size = one.length;
  for (let row = 0, at = 0; row < biases.length; row++) {
    let sum = 0, another = 0;
    for (let i = 0; i < size; i++, at++) {
      sum += weights[at] * one[i];
      another += weights[at] * other[i];
    }
    results[0][row] += sum;
    results[1][row] += another;
  }
  return results;
}

/** The smallest rotation that takes the optical axis to the direction (x, y, 1) of a ray. */
function turnToRay(ray) {
  const length = Math.hypot(...ray, 1), [x, y, z] = [...ray, 1].map(value => value / length), k = 1 / (1 + z);
  return [[1 - x * x * k, -x * y * k, x], [-x * y * k, 1 - y * y * k, y], [-x, -y, z]];
}

/** A half-precision number from its 16 bits. */
function fromHalf(bits) {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return exponent === 31 ? (fraction ? NaN : sign * Infinity) : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
