/** Mouse, finger, wheel and keyboard turn and zoom a view. */

export const ZOOM_RANGE = [0.6, 8], ELEVATION_RANGE = [2, 88];
const TURN = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 4], ArrowDown: [0, -4] };
const ZOOM = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 };

/** Pixels after which a finger is sure not to scroll. */
const SURE = 16;

const clip = (value, [low, high]) => Math.min(Math.max(value, low), high);

/**
 * Lets a canvas change a view.
 *
 * One finger that moves across turns; one that moves up or down scrolls the page, as everywhere else on it. Two fingers
 * zoom and move. The mouse turns, its wheel zooms about the pointer, and a double click resets.
 *
 * @param canvas that is touched.
 * @param view {azimuth, elevation, zoom, pan}, changed in place; pan is in CSS pixels.
 * @param changed called after each change.
 * @param reset called when the view shall be as at first.
 */
export function attachControls(canvas, view, changed, reset) {
  const fingers = new Map();
  let begun = [0, 0];
  const place = event => [event.offsetX - canvas.clientWidth / 2, event.offsetY - canvas.clientHeight / 2];
  canvas.tabIndex = 0;
  canvas.style.touchAction = "pan-y";
  canvas.addEventListener("pointerdown", event => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, begun = place(event));
  });
  canvas.addEventListener("pointermove", event => {
    if (!fingers.has(event.pointerId) || fingers.size > 2) return;
    const before = [...fingers.values()], at = place(event), old = fingers.get(event.pointerId);
    fingers.set(event.pointerId, at);
    const tilts = event.pointerType !== "touch" || Math.abs(at[0] - begun[0]) > SURE;
    if (before.length === 1) turn(view, (old[0] - at[0]) * 0.5, tilts ? (at[1] - old[1]) * 0.4 : 0);
    else pinch(canvas, view, before, [...fingers.values()]);
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, event => fingers.delete(event.pointerId));
  }
  // Two fingers are for the scene alone: the page neither scrolls nor zooms under them.
  canvas.addEventListener("touchstart", event => { if (event.touches.length > 1) event.preventDefault(); });
  canvas.addEventListener("wheel", event => {
    const before = view.zoom, lines = event.deltaMode ? 16 : 1;
    zoomAt(canvas, view, Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), place(event));
    // At either end of its range the wheel is the page's again.
    if (view.zoom === before) return;
    event.preventDefault();
    changed();
  }, { passive: false });
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in TURN) turn(view, ...TURN[event.key]);
    else if (event.key in ZOOM) zoomAt(canvas, view, ZOOM[event.key]);
    else if (event.key === "0" || event.key === "Home") reset();
    else return;
    event.preventDefault();
    changed();
  });
}

/** Turns by degrees. */
export function turn(view, azimuth, elevation) {
  view.azimuth += azimuth;
  view.elevation = clip(view.elevation + elevation, ELEVATION_RANGE);
}

/** Zooms by a factor; the point `at` (from the canvas's middle) stays where it is. */
export function zoomAt(canvas, view, factor, at = [0, 0]) {
  const zoom = clip(view.zoom * factor, ZOOM_RANGE), ratio = zoom / view.zoom;
  view.zoom = zoom;
  move(canvas, view, view.pan.map((value, i) => at[i] - (at[i] - value) * ratio));
}

/** Sets the pan, so that the scene stays in sight. */
function move(canvas, view, pan) {
  const reach = Math.max(view.zoom - 1, 0) / 2, size = [canvas.clientWidth, canvas.clientHeight];
  view.pan = pan.map((value, i) => clip(value, [-reach * size[i], reach * size[i]]));
}

/** Two fingers moved: the scene under them moves and grows with them. */
function pinch(canvas, view, before, after) {
  const middle = ([one, two]) => [(one[0] + two[0]) / 2, (one[1] + two[1]) / 2];
  const apart = ([one, two]) => Math.max(Math.hypot(one[0] - two[0], one[1] - two[1]), 1);
  const from = middle(before), to = middle(after);
  zoomAt(canvas, view, apart(after) / apart(before), from);
  move(canvas, view, view.pan.map((value, i) => value + to[i] - from[i]));
}
