/**
 * People in 3D on a canvas: they turn under mouse and finger, and zoom under wheel and pinch. No library.
 *
 *     import { createViewer, placePeople } from "./viewer.js";
 *     const viewer = createViewer(canvas, skeleton, { swing: true });
 *     viewer.setPeople(placePeople(people, width, height), { fit: people });
 *
 * skeleton (utils/demo/viewer.py: skeleton_tables writes it):
 *     root      number of the joint that is the poses' origin
 *     bones     [[parent, child], ...]
 *     radii     [[near, far], ...] of each bone, in the poses' unit
 *     colours   [[r, g, b], ...] of each joint; a bone has the colour of its child
 *     elevation degrees from which the scene is seen at first
 *
 * A person, as pose.json has it:
 *     pose         [[x, y, z], ...], one a joint: x right, y down, z away from the camera; null: not in the picture
 *     joints2d     [[x, y], ...] in the picture's pixels, or null; `placePeople` and overlay.js need it
 *     filled       [bool, ...], optional: limbs to guessed joints are paler
 *     uncertainty  [number, ...], optional: a joint lies within this radius nine times in ten, in the poses'
 *                  unit; these are clouds around the joints, where viewer.clouds is true
 *     place        [x, z], optional: where on the floor the root is
 *     label        text over the head, optional
 *
 * A viewer:
 *     setPeople(people, {fit})  shows people. The floor and the scale stay as they are, but for people who would leave
 *                               them, unless `fit` is given: the people that the floor shall hold, such as `people`
 *                               for another picture, or those of all frames of a video
 *     view                      {azimuth, elevation, zoom, pan}; call draw() after changing it
 *     lookFrom(azimuth, elevation)  turns there smoothly
 *     reset()                   as the camera saw the people
 *     clouds                    whether uncertainty is shown
 *     swinging                  the people swing gently until somebody touches them; false stops it
 *     draw()                    draws in the next animation frame, as needed after another colour scheme is chosen
 *
 * The canvas may have any size and is drawn in the screen's own pixels. Its colours are custom properties of style.css:
 * --floor, --grid, --haze, --shade, --ink. It needs a size from CSS.
 */

import { attachControls } from "./controls.js";
import {
  boxOf, cameraOf, createLayer, drawClouds, drawFloor, drawLimbs, drawShadow, project, shadowOf,
} from "./drawing.js";

const SOLE = 0.06, MARGIN = 0.15, CROWN = 0.24, USUAL_HEIGHT = 3.3;
const SMALLEST = 0.62, RIM = 1.12, FLOOR_SHOWN = 0.85;
const MOST_PIXELS = 2, SWING_DEG = 35, TURN_MS = 450;

export function createViewer(canvas, skeleton, { swing = false } = {}) {
  const pen = canvas.getContext("2d"), layer = createLayer(), start = { azimuth: 0, elevation: skeleton.elevation };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const view = { ...start, zoom: 1, pan: [0, 0] };
  let people = [], stage = null, asked = 0, turning = 0;

  const viewer = {
    view, clouds: false, swinging: swing && !calm,
    setPeople(shown, { fit = null } = {}) {
      people = shown.map(person => stand(person, skeleton));
      if (fit || !stage) stage = stageOf((fit || shown).map(person => stand(person, skeleton)));
      else stage = grown(stage, people);
      viewer.draw();
    },
    lookFrom(azimuth, elevation = start.elevation) {
      viewer.swinging = false;
      const from = { ...view }, begun = performance.now(), number = ++turning;
      const turn = ((azimuth - from.azimuth) % 360 + 540) % 360 - 180;
      const step = now => {
        if (number !== turning) return;
        const part = calm ? 1 : Math.min(Math.max((now - begun) / TURN_MS, 0), 1), eased = part * part * (3 - 2 * part);
        view.azimuth = from.azimuth + turn * eased;
        view.elevation = from.elevation + (elevation - from.elevation) * eased;
        viewer.draw();
        if (part < 1) requestAnimationFrame(step);
      };
      step(begun);
    },
    reset() {
      Object.assign(view, { zoom: 1, pan: [0, 0] });
      viewer.lookFrom(start.azimuth, start.elevation);
    },
    draw() { asked ||= requestAnimationFrame(time => { asked = 0; paint(time); }); },
  };

  function paint(time) {
    const ratio = Math.min(devicePixelRatio, MOST_PIXELS);
    const width = Math.max(Math.round(canvas.clientWidth * ratio), 2);
    const height = Math.max(Math.round(canvas.clientHeight * ratio), 2);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    if (!stage) return;
    // Until somebody touches it, the scene swings gently, so that its depth shows.
    if (viewer.swinging) { view.azimuth = SWING_DEG * Math.sin(time / 1800); viewer.draw(); }
    const camera = cameraOf({ ...view, pan: view.pan.map(value => value * ratio) }, stage, width, height);
    const theme = themeOf(canvas);
    drawFloor(pen, camera, theme);
    for (const person of people) {
      if (person.bones.length) drawShadow(pen, camera, person.shadow ||= shadowOf(person.bones, theme.shade));
    }
    const bones = people.flatMap(person => person.bones).map(bone => ({ ...bone, colour: shown(bone.colour, theme) }));
    if (viewer.clouds) {
      const clouds = people.flatMap(person => person.clouds);
      drawClouds(pen, camera, clouds.map(cloud => ({ ...cloud, colour: shown(cloud.colour, theme) })));
    }
    drawLimbs(pen, camera, layer, bones, theme.haze);
    drawLabels(pen, camera, people, theme.ink, ratio);
  }

  const touched = () => { viewer.swinging = false; turning++; };
  attachControls(canvas, view, () => { touched(); viewer.draw(); }, viewer.reset);
  canvas.addEventListener("pointerdown", touched);
  new ResizeObserver(viewer.draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const person of people) person.shadow = null;
    viewer.draw();
  });
  return viewer;
}

