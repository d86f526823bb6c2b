/** Videos and the camera, frame by frame: each is lifted once and kept, and shown with its own people. */

const LARGEST_SIDE = 1280, JUMP_S = 0.5, MOST_LIVE = 3000, SLOWEST = 0.0625, CAUTIOUS = 0.25, HEADROOM = 0.85;
const PLAY = "M4 2l12 7-12 7z", PAUSE = "M4 2h4v14H4zM11 2h4v14h-4z";
const clock = seconds => `${Math.floor(seconds / 60)}:${(Math.floor(seconds * 10) / 10 % 60).toFixed(1).padStart(4, "0")}`;

/**
 * @param engine of engine.js.
 * @param elements {transport, play, seek, time}: the controls of a video.
 * @param callbacks
 *     draw(picture)         shows a picture
 *     show(frame, isFirst)  shows {time, people, found}
 *     fail(error)           says what went wrong
 */
export class Playback {
  constructor(engine, elements, callbacks) {
    Object.assign(this, { engine, ...elements, ...callbacks, run: 0, source: null });
    this.play.onclick = () => this.toggle();
    this.seek.oninput = () => { this.source.video.currentTime = Number(this.seek.value); };
  }

  /** Shows a source from its beginning, or from where it is; its frames, sorted by time, gather in `frames`. */
  async start(source, frames, options) {
    this.stop();
    const run = ++this.run, { video } = source;
    Object.assign(this, { source, frames, options, busy: false, queue: [], held: false, last: null, interval: 1 / 30, cost: 0 });
    await this.engine.ask("begin", { anew: true });
    video.onplay = video.onpause = video.onended = () => this.showState();
    if (source.kind === "video") {
      video.playbackRate = CAUTIOUS;
      await seek(video, video.ended ? 0 : video.currentTime);
    }
    const next = (now, shown) => {
      if (run !== this.run) return;
      this.take(shown?.mediaTime ?? video.currentTime, run).catch(this.fail);
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next); else requestAnimationFrame(next);
    };
    next();
    await video.play().catch(() => {});
    this.showState();
  }

  stop() {
    this.run++;
    this.source?.video.pause();
    this.source = null;
  }

  toggle() {
    const { video } = this.source;
    if (this.held) this.held = false; else if (video.paused) video.play().catch(this.fail); else video.pause();
    this.showState();
  }

  /** Takes a frame that has come. While one is being lifted a video waits, so that hardly one is left out; a camera does not. */
  async take(time, run) {
    const { video, kind } = this.source;
    this.showTime(time);
    if (this.busy && kind === "camera") return;
    // Whoever scrubs wants the last frame, not those on the way.
    if (video.paused && !this.held) this.queue = [];
    this.queue.push({ time, picture: this.isKnown(time) ? null : this.capture() });
    if (this.busy) {
      this.held ||= !video.paused;
      video.pause();
      return;
    }
    this.busy = true;
    try {
      while (this.queue.length && run === this.run) await this.present(this.queue.shift(), run);
    } finally {
      if (run === this.run) {
        this.busy = false;
        if (this.held) video.play().catch(this.fail);
        this.held = false;
      }
    }
  }

  /** The picture that the video shows now, no larger than people are looked for in. */
  capture() {
    const { width, height, video } = this.source, scale = Math.max(Math.max(width, height) / LARGEST_SIDE, 1);
    const size = { resizeWidth: Math.round(width / scale), resizeHeight: Math.round(height / scale), resizeQuality: "medium" };
    return createImageBitmap(video, scale > 1 ? size : {});
  }

  isKnown(time) {
    const nearest = this.source.kind === "video" && this.frames[this.nearest(time)];
    return nearest && Math.abs(nearest.time - time) < this.interval / 2;
  }

  /** Shows a frame as it was lifted before, or lifts it. */
  async present({ time, picture }, run) {
    if (!this.isKnown(time)) return this.lift(time, await (picture ?? this.capture()), run);
    this.draw(picture ? await picture : this.source.video);
    this.show(this.frames[this.nearest(time)]);
    this.last = null;
  }

  async lift(time, picture, run) {
    const { source, options, frames } = this, begun = performance.now(), bitmap = await createImageBitmap(picture);
    const jumped = this.last === null || time < this.last || (source.kind === "video" && time > this.last + JUMP_S);
    if (jumped) await this.engine.ask("begin", { anew: false });
    const scale = source.width / picture.width;
    const given = { ...options, bitmap, scale, seconds: time, isLive: source.kind === "camera" };
    const scene = await this.engine.ask("frame", given, [bitmap]);
    if (run !== this.run) return;
    const frame = { time, ...scene };
    frames.splice(this.nearest(time) + (frames.length && frames[this.nearest(time)].time < time), 0, frame);
    if (source.kind === "camera" && frames.length > MOST_LIVE) frames.shift();
    if (this.last !== null) this.slowDown(time - this.last, performance.now() - begun);
    this.last = time;
    // The picture that was lifted, not the one that the video shows by now.
    this.draw(picture);
    picture.close();
    this.show(frame, frames.length === 1);
  }

  /** Plays a video no faster than its frames can be lifted, so that it seldom waits. */
  slowDown(passed, milliseconds) {
    if (this.source.kind !== "video") return;
    this.cost = this.cost ? this.cost + 0.2 * (milliseconds / 1000 - this.cost) : milliseconds / 1000;
    // A frame that was left out makes a step longer, never shorter.
    if (passed > 0.004) this.interval = Math.min(this.interval, passed);
    this.source.video.playbackRate = Math.min(Math.max(HEADROOM * this.interval / this.cost, SLOWEST), 1);
  }

  /** Number of the frame nearest to a time. */
  nearest(time) {
    let low = 0, high = this.frames.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.frames[middle].time + this.frames[middle + 1].time) / 2 < time) low = middle + 1; else high = middle;
    }
    return low;
  }

  showState() {
    const paused = !this.held && (this.source?.video.paused ?? true);
    this.play.setAttribute("aria-label", paused ? "Play" : "Pause");
    this.play.querySelector("path").setAttribute("d", paused ? PLAY : PAUSE);
  }

  showTime(time) {
    const { duration } = this.source.video;
    if (!Number.isFinite(duration)) return;
    this.seek.max = duration;
    this.seek.value = time;
    this.time.textContent = `${clock(time)} / ${clock(duration)}`;
  }
}

/** Resolves when a video shows the picture of a time. */
function seek(video, time) {
  return new Promise(resolve => {
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = time;
  });
}
