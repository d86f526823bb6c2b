"""Your photo in, a 3D pose out: pictures, a turntable, JSON and a page that turns under the mouse."""

import sys
from collections import Counter
from pathlib import Path

from utils.demo.options import DemoOptions, default_file, parse_options

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; the exit status is 0, or 2 after one sentence about what is wrong."""
    options = parse_options(argv)
    try:
        return run(options)
    except (ValueError, OSError) as error:
        return complain(error)
    except KeyboardInterrupt:
        return 130


def complain(error: ValueError | OSError) -> int:
    """One line on standard error, whatever a path contains; returns the exit status."""
    print(f"demo.py: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def run(options: DemoOptions) -> int:
    """Options -> detector -> lifter -> results."""
    source = default_file("input", options.input)
    is_camera = options.input.isdecimal() and not source.exists()
    is_video = is_camera or source.suffix.lower() in VIDEO_SUFFIXES
    if not is_camera and not source.exists():
        raise ValueError(f"there is nothing at {source}; --input takes an image, a folder, a video or a camera number")
    if options.keypoints and (is_video or source.is_dir()):
        raise ValueError("--keypoints goes with one image, not with a folder, a video or a camera")
    pipeline = load_pipeline(options, source.name)
    if is_video:
        lift_video(pipeline, int(options.input) if is_camera else source, options)
    elif source.is_dir():
        return lift_folder(pipeline, source, Path(options.out))
    else:
        lift_picture(pipeline, source, Path(options.out))
    return 0


def load_pipeline(options: DemoOptions, picture_name: str):
    """Detector and lifter, as the options ask for."""
    import torch

    from models import load_lifter
    from models.pipeline import PosePipeline

    torch.set_num_threads(1)  # a lift is too small to share: more threads only wait for each other
    lifter = load_lifter(default_file("ckpt", options.ckpt))
    return PosePipeline(lifter, load_detector(options, picture_name), options.thr, options.people, options.fov,
                        options.tilt)  # fmt: skip


def load_detector(options: DemoOptions, picture_name: str):
    """A function of a picture that returns its people in 2D: from a file of keypoints, or by an estimator."""
    if options.keypoints:
        from utils.keypoints import read_keypoints

        found = read_keypoints(options.keypoints, picture_name)
        return lambda rgb: found
    from models.detectors.loading import load_detector

    folder = default_file("estimators_dir", options.estimators_dir)
    return load_detector(options.estimator, folder, options.width, options.height, options.thr)


def lift_picture(pipeline, path: Path, folder: Path) -> None:
    """One picture to one folder of results."""
    from utils.demo.images import read_picture
    from utils.demo.outputs import save_people

    picture = read_picture(path)
    try:
        people, camera = pipeline(picture)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    save_people(folder, path.name, picture, people, camera)
    print(f"{path.name}: {len(people)} {'person' if len(people) == 1 else 'people'}; open {folder / 'pose.html'}")


def lift_folder(pipeline, source: Path, folder: Path) -> int:
    """Every picture of a folder to a folder of its own; those that fail are named, and the rest go on.

    The folder has the picture's name without its ending, or with it where two pictures differ in nothing else.
    """
    from utils.demo.images import picture_files

    failures, files = 0, picture_files(source)
    stems = Counter(path.stem for path in files)
    for path in files:
        try:
            lift_picture(pipeline, path, folder / (path.stem if stems[path.stem] == 1 else path.name))
        except (ValueError, OSError) as error:
            failures += bool(complain(error))
    return 2 if failures else 0


def lift_video(pipeline, source: Path | int, options: DemoOptions) -> None:
    """A video or camera to an annotated MP4 and one JSON, frame by frame; Ctrl-C ends a recording well."""
    from tqdm import tqdm

    from utils.demo.outputs import all_or_nothing
    from utils.demo.tracking import Tracker
    from utils.demo.video import VideoFrames, VideoOutput

    frames, tracker = VideoFrames(source, options.max_frames), Tracker(options.smooth)
    with all_or_nothing(options.out) as partial, VideoOutput(partial, str(source), frames.rate) as output:
        progress = tqdm(frames, total=options.max_frames or frames.expected or None, unit="frame")
        try:
            for seconds, picture in progress:
                output.add(seconds, picture, *pipeline.follow(picture, seconds, tracker))
        except KeyboardInterrupt:
            print("stopped by hand", file=sys.stderr)
        if not output.people:
            raise ValueError(f"{source}: no person was found in {output.frames} frames")
    print(f"{source}: {output.frames} frames; see {Path(options.out) / 'pose.mp4'} and pose.json")


if __name__ == "__main__":
    sys.exit(main())
