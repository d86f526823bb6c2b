/** What can be saved: JSON as demo.py writes it, a picture, and motions for other programs. */

import { smoothedPeople } from "./smoothing.js";

export const KINDS = ["PNG", "JSON", "BVH", "GLB", "TRC"];

/**
 * What is open as files of a kind; of motions, one a person.
 *
 * @param state {source, frames, chosen} of app.js.
 * @param options {canvases: {photo, overlay, scene}, camera, height: of the people in metres, smooth: in seconds}
 * @returns {files: [[name, Blob], ...], note: what is to be said of them, or ""}
 */
export async function filesOf(kind, { source, frames, chosen }, engine, { canvases, camera, height, smooth }) {
  if (!frames.some(({ people }) => people.length)) throw new Error("There is nobody to save.");
  const shown = frames.map((frame, number) => ({ ...frame, people: smoothedPeople(frames, number, smooth) }));
  const name = source.name.replace(/\.[^.]*$/, ""), suffix = kind.toLowerCase();
  if (kind === "PNG") return { files: [[`${name}.${suffix}`, await asPicture(canvases)]], note: "" };
  if (kind === "JSON") {
    const text = JSON.stringify(asJson(source, shown, camera, engine.tables));
    return { files: [[`${name}.${suffix}`, new Blob([text], { type: "application/json" })]], note: "" };
  }
  const tracks = tracksOf(shown, chosen), names = Object.keys(tracks).map(id => `${id === "1" ? "" : `person${id}_`}${name}.${suffix}`);
  const given = { tracks: Object.values(tracks), rate: rateOf(frames), height, intrinsics: camera.intrinsics, kind, names };
  const found = await engine.ask("motions", given), errors = found.map(({ error }) => error.toFixed(1)).join(", ");
  return {
    files: found.map(({ file }, number) => [names[number], new Blob([file])]),
    note: `Saved ${names.join(", ")}. People are taken to be ${height} m tall; the skeleton is ${errors} % of the mean root distance off the lifted joints.`,
  };
}

const rounded = (value, digits) => Number(value.toFixed(digits));
const rows = (points, digits, leftOut) => points.map((point, at) => leftOut?.[at] ? null : point.map(value => rounded(value, digits)));

/** Everything known about a picture's people, or those of a video frame by frame, as pose.json has it. */
function asJson(source, frames, camera, tables) {
  const head = {
    camera: {
      intrinsics_px: camera.intrinsics?.map(value => rounded(value, 2)) ?? null, intrinsics_from: camera.origin,
      tilt_deg: 0, tilt: "taken to be level",
    },
    ...tables.conventions,
  };
  if (source.kind === "picture") {
    const [{ people, found }] = frames;
    const picture = { name: source.name, width_px: source.width, height_px: source.height };
    return { picture, ...head, people_found: found, people: people.map(person => personAsJson(person, tables, true)) };
  }
  return {
    video: { name: source.name, frames_per_second: rounded(rateOf(frames), 3) }, ...head,
    frames: frames.map(({ time, people }) => ({
      time_s: rounded(time - frames[0].time, 4), people: people.map(person => ({ id: person.id, ...personAsJson(person, tables, false) })),
    })),
  };
}

function personAsJson({ joints, confidence, filled, leftOut, pose, uncertainty, keypoints }, tables, withKeypoints) {
  const names = test => tables.joints.filter((_, joint) => test(joint));
  return {
    joints_2d_px: rows(joints, 2, leftOut),
    joint_confidence: confidence.map((value, joint) => leftOut[joint] ? 0 : rounded(value, 3)),
    filled_joints: names(joint => filled[joint] && !leftOut[joint]),
    left_out_joints: names(joint => leftOut[joint]),
    joints_3d: rows(pose, 4, leftOut),
    ...(uncertainty && { uncertainty: uncertainty.map((radius, joint) => leftOut[joint] ? null : rounded(radius, 4)) }),
    ...(withKeypoints && {
      keypoints: {
        skeleton: tables.source, names: tables.points, points_px: rows(keypoints.points, 2),
        confidence: keypoints.confidence.map(value => rounded(value, 3)), person_score: rounded(keypoints.score, 3),
      },
    }),
  };
}

/** What was lifted of each person who is chosen, frame by frame: {id: {seconds, poses, leftOut, joints}}. */
function tracksOf(frames, chosen) {
  const tracks = {};
  for (const { time, people } of frames) {
    for (const { id, pose, leftOut, joints } of people) {
      if (chosen !== null && id !== chosen) continue;
      const track = tracks[id] ??= { seconds: [], poses: [], leftOut: [], joints: [] };
      track.seconds.push(time - frames[0].time);
      track.poses.push(pose);
      track.leftOut.push(leftOut);
      track.joints.push(joints);
    }
  }
  return tracks;
}

/** Frames a second, from the median of the steps between them. */
function rateOf(frames) {
  const steps = frames.slice(1).map(({ time }, number) => time - frames[number].time).sort((a, b) => a - b);
  return steps.length ? 1 / Math.max(steps[steps.length >> 1], 1e-3) : 30;
}

/** The picture with its keypoints, and beside it the scene, equally high. */
function asPicture({ photo, overlay, scene }) {
  const height = Math.min(photo.height, 1600), width = Math.round(photo.width * height / photo.height);
  const sceneWidth = Math.round(scene.width * height / scene.height);
  const canvas = Object.assign(document.createElement("canvas"), { width: width + sceneWidth, height });
  const pen = canvas.getContext("2d"), style = getComputedStyle(scene.parentElement);
  pen.fillStyle = style.getPropertyValue("--horizon");
  pen.fillRect(0, 0, canvas.width, height);
  pen.drawImage(photo, 0, 0, width, height);
  pen.drawImage(overlay, 0, 0, width, height);
  pen.drawImage(scene, width, 0, sceneWidth, height);
  return new Promise((resolve, reject) => canvas.toBlob(
    blob => blob ? resolve(blob) : reject(new Error("The picture is too large to be saved.")), "image/png"));
}

/** Hands a file to the browser to be saved. */
export function save(name, blob) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