/**
 * Gives people their places on the floor, as the picture shows them: side by side, and the smaller, the farther away.
 * This takes all to be equally large, for a picture does not tell.
 *
 * @param people with pose and joints2d.
 * @param width of the picture in pixels; with `height` it gives the middle.
 * @param focal length in pixels, if it is known.
 * @returns new people, each with its place.
 */
export function placePeople(people, width, height, focal = 1.1 * Math.max(width, height)) {
  const scales = people.map(pixelsPerUnit), middle = scales.toSorted((a, b) => a - b)[scales.length >> 1];
  return people.map((person, number) => {
    const scale = Math.min(Math.max(scales[number], middle / 2), middle * 2), seen = seenJoints(person);
    const across = seen.reduce((sum, [p, q]) => sum + (q[0] - width / 2) / scale - p[0], 0) / seen.length;
    return { ...person, place: [across, focal / scale] };
  });
}

const seenJoints = ({ pose, joints2d }) => pose.map((p, joint) => [p, joints2d[joint]]).filter(([p, q]) => p && q);

/** How many of the picture's pixels a person's unit is wide. */
function pixelsPerUnit(person) {
  const seen = seenJoints(person), spread = points => {
    const mean = [0, 1].map(i => points.reduce((sum, p) => sum + p[i], 0) / points.length);
    return Math.hypot(...points.flatMap(p => [p[0] - mean[0], p[1] - mean[1]]));
  };
  return Math.max(spread(seen.map(([, q]) => q)), 1e-6) / Math.max(spread(seen.map(([p]) => p)), 1e-6);
}

/** A person with feet on the floor: joints in the world, what is drawn of them, and the crown of the head. */
function stand({ pose, place = [0, 0], filled = [], uncertainty = [], label = "" }, { root, bones, radii, colours }) {
  const seen = pose.filter(Boolean), hip = pose[root] || [0, 0, 0];
  const floor = Math.max(...seen.map(p => p[1])) + SOLE;
  const joints = pose.map(p => p && [p[0] - hip[0] + place[0], p[1] - floor, p[2] - hip[2] + place[1]]);
  const drawn = bones.map(([parent, child], bone) => ({
    from: joints[parent], to: joints[child], radii: radii[bone], colour: colours[child], guessed: filled[child],
  })).filter(({ from, to }) => from && to);
  const clouds = joints.map((at, joint) => ({ at, colour: colours[joint], radius: uncertainty[joint] || 0 }));
  const highest = joints.filter(Boolean).reduce((top, p) => p[1] < top[1] ? p : top, [0, Infinity, 0]);
  return { joints, bones: drawn, clouds: clouds.filter(({ at, radius }) => at && radius > 0), label, highest };
}

/** The floor that holds some people: its middle, its radius, and how tall the people are. */
function stageOf(people) {
  const joints = people.flatMap(person => person.joints.filter(Boolean));
  const [left, near, right, far] = boxOf(joints.length ? joints.map(p => [p[0], p[2]]) : [[0, 0]]);
  const height = joints.length ? 0 : USUAL_HEIGHT;
  return grown({ x: (left + right) / 2, z: (near + far) / 2, radius: 0, reach: 0, height }, people);
}

/** The same floor, larger if somebody would leave it. */
function grown(stage, people) {
  const joints = people.flatMap(person => person.joints.filter(Boolean));
  const height = joints.reduce((most, p) => Math.max(most, CROWN - p[1]), stage.height);
  const away = joints.reduce((most, p) => Math.max(most, Math.hypot(p[0] - stage.x, p[2] - stage.z) + MARGIN), 0);
  const radius = Math.max(stage.radius, away * RIM, SMALLEST * height);
  return { ...stage, height, radius, reach: Math.max(stage.reach, away, FLOOR_SHOWN * radius) };
}

/** The colours that style.css gives the canvas. */
function themeOf(canvas) {
  const style = getComputedStyle(canvas), read = name => style.getPropertyValue(name).trim();
  const numbers = name => read(name).match(/[\d.]+/g).map(Number).slice(0, 3);
  return { floor: read("--floor"), grid: read("--grid"), ink: read("--ink"),
           haze: numbers("--haze"), shade: numbers("--shade") };
}

/** A colour that can be told from the backdrop: dark limbs are lightened on a dark one. */
function shown(colour, { haze }) {
  const dark = Math.max(...haze) < 128 && Math.max(...colour) < 128;
  return dark ? colour.map(value => value * 0.35 + 255 * 0.5) : colour;
}

function drawLabels(pen, camera, people, ink, ratio) {
  Object.assign(pen, { fillStyle: ink, textAlign: "center", font: `600 ${13 * ratio}px system-ui, sans-serif` });
  for (const { label, highest } of people.filter(person => person.label)) {
    const [x, y] = project(camera, highest);
    pen.fillText(label, x, y - CROWN * camera.scale - 6 * ratio);
  }
}
