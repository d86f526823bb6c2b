/** What can be saved: JSON as demo.py writes it, and a picture. */

const rounded = (value, digits) => Number(value.toFixed(digits));
const rows = (points, digits, leftOut) => points.map((point, at) => leftOut?.[at] ? null : point.map(value => rounded(value, digits)));

/** Everything known about a picture's people, or those of a video frame by frame, as pose.json has it. */
export function asJson({ source, frames }, camera, tables) {
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

function personAsJson({ joints, confidence, filled, leftOut, pose, keypoints }, tables, withKeypoints) {
  const names = test => tables.joints.filter((_, joint) => test(joint));
  return {
    joints_2d_px: rows(joints, 2, leftOut),
    joint_confidence: confidence.map((value, joint) => leftOut[joint] ? 0 : rounded(value, 3)),
    filled_joints: names(joint => filled[joint] && !leftOut[joint]),
    left_out_joints: names(joint => leftOut[joint]),
    joints_3d: rows(pose, 4, leftOut),
    ...(withKeypoints && {
      keypoints: {
        skeleton: tables.source, names: tables.points, points_px: rows(keypoints.points, 2),
        confidence: keypoints.confidence.map(value => rounded(value, 3)), person_score: rounded(keypoints.score, 3),
      },
    }),
  };
}

/** Frames a second, from the median of the steps between them. */
export function rateOf(frames) {
  const steps = frames.slice(1).map(({ time }, number) => time - frames[number].time).sort((a, b) => a - b);
  return steps.length ? 1 / Math.max(steps[steps.length >> 1], 1e-3) : 30;
}

/** The picture with its keypoints, and beside it the scene, equally high. */
export function asPicture(photo, overlay, scene) {
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
export function download(name, blob) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
