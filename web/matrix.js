/** Vectors [x, y, z], rotation matrices as nine numbers row by row, quaternions [x, y, z, w]. */

export const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scaled = (a, factor) => [a[0] * factor, a[1] * factor, a[2] * factor];
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const length = a => Math.hypot(a[0], a[1], a[2]);
export const unit = a => scaled(a, 1 / Math.max(length(a), 1e-9));
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

export const column = (m, number) => [m[number], m[3 + number], m[6 + number]];
export const fromColumns = (x, y, z) => [x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]];
export const transposed = m => [m[0], m[3], m[6], m[1], m[4], m[7], m[2], m[5], m[8]];
export const turned = (m, v) => [0, 3, 6].map(row => m[row] * v[0] + m[row + 1] * v[1] + m[row + 2] * v[2]);

export function product(a, b) {
  const result = new Array(9);
  for (let row = 0; row < 9; row += 3) {
    for (let to = 0; to < 3; to++) result[row + to] = a[row] * b[to] + a[row + 1] * b[3 + to] + a[row + 2] * b[6 + to];
  }
  return result;
}

/** The turn about a vector by its length in radians. */
export function fromVector(vector) {
  const angle = length(vector), [x, y, z] = unit(vector), c = Math.cos(angle), s = Math.sin(angle), k = 1 - c;
  return [
    c + x * x * k, x * y * k - z * s, x * z * k + y * s,
    x * y * k + z * s, c + y * y * k, y * z * k - x * s,
    x * z * k - y * s, y * z * k + x * s, c + z * z * k,
  ];
}

export function toQuaternion(m) {
  const trace = m[0] + m[4] + m[8], candidates = [m[0], m[4], m[8], trace], most = candidates.indexOf(Math.max(...candidates));
  const q = [m[7] - m[5], m[2] - m[6], m[3] - m[1], 1 + trace];
  if (most < 3) {
    const [i, j, k] = [most, (most + 1) % 3, (most + 2) % 3];
    q[i] = 1 - trace + 2 * m[4 * i];
    q[j] = m[3 * j + i] + m[3 * i + j];
    q[k] = m[3 * k + i] + m[3 * i + k];
    q[3] = m[3 * k + j] - m[3 * j + k];
  }
  const size = Math.hypot(...q);
  return q.map(value => value / size);
}

export function fromQuaternion([x, y, z, w]) {
  return [
    1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
    2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
    2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
  ];
}

/** x of A x = b for a symmetric, positive definite A (n x n, row by row), which is overwritten (Cholesky). */
export function solve(matrix, right) {
  const n = right.length, result = Float64Array.from(right);
  for (let row = 0; row < n; row++) {
    for (let to = 0; to <= row; to++) {
      let sum = matrix[row * n + to];
      for (let k = 0; k < to; k++) sum -= matrix[row * n + k] * matrix[to * n + k];
      matrix[row * n + to] = row === to ? Math.sqrt(Math.max(sum, 1e-12)) : sum / matrix[to * n + to];
    }
  }
  for (let row = 0; row < n; row++) {
    for (let k = 0; k < row; k++) result[row] -= matrix[row * n + k] * result[k];
    result[row] /= matrix[row * n + row];
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let k = row + 1; k < n; k++) result[row] -= matrix[k * n + row] * result[k];
    result[row] /= matrix[row * n + row];
  }
  return result;
}
