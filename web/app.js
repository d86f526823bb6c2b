/** The page: what is open, what is shown, and the controls. */

import { startEngine } from "./engine.js";
import { asJson, asPicture, download } from "./outputs.js";
import { createOverlay } from "./overlay.js";
import { cameraOf } from "./pipeline.js";
import { Playback } from "./playback.js";
import { openCamera, openFile } from "./sources.js";
import { createViewer, placePeople } from "./viewer.js";

const element = id => document.getElementById(id);
const canvas = element("photo");
const PLACE_SHARE = 0.15;
/** What is open {kind, name, width, height, focal, scale}, its frames [{time, people, found}], the one that is shown, and who is chosen. */
const state = { source: null, frames: [], frame: null, chosen: null, places: new Map() };
let engine, viewer, overlay, playback, opening = 0;

const settings = () => ({
  most: Number(element("most").value), smooth: Number(element("smooth").value), fov: Number(element("fov").value),
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
  } finally {
    if (number === opening) busy(false);
  }
}

/** Lifts what is open from its beginning. */
async function lift() {
  const { source } = state, { most, smooth } = settings(), { intrinsics, origin } = camera();
  element("camera-note").textContent = `Camera: ${origin}.`;
  if (source.kind !== "picture") return playback.start(source, state.frames, { most, smooth, intrinsics });
  drawPicture(source.bitmap);
  overlay.show([], source.width, source.height);
  viewer.setPeople([]);
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
  const people = placePeople(frame.people.map(person => shown(person, several ? String(person.id) : "")), width, height, camera().intrinsics?.[0]);
  if (state.source.kind !== "picture") people.forEach(settle);
  viewer.setPeople(people.filter(isChosen), isNew ? { fit: people.filter(isChosen) } : {});
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
    people.length > 1 ? "Distances between people take all to be equally large." : "",
  ].join(" ").trim();
  element("clouds").hidden = !people.some(person => person.uncertainty);
}

const actions = {
  file: () => element("file").click(),
  camera: () => open(openCamera),
  sample: () => take(fetch("generated/sample.png").then(async answer => new File([await answer.blob()], "sample.png", { type: "image/png" }))),
};

/** Opens a file or the promise of one. */
function take(file) {
  if (file) open(async () => openFile(await file));
}

const savers = {
  PNG: () => asPicture(canvas, element("overlay"), element("scene")),
  JSON: async () => new Blob([JSON.stringify(asJson(state, camera(), engine.tables))], { type: "application/json" }),
};

/** Saves what is open under the source's name. */
async function save(kind) {
  try {
    if (!state.frames.some(frame => frame.people.length)) throw new Error("There is nobody to save.");
    download(`${state.source.name.replace(/\.[^.]*$/, "")}.${kind.toLowerCase()}`, await savers[kind]());
  } catch (error) {
    say(error);
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
  for (const id of ["most", "smooth", "fov", "lifter"]) {
    element(id).onchange = () => {
      if (!element(id).checkValidity()) return say(`${element(id).labels[0].firstChild.textContent.trim()} must be from ${element(id).min} to ${element(id).max}.`);
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
  element("lifter").append(...lifters.map(({ name, title }) => new Option(title, name)));
  Object.assign(element("most"), { value: defaults.people });
  Object.assign(element("smooth"), { value: defaults.smooth });
  Object.assign(element("fov"), { value: defaults.fov });
  element("saves").append(...Object.keys(savers).map(
    kind => Object.assign(document.createElement("button"), { textContent: kind, onclick: () => save(kind) })));
  document.documentElement.dataset.ready = "";
  busy(false);
}

window.page = { state, get engine() { return engine; }, get viewer() { return viewer; } };
listen();
const ready = start();
ready.catch(error => { say(error); element("progress").hidden = true; });
