/** The page: what is open, what is shown, and the controls. */

import { download, startEngine } from "./engine.js";
import { KINDS, filesOf, save } from "./outputs.js";
import { createOverlay } from "./overlay.js";
import { cameraOf } from "./pipeline.js";
import { Playback } from "./playback.js";
import { openCamera, openFile } from "./sources.js";
import { smoothedPeople } from "./smoothing.js";
import { createViewer, placePeople } from "./viewer.js";

const element = id => document.getElementById(id);
const canvas = element("photo");
const PLACE_SHARE = 0.15;
/** What is open {kind, name, width, height, focal, scale}, its frames [{time, people, found}], the one that is shown, and who is chosen. */
const state = { source: null, frames: [], frame: null, chosen: null, places: new Map() };
let engine, viewer, overlay, playback, opening = 0;

const settings = () => ({
  most: Number(element("most").value), smooth: Number(element("smooth").value), fov: Number(element("fov").value),
  height: Number(element("height").value),
});
const camera = () => cameraOf(state.source.width, state.source.height, state.source.focal, settings().fov);

function say(problem) {
  element("problem").textContent = problem instanceof Error ? problem.message : problem;
}

/** Shows that something goes on, of which nobody knows how long it takes. */
function busy(is) {
  const progress = element("progress");
  if (is && "ready" in document.documentElement.dataset) progress.removeAttribute("value");
  progress.hidden = !is && "ready" in document.documentElement.dataset;
}

/** Opens a source, which `load` gives; what was open stays, if it cannot be. */
async function open(load) {
  const number = ++opening;
  say("");
  element("saved").textContent = "";
  busy(true);
  try {
    await ready;
    const source = await load();
    if (!source) return;
    if (number !== opening) return source.close?.();
    playback.stop();
    if (source !== state.source) state.source?.close?.();
    Object.assign(state, { source, frames: [], frame: null, chosen: null, places: new Map() });
    element("welcome").hidden = true;
    for (const id of ["bar", "photo", "overlay", "settings"]) element(id).hidden = false;
    element("transport").hidden = source.kind !== "video";
    layOut(source);
    await lift();
  } catch (error) {
    if (number === opening) say(error);
    if (!state.frame) element("found").textContent = "";
  } finally {
    if (number === opening) busy(false);
  }
}

/** Lifts what is open from its beginning. */
async function lift() {
  const { source } = state, { most } = settings(), { intrinsics, origin } = camera();
  element("camera-note").textContent = `Camera: ${origin}.`;
  if (source.kind !== "picture") return playback.start(source, state.frames, { most, intrinsics });
  drawPicture(source.bitmap);
  overlay.show([], source.width, source.height);
  viewer.setPeople([]);
  showPeople([]);
  element("found").textContent = "Looking for people …";
  element("note").textContent = "";
  const copy = await createImageBitmap(source.bitmap);
  const scene = await engine.ask("picture", { bitmap: copy, scale: source.scale, intrinsics, most }, [copy]);
  if (source === state.source) show({ time: 0, ...scene }, true);
}

function drawPicture(image) {
  const width = image.videoWidth ?? image.width, height = image.videoHeight ?? image.height;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").drawImage(image, 0, 0);
}

/** The panels' shapes: beside each other, or of a very wide picture one above the other. */
function layOut({ width, height, kind }) {
  const aspect = width / height, isWide = aspect > 1.9, panels = document.querySelector(".panels");
  panels.classList.toggle("stacked", isWide);
  panels.style.setProperty("--photo", aspect);
  panels.style.setProperty("--scene", isWide ? 2.2 : Math.min(Math.max(2.2 - aspect, 0.9), 1.4));
  panels.style.setProperty("--chrome", `${kind === "video" ? 300 : 240}px`);
}

const isChosen = person => state.chosen === null || person.id === state.chosen;

/** A person as viewer.js and overlay.js take it. */
function shown({ id, pose, joints, filled, leftOut, uncertainty }, label) {
  const seen = rows => rows.map((row, joint) => leftOut[joint] ? null : row);
  return { id, pose: seen(pose), joints2d: seen(joints), filled, uncertainty: uncertainty ?? undefined, label };
}

/** Shows a frame; where somebody is new, the floor is made to fit. */
function show(frame, isNew = false) {
  const { width, height } = state.source, several = frame.people.length > 1;
  state.frame = frame;
  if (state.source.kind === "picture") state.frames = [frame];
  if (state.chosen !== null && !several) state.chosen = null;
  const found = smoothedPeople(state.frames, state.frames.lastIndexOf(frame), settings().smooth);
  const people = placePeople(found.map(person => shown(person, several ? String(person.id) : "")), width, height, camera().intrinsics?.[0]);
  if (state.source.kind !== "picture") people.forEach(settle);
  const chosen = people.filter(isChosen).map(person => state.chosen === null ? person : { ...person, label: "" });
  viewer.setPeople(chosen, isNew ? { fit: chosen } : {});
  overlay.show(people.map(person => ({ ...person, faded: !isChosen(person) })), width, height, element("keypoints").getAttribute("aria-pressed") === "true");
  showPeople(frame.people.map(person => person.id));
  showNotes(frame);
  document.documentElement.dataset.frames = state.frames.length;
}

/** Places jump with every pixel: they follow slowly. */
function settle(person) {
  const last = state.places.get(person.id) ?? person.place;
  person.place = last.map((value, axis) => value + PLACE_SHARE * (person.place[axis] - value));
  state.places.set(person.id, person.place);
}

