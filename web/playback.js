/** Videos and the camera, frame by frame: each is lifted once and kept, and shown with its own people. */

const LARGEST_SIDE = 1280, JUMP_S = 0.5, MOST_LIVE = 3000, SLOWEST = 0.0625, HEADROOM = 0.85;
const PLAY = "M4 2l12 7-12 7z", PAUSE = "M4 2h4v14H4zM11 2h4v14h-4z";
const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

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
    Object.assign(this, { source, frames, options, busy: false, pending: null, held: false, last: null, interval: 1 / 30, cost: 0 });
    await this.engine.ask("begin", options);
    video.onplay = video.onpause = video.onended = () => this.showState();
    const next = (now, shown) => {
      if (run !== this.run) return;
      if (now !== undefined) this.take(shown?.mediaTime ?? video.currentTime, run).catch(this.fail);
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next); else requestAnimationFrame(next);
    };
    next();
    // The frame that is shown already comes again.
    video.currentTime = video.ended ? 0 : video.currentTime;
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

  /** Shows a frame. A video that comes to the next one too early waits, so that no frame is left out; a camera does not. */
  async take(time, run) {
    this.showTime(time);
    const { video, kind } = this.source;
    if (this.busy) {
      if (kind === "camera") return;
      this.pending = time;
      if (!video.paused) {
        this.held = true;
        video.pause();
      }
      return;
    }
    this.busy = true;
    try {
      for (let at = time; at !== null && run === this.run; at = this.pending) {
        this.pending = null;
        await this.present(at, run);
      }
    } finally {
      if (run === this.run) {
        this.busy = false;
        if (this.held) video.play().catch(this.fail);
        this.held = false;
      }
    }
  }

  /** Shows a frame as it was lifted before, or lifts it. */
  async present(time, run) {
    const known = this.source.kind === "video" && this.frames[this.nearest(time)];
    if (!known || Math.abs(known.time - time) > this.interval / 2) return this.lift(time, run);
    this.draw(this.source.video);
    this.show(known);
    this.last = null;
  }

  async lift(time, run) {
    const { source, options, frames } = this, begun = performance.now();
    const scale = Math.max(Math.max(source.width, source.height) / LARGEST_SIDE, 1);
    const size = { resizeWidth: Math.round(source.width / scale), resizeHeight: Math.round(source.height / scale), resizeQuality: "medium" };
    const picture = await createImageBitmap(source.video, scale > 1 ? size : {}), bitmap = await createImageBitmap(picture);
    if (this.last === null || time < this.last || time > this.last + JUMP_S) await this.engine.ask("begin", options);
    const scene = await this.engine.ask("frame", { ...options, bitmap, scale, seconds: time }, [bitmap]);
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
