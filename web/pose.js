/** The script of pose.html: a photo or a video beside its people in 3D. */

import { createOverlay } from "./overlay.js";
import { createViewer, placePeople } from "./viewer.js";

const SMOOTH_S = 0.4, MOST_FRAMES_FITTED = 400;
const PLAY = "M4 2l12 7-12 7z", PAUSE = "M4 2h4v14H4zM11 2h4v14h-4z";
const element = id => document.getElementById(id);
const data = JSON.parse(element("data").textContent), { skeleton, frames } = data, video = element("video");
const viewer = createViewer(element("scene"), skeleton, { swing: true });
const overlay = createOverlay(element("overlay"), skeleton);
const state = { frame: 0, chosen: null, keypoints: true };
const numbers = [...new Set(frames.flatMap(frame => frame.people.map(person => person.id)))].sort((a, b) => a - b);

/** Everybody's place on the floor, in a video the mean of a moment. */
function place() {
  const tracks = new Map(numbers.map(number => [number, []]));
  for (const frame of frames) {
    frame.people = placePeople(frame.people, data.width, data.height, data.focal || undefined);
    for (const person of frame.people) {
      if (numbers.length > 1) person.label = String(person.id);
      tracks.get(person.id).push([frame.time, person, person.place]);
    }
  }
  for (const track of tracks.values()) {
    let first = 0, last = 0;
    for (const [time, person] of track) {
      while (track[first][0] < time - SMOOTH_S) first++;
      while (last < track.length && track[last][0] <= time + SMOOTH_S) last++;
      const near = track.slice(first, last).map(entry => entry[2]);
      person.place = [0, 1].map(i => near.reduce((sum, at) => sum + at[i], 0) / near.length);
    }
  }
}

const isChosen = person => state.chosen === null || person.id === state.chosen;

/** Shows a frame; a newly chosen person, or all, get a floor of their own. */
function show(number, isNew = false) {
  state.frame = number;
  const { people } = frames[number], step = Math.ceil(frames.length / MOST_FRAMES_FITTED);
  const all = isNew && frames.filter((_, at) => at % step === 0 || frames.length < 3).flatMap(frame => frame.people);
  const chosen = people.filter(isChosen), alone = state.chosen !== null;
  const shown = alone ? chosen.map(person => ({ ...person, label: "" })) : chosen;
  viewer.setPeople(shown, isNew ? { fit: all.filter(isChosen) } : {});
  overlay.show(people.map(person => ({ ...person, faded: !isChosen(person) })), data.width, data.height,
               state.keypoints && !data.video);
  element("note").textContent = noteOn(chosen);
  if (data.video) showTime();
}

function noteOn(people) {
  const missing = people.filter(person => person.left_out?.length).map(
    person => `${people.length > 1 ? `person ${person.id}: ` : ""}${person.left_out.join(", ")}`);
  return [missing.length ? `Not in the picture: ${missing.join("; ")}.` : "",
          people.length > 1 ? "Distances between people assume that all are equally tall." : "",
          viewer.clouds ? "A joint lies in its cloud nine times in ten." : ""].join(" ");
}

function button(text, pressed, action) {
  const made = Object.assign(document.createElement("button"), { textContent: text, onclick: action });
  made.setAttribute("aria-pressed", pressed);
  return made;
}

function choose(number) {
  state.chosen = number;
  const names = numbers.length > 1 ? [null, ...numbers] : [];
  element("people").replaceChildren(...names.map(name => button(
    name === null ? "Everyone" : String(name), name === number, () => choose(name))));
  show(state.frame, true);
}

function toggle(id, action) {
  element(id).onclick = event => {
    const pressed = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", pressed);
    action(pressed);
    show(state.frame);
  };
}

/** The last frame that has begun at a time. */
function frameAt(seconds) {
  let low = 0, high = frames.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (frames[middle].time <= seconds + 0.002) low = middle; else high = middle - 1;
  }
  return low;
}

