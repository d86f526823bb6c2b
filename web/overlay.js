/**
 * Keypoints over a picture or a video. The canvas lies over it and has its size; between the limbs it is transparent.
 *
 *     import { createOverlay } from "./overlay.js";
 *     const overlay = createOverlay(canvas, skeleton);
 *     overlay.show(people, width, height);          // width, height of the picture that joints2d are pixels of
 *     overlay.show(people, width, height, false);   // the labels alone
 *
 * skeleton and people are those of viewer.js; of a person it takes joints2d, filled, label, and `faded`, true for
 * people who shall stand back. The picture must fill the canvas's box.
 */

const WIDTH = 0.035, OPAQUE = 0.95, GUESSED = 0.4, STANDS_BACK = 0.3;

export function createOverlay(canvas, skeleton) {
  const pen = canvas.getContext("2d");
  let last = null;

  function paint() {
    if (!last) return;
    const ratio = Math.min(devicePixelRatio, 2), [people, width, limbs] = last;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const scale = canvas.width / width;
    // Whoever stands back is drawn first.
    for (const person of [...people].sort((one, other) => Boolean(other.faded) - Boolean(one.faded))) {
      drawPerson(pen, person, skeleton, scale, ratio, limbs);
    }
  }

  new ResizeObserver(paint).observe(canvas);
  return { show(people, width, height, limbs = true) { last = [people, width, limbs]; paint(); } };
}

function drawPerson(pen, { joints2d, filled = [], label = "", faded }, skeleton, scale, ratio, limbs) {
  const joints = joints2d.map(point => point && [point[0] * scale, point[1] * scale]), seen = joints.filter(Boolean);
  if (!seen.length) return;
  const middle = joints[skeleton.root] || [0, 1].map(i => seen.reduce((sum, p) => sum + p[i], 0) / seen.length);
  const size = seen.reduce((sum, p) => sum + Math.hypot(p[0] - middle[0], p[1] - middle[1]), 0) / seen.length;
  const half = Math.max(WIDTH * size, 1.2 * ratio), opacity = faded ? STANDS_BACK : 1;
  if (limbs) drawLimbs2d(pen, joints, filled, skeleton, half, opacity);
  if (label) tag(pen, label, seen.reduce((top, p) => p[1] < top[1] ? p : top), half, ratio, opacity);
}

function drawLimbs2d(pen, joints, filled, { bones, colours }, half, opacity) {
  pen.lineCap = "round";
  for (const [parent, child] of bones) {
    if (!joints[parent] || !joints[child]) continue;
    const strength = opacity * (filled[child] ? GUESSED : OPAQUE);
    line(pen, joints[parent], joints[child], half * 3, `rgb(255 255 255 / ${strength * 0.75})`);
    line(pen, joints[parent], joints[child], half * 2, `rgb(${colours[child].join(" ")} / ${strength})`);
  }
  joints.forEach((point, joint) => {
    if (!point) return;
    dot(pen, point, half * 1.5, `rgb(${colours[joint].join(" ")} / ${opacity})`);
    dot(pen, point, half * (filled[joint] ? 1.05 : 0.7), `rgb(255 255 255 / ${opacity})`);
  });
}

function line(pen, from, to, width, colour) {
  Object.assign(pen, { strokeStyle: colour, lineWidth: width });
  pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
}

function dot(pen, at, radius, colour) {
  pen.fillStyle = colour;
  pen.beginPath(); pen.arc(...at, radius, 0, 7); pen.fill();
}

/** A small round plate with the person's number, over the head or, at the upper edge, beside it. */
function tag(pen, label, [x, y], half, ratio, opacity) {
  const radius = 10 * ratio, at = [x, Math.max(y - half * 4 - radius, radius + 2 * ratio)];
  dot(pen, at, radius, `rgb(20 23 30 / ${0.78 * opacity})`);
  Object.assign(pen, { fillStyle: `rgb(255 255 255 / ${opacity})`, textAlign: "center", textBaseline: "middle",
                       font: `600 ${12 * ratio}px system-ui, sans-serif` });
  pen.fillText(label, at[0], at[1] + ratio);
}