/** The buttons that choose who is shown. */
function showPeople(numbers) {
  const group = element("people"), names = numbers.length > 1 ? [null, ...numbers] : [];
  if (group.dataset.names !== String(names)) {
    group.dataset.names = names;
    group.replaceChildren(...names.map(name => Object.assign(document.createElement("button"), {
      textContent: name === null ? "Everyone" : `${name}`, ariaLabel: name === null ? "Everyone" : `Person ${name}`,
      onclick: () => { state.chosen = name; show(state.frame, true); },
    })));
  }
  [...group.children].forEach((button, at) => button.setAttribute("aria-pressed", names[at] === state.chosen));
}

function showNotes({ people, found }) {
  const { joints } = engine.tables, count = `${people.length} ${people.length === 1 ? "person" : "people"}`;
  const others = found > people.length ? ` of ${found} found` : "";
  element("found").textContent = people.length ? `${count} in 3D${others}` : "Nobody is seen.";
  const missing = people.filter(isChosen).map(({ id, leftOut }) => [id, joints.filter((_, joint) => leftOut[joint])]).filter(([, names]) => names.length);
  element("note").textContent = [
    missing.length ? `Not in the picture: ${missing.map(([id, names]) => `${people.length > 1 ? `person ${id}: ` : ""}${names.join(", ").replaceAll("_", " ")}`).join("; ")}.` : "",
    people.filter(isChosen).length > 1 ? "Distances between people assume that all are equally tall." : "",
    viewer.clouds ? "A joint lies in its cloud nine times in ten." : "",
  ].join(" ").trim();
  element("clouds").hidden = !people.some(person => person.uncertainty);
}

const actions = {
  file: () => element("file").click(),
  camera: () => open(() => openCamera(element("facing").value)),
  sample: () => take(download("generated/sample.png").then(content => new File([content], "sample.png", { type: "image/png" }))),
};

/** Opens a file or the promise of one. */
function take(file) {
  if (file) open(async () => openFile(await file));
}

/** Saves what is open under the source's name. */
async function saveAs(kind) {
  busy(true);
  say("");
  try {
    const canvases = { photo: canvas, overlay: element("overlay"), scene: element("scene") };
    const { files, note } = await filesOf(kind, state, engine, { canvases, camera: camera(), ...settings() });
    for (const [name, blob] of files) save(name, blob);
    element("saved").textContent = note;
  } catch (error) {
    say(error);
  } finally {
    busy(false);
  }
}

/** A button that stays pressed. */
function toggle(id, action) {
  element(id).onclick = () => {
    const pressed = element(id).getAttribute("aria-pressed") !== "true";
    element(id).setAttribute("aria-pressed", pressed);
    action(pressed);
    if (state.frame) show(state.frame);
  };
}

function listen() {
  for (const button of document.querySelectorAll("[data-action]")) button.onclick = () => actions[button.dataset.action]();
  for (const button of document.querySelectorAll("[data-view]")) button.onclick = () => viewer.lookFrom(...button.dataset.view.split(" ").map(Number));
  element("file").onchange = event => { take(event.target.files[0]); event.target.value = ""; };
  const drop = element("drop");
  addEventListener("dragover", event => { event.preventDefault(); drop.classList.add("dragged"); });
  addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("dragged"); });
  addEventListener("drop", event => {
    event.preventDefault();
    drop.classList.remove("dragged");
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", event => take(event.clipboardData.files[0]));
  toggle("keypoints", () => {});
  toggle("clouds", pressed => { viewer.clouds = pressed; });
  for (const id of ["most", "smooth", "fov", "lifter", "height", "facing"]) {
    element(id).onchange = () => {
      if (!element(id).checkValidity()) return say(`${element(id).labels[0].firstChild.textContent.trim()} must be from ${element(id).min} to ${element(id).max}.`);
      say("");
      if (id === "facing" && state.source?.kind === "camera") return actions.camera();
      if (id === "smooth" && state.frame) show(state.frame);
      if (["height", "facing", "smooth"].includes(id)) return;
      open(async () => {
        if (id === "lifter") await engine.useLifter(element(id).value);
        return state.source;
      });
    };
  }
}

async function start() {
  const progress = element("progress");
  engine = await startEngine(part => { progress.value = part; });
  const { skeleton, sides, lifters, defaults, standing } = engine.tables;
  for (const [side, colour] of Object.entries(sides)) element(side)?.style.setProperty("--dot", colour);
  viewer = createViewer(element("scene"), skeleton, { swing: true });
  viewer.setPeople([{ pose: standing }]);
  overlay = createOverlay(element("overlay"), skeleton);
  const controls = { play: element("play"), seek: element("seek"), time: element("time") };
  playback = new Playback(engine, controls, { draw: drawPicture, show, fail: say });
  element("smooth").append(new Option("none", 0), new Option("little", defaults.smooth, true, true), new Option("much", 3 * defaults.smooth));
  element("lifter").append(...lifters.map(({ name, title }) => new Option(title, name)));
  const values = { most: defaults.people, fov: defaults.fov, height: defaults.height_m };
  for (const [id, value] of Object.entries(values)) element(id).value = value;
  element("saves").append(...KINDS.map(
    kind => Object.assign(document.createElement("button"), { textContent: kind, onclick: () => saveAs(kind) })));
  document.documentElement.dataset.ready = "";
  busy(false);
}

window.page = { state, get engine() { return engine; }, get viewer() { return viewer; } };
listen();
export const ready = start();
ready.catch(error => { say(error); element("progress").hidden = true; });