const clock = seconds => `${Math.floor(seconds / 60)}:${(Math.floor(seconds * 10) / 10 % 60).toFixed(1).padStart(4, "0")}`;

function showTime() {
  element("seek").value = state.frame;
  element("time").textContent = `${clock(frames[state.frame].time)} / ${clock(frames.at(-1).time)}`;
}

/** Plays, pauses and scrubs; the poses follow the frame that the video shows. */
function startVideo() {
  const play = element("play"), seek = element("seek"), film = element("film").textContent;
  const toggled = () => video.paused ? video.play().catch(() => {}) : video.pause();
  const follow = (now, shown) => {
    const number = frameAt(shown ? shown.mediaTime : video.currentTime);
    if (number !== state.frame && !video.seeking) show(number);
    video.requestVideoFrameCallback ? video.requestVideoFrameCallback(follow) : requestAnimationFrame(follow);
  };
  const showState = () => {
    play.setAttribute("aria-label", video.paused ? "Play" : "Pause");
    play.querySelector("path").setAttribute("d", video.paused ? PLAY : PAUSE);
  };
  seek.max = frames.length - 1;
  seek.step = 1;
  play.onclick = video.onclick = toggled;
  video.onplay = video.onpause = showState;
  seek.oninput = () => {
    // A little into the frame, so that no rounding shows the one before.
    const number = Number(seek.value), next = frames[number + 1]?.time ?? frames[number].time + 0.02;
    show(number);
    video.currentTime = frames[number].time + Math.min((next - frames[number].time) / 2, 0.02);
  };
  addEventListener("keydown", event => {
    if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); toggled(); }
  });
  video.onerror = () => {
    play.disabled = true;
    element("problem").textContent = "The video pose.mp4 is not beside this page or cannot be played here; " +
      "the slider still shows the poses.";
  };
  video.src = film ? URL.createObjectURL(new Blob([bytesOf(film)], { type: "video/mp4" })) : data.video;
  video.style.setProperty("--whole", data.whole);
  video.style.setProperty("--bleed", "2px"); // the edge of what follows on the right stays out of sight
  showState();
  follow();
}

const bytesOf = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));

function start() {
  const style = document.documentElement.style, aspect = data.width / data.height;
  for (const [name, colour] of Object.entries(data.sides)) style.setProperty(`--${name}`, colour);
  const panels = document.querySelector(".panels"), isWide = aspect > 1.9;
  panels.classList.toggle("stacked", isWide);
  panels.style.setProperty("--photo", aspect);
  const narrowest = numbers.length > 1 ? 1.2 : 0.9;
  panels.style.setProperty("--scene", isWide ? 2.2 : Math.min(Math.max(2.2 - aspect, narrowest), 1.4));
  document.title = `${data.name} in 3D`;
  element("name").textContent = data.name;
  element("found").textContent = data.found || `${numbers.length} ${numbers.length === 1 ? "person" : "people"}`;
  if (matchMedia("(pointer: coarse)").matches) {
    element("help").textContent = "Drag sideways to turn, pinch to zoom, double-tap to begin again.";
  }
  for (const made of document.querySelectorAll("[data-view]")) {
    made.onclick = () => viewer.lookFrom(...made.dataset.view.split(" ").map(Number));
  }
  toggle("keypoints", pressed => { state.keypoints = pressed; });
  toggle("clouds", pressed => { viewer.clouds = pressed; });
  element("clouds").hidden = !frames.some(frame => frame.people.some(person => person.uncertainty));
  panels.style.setProperty("--chrome", `${(data.video ? 300 : 225) + (isWide ? 30 : 0)}px`);
  for (const id of ["video", "transport"]) element(id).hidden = !data.video;
  element("photo").hidden = element("keypoints").hidden = Boolean(data.video);
  place();
  choose(null);
  if (data.video) startVideo(); else element("photo").src = data.photo;
  document.documentElement.dataset.drawn = frames[0].people.length;
}

window.poseView = { viewer, state, frames, frameAt };
start();
