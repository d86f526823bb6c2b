/** From a picture to the 3D poses of the people in it: keypoints, 17 joints, camera, lift. As models/pipeline.py. */

import { see } from "./keypoints.js";
import { Tracker } from "./tracking.js";

/**
 * @param detector BlazePose.
 * @param lifter Lifter; it may be replaced.
 * @param tables of web/generated/tables.json.
 *
 * A lifted person is {id, keypoints, joints, confidence, filled, leftOut, pose, uncertainty}, in the original's pixels.
 */
export class Pipeline {
  constructor(detector, lifter, tables) {
    Object.assign(this, { detector, lifter, tables });
    this.begin();
  }

  /** Begins a video or, unless it is `anew`, another part of it: then nobody gets the number of somebody of before. */
  begin(anew = true) {
    const count = anew ? 0 : this.tracker.count;
    this.detector.forget();
    this.tracker = new Tracker(this.tables);
    this.tracker.count = count;
  }

  /**
   * The people of a picture, largest first.
   *
   * @param picture {data, width, height, scale}: an image whose pixels are `scale` of the original's wide.
   * @param intrinsics of the original, or null.
   * @returns {people, found: how many were found}
   * @throws Error of one sentence, if nobody is found or nobody is seen well enough.
   */
  async find(picture, intrinsics, most) {
    const found = await this.detector.find(picture);
    if (!found.length) throw new Error("Nobody was found in the picture: show one person at least, from the shoulders up or more.");
    const people = this.seen(found, picture.scale, most, true);
    return { people: people.map((person, number) => ({ id: number + 1, ...person, ...this.lift(person, intrinsics) })), found: found.length };
  }

  /** The people of a video's next frame, each with a number that stays. Frames without people are no error. */
  async follow(picture, seconds, intrinsics, most, isLive) {
    const found = await this.detector.follow(picture, seconds, isLive);
    const people = this.tracker.follow(this.seen(found, picture.scale, most, false), seconds).map(
      ([track, person]) => ({ id: track.number, ...person, ...this.lift(person, intrinsics) }));
    return { people, found: found.length };
  }

  lift(person, intrinsics) { return this.lifter.lift(person.joints, intrinsics, this.trust(person)); }

  /** What a lifter may know of the joints: found by a detector or not seen; the trunk is taken for seen. */
  trust({ filled, leftOut }) {
    const { joints, trunk, constants } = this.tables, { DETECTED, UNSEEN } = constants.normalization;
    return joints.map((name, joint) => (filled[joint] || leftOut[joint]) && !trunk.includes(name) ? UNSEEN : DETECTED);
  }

  /** Those who are seen well enough to be lifted. */
  seen(found, scale, most, strict) {
    const people = [], refusals = [];
    for (const person of found) {
      // Pixels of an enlarged picture lie half a pixel further.
      const points = scale === 1 ? person.points : person.points.map(point => point.map(value => (value + 0.5) * scale - 0.5));
      try {
        people.push(see({ ...person, points }, this.tables.defaults.thr, this.tables));
      } catch (error) {
        refusals.push(error);
      }
    }
    if (strict && !people.length) throw refusals[0];
    return people.slice(0, most);
  }
}

/** The camera of a picture {width, height}: from its focal length in pixels, else from a field of view along its longer side. */
export function cameraOf(width, height, focal, fov) {
  if (!fov) return { intrinsics: null, origin: "none: the camera is taken to look straight at each person" };
  const assumed = Math.max(width, height) / 2 / Math.tan(fov * Math.PI / 360);
  return {
    intrinsics: [focal ?? assumed, focal ?? assumed, width / 2, height / 2],
    origin: focal ? "focal length in the picture's EXIF data" : `assumed field of view of ${fov} degrees along the longer side`,
  };
}
