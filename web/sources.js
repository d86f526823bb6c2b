/** What goes in: a picture, a video or the camera. Errors are sentences for the user. */

import { focalLength35 } from "./exif.js";

const FULL_FRAME_DIAGONAL = Math.hypot(36, 24), LARGEST_SIDE = 4096;
const PICTURES = /\.(png|jpe?g|jfif|webp|heic|heif|avif|bmp|tiff?|gif)$/i;

/** A file as {kind: "picture" or "video", name, width, height, focal, ...}; width and height are the original's. */
export async function openFile(file) {
  if (!file.size) throw new Error(`${file.name} is empty.`);
  const isPicture = file.type.startsWith("image/") || (!file.type.startsWith("video/") && PICTURES.test(file.name));
  if (isPicture) return openPicture(file);
  if (file.type && !file.type.startsWith("video/")) throw new Error(`${file.name} is neither a picture nor a video.`);
  return openVideo(file);
}

/** A picture upright; far too large ones are made smaller. Its `scale` is the original's pixels a pixel. */
async function openPicture(file) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, options);
  } catch {
    throw new Error(`${file.name} is damaged, or a kind of picture that this browser cannot read: save it as JPEG or PNG.`);
  }
  const { width, height } = bitmap, scale = Math.max(width, height) / LARGEST_SIDE, mm = await focalLength35(file);
  if (scale > 1) {
    const size = { resizeWidth: Math.max(Math.round(width / scale), 1), resizeHeight: Math.max(Math.round(height / scale), 1) };
    bitmap = await createImageBitmap(bitmap, { ...size, resizeQuality: "high" });
  }
  const focal = mm && mm / FULL_FRAME_DIAGONAL * Math.hypot(width, height);
  return { kind: "picture", name: file.name, bitmap, width, height, scale: Math.max(scale, 1), focal };
}

/** An element that plays, and the way to end it: `close` lets go of the file or the camera. */
function player() {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  return {
    video,
    close() {
      video.pause();
      for (const track of video.srcObject?.getTracks() ?? []) track.stop();
      URL.revokeObjectURL(video.src);
      video.removeAttribute("src");
      video.srcObject = null;
    },
  };
}

/** A video, its first frame loaded. */
async function openVideo(file) {
  const source = player(), { video } = source;
  try {
    await new Promise((resolve, reject) => {
      Object.assign(video, { onloadeddata: resolve, onerror: reject, src: URL.createObjectURL(file) });
    });
    if (!video.videoWidth) throw new Error();
  } catch {
    source.close();
    throw new Error(`${file.name} is damaged, or a kind of video that this browser cannot play: save it as MP4 (H.264) or WebM.`);
  }
  video.onloadeddata = video.onerror = null;
  return { kind: "video", name: file.name, width: video.videoWidth, height: video.videoHeight, focal: null, ...source };
}

const REFUSALS = {
  NotAllowedError: "The camera was refused: allow it in the browser's settings for this page, then try again.",
  NotFoundError: "No camera was found: connect one, or choose a photo or video.",
  NotReadableError: "The camera is in use by another program: close that, then try again.",
};

/** The camera; of several, the one that faces the user, or the "environment". */
export async function openCamera(facing) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("This page may not use the camera: browsers allow it for https and localhost addresses only.");
  }
  const source = player();
  try {
    const video = { facingMode: facing, width: { ideal: 1280 }, height: { ideal: 720 } };
    source.video.srcObject = await navigator.mediaDevices.getUserMedia({ video });
    await source.video.play();
  } catch (error) {
    source.close();
    throw new Error(REFUSALS[error.name] ?? `The camera cannot be used: ${error.message}.`);
  }
  return { kind: "camera", name: "camera", width: source.video.videoWidth, height: source.video.videoHeight, focal: null, ...source };
}
