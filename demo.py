"""Your photo in, a 3D pose out: pictures, a turntable, JSON and a page that turns under the mouse."""

import sys
from pathlib import Path

from utils.demo.options import DemoOptions, default_file, parse_options
from utils.messages import missing_package


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; the exit status is 0, or 2 after one sentence about what is wrong."""
    options = parse_options(argv)
    try:
        return run(options)
    except ModuleNotFoundError as error:
        return complain(missing_package(error, Path(__file__).with_name("requirements-demo.txt")))
    except (ValueError, OSError) as error:
        return complain(error)
    except KeyboardInterrupt:
        return 130


def complain(error: ValueError | OSError | str) -> int:
    """One line on standard error, whatever a path contains; returns the exit status."""
    print(f"demo.py: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def run(options: DemoOptions) -> int:
    """Options -> detector -> lifter -> results."""
    from utils.demo.sources import opened

    with opened(default_file("input", options.input)) as source:
        if options.keypoints and source.kind != "picture":
            raise ValueError(f"--keypoints goes with one picture, not with a {source.kind}")
        pipeline = load_pipeline(options, options.input if Path(options.input).is_file() else source.name)
        if source.kind == "folder":
            return lift_folder(pipeline, source.place, options)
        lift(pipeline, source, Path(options.out), options)
    return 0


def load_pipeline(options: DemoOptions, picture_name: str):
    """Detector and lifter, as the options ask for."""
    import torch

    from models import load_lifter
    from models.pipeline import PosePipeline

    torch.set_num_threads(1)  # a lift is too small to share: more threads only wait for each other
    lifter = load_lifter(default_file("ckpt", options.ckpt))
    detector = detector_for(options, picture_name)
    return PosePipeline(lifter, detector, options.thr, options.people, options.fov, options.tilt)


def detector_for(options: DemoOptions, picture_name: str):
    """A function of a picture that returns its people in 2D: from a file of keypoints, or by an estimator."""
    if options.keypoints:
        from datasets.keypoints import read_keypoints

        return lambda rgb: read_keypoints(options.keypoints, picture_name, rgb.shape[1::-1], options.skeleton)
    from models.detectors.loading import load_detector

    folder = default_file("estimators_dir", options.estimators_dir)
    return load_detector(options.estimator, folder, options.width, options.height, options.thr)


def lift(pipeline, source, folder: Path, options: DemoOptions) -> None:
    """A picture or a video to one folder of results."""
    if source.kind == "picture":
        lift_picture(pipeline, source, folder, options)
    else:
        lift_video(pipeline, source, folder, options)


def lift_picture(pipeline, source, folder: Path, options: DemoOptions) -> None:
    """One picture to pictures, turntables, a page and JSON."""
    from utils.demo.images import read_picture
    from utils.demo.outputs import extras_of, save_scene

    picture, extras = read_picture(source.place), extras_of(options)
    try:
        scene = pipeline(picture)
    except ValueError as error:
        raise ValueError(f"{source.name}: {error}") from error
    save_scene(folder, source.name, picture, scene, extras)
    print(f"{source.name}: {scene.summary()}; open {folder / 'pose.html'}")
    for extra in extras:
        print(extra.summary())


def lift_folder(pipeline, source: Path, options: DemoOptions) -> int:
    """Every picture and video of a folder to a folder of its own; what is skipped or fails is named."""
    from tqdm import tqdm

    from utils.demo.sources import members

    failures = 0
    for member in tqdm(members(source), unit="file", disable=None):
        try:
            if member.source:
                lift(pipeline, member.source, Path(options.out) / member.results, options)
            elif member.is_meant:
                raise ValueError(member.reason)
            else:
                print(f"{member.path.name}: skipped, {member.reason}")
        except (ValueError, OSError) as error:
            failures += bool(complain(error))
    return 2 if failures else 0


def lift_video(pipeline, source, folder: Path, options: DemoOptions) -> None:
    """A video or camera to an annotated MP4 and one JSON, frame by frame; Ctrl-C ends a recording well."""
    from tqdm import tqdm

    from utils.demo.outputs import all_or_nothing, extras_of, forget_others
    from utils.demo.recording import Recording
    from utils.demo.smoothing import smoothed
    from utils.demo.tracking import Tracker
    from utils.demo.video import VideoFrames, ahead

    frames = VideoFrames(source.place, options.max_frames)
    extras = extras_of(options)
    with all_or_nothing(folder) as partial, Recording(partial, source.name, frames.rate) as recording:
        for extra in extras:
            extra.start(partial, frames.rate)
        # Decoding, finding with lifting, and drawing with encoding go on at the same time.
        followed = ahead(smoothed(pipeline.follow(ahead(frames), Tracker()), options.smooth))
        try:
            for frame, scene, numbers in tqdm(followed, total=frames.expected or None, unit="frame", disable=None):
                recording.add(frame, scene, numbers)
                for extra in extras:
                    extra.add(frame.seconds, frame.picture, scene, numbers)
        except KeyboardInterrupt:
            print("stopped by hand", file=sys.stderr)
        if not recording.numbers:
            raise ValueError(f"{source.name}: no person was found in {recording.frames} frames")
        for extra in extras:
            extra.finish()
        forget_others(folder)
    if frames.problem:
        print(f"demo.py: {source.name} is damaged: {frames.problem}; the rest is lifted", file=sys.stderr)
    print(f"{source.name}: {recording.summary()}; open {folder / 'pose.html'}")
    for extra in extras:
        print(extra.summary())


if __name__ == "__main__":
    sys.exit(main())
