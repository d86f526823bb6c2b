"""Your photo in, a 3D pose out: pictures, a turntable, JSON and a page that turns under the mouse."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from utils.config import Parser

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


def build_parser() -> argparse.ArgumentParser:
    """The flags of the demo."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = Parser(prog="demo.py", description=__doc__, formatter_class=formatter)
    add = parser.add_argument
    add("--input", default="./test/input_sample.png", help="image, folder of images, video, or number of a camera")
    add("--width", type=int, default=368, help="width that OpenPose resizes the input to, in pixels")
    add("--height", type=int, default=368, help="height that OpenPose resizes the input to, in pixels")
    add("--thr", type=float, default=0.1, help="lowest heat map value of a key point that counts as seen")
    add("--ckpt", default="./test/checkpoints/pretrained_model.ckpt", help="checkpoint of a trained lifter")
    add("--out", default="./demo_out", help="folder for the results")
    add("--estimator", default="blazepose", choices=("blazepose", "openpose-mpi", "openpose-coco"), help="2D detector")
    add("--estimators_dir", default="./estimators", help="folder of the 2D detector's files")
    add("--keypoints", help="COCO or OpenPose JSON of the image's key points, instead of a detector")
    add("--people", type=int, default=5, help="how many people to lift at most, the largest first")
    add("--fov", type=float, default=55.0, help="field of view in degrees along the longer side, for images whose "
        "EXIF data tells no focal length; 0: take the camera to look straight at each person")  # fmt: skip
    add("--tilt", type=float, default=0.0, help="degrees by which the camera looks down")
    add("--smooth", type=float, default=0.0, help="seconds over which a video's poses are smoothed; 0: off")
    add("--max_frames", type=int, default=0, help="stop a video or camera after so many frames; 0: at its end")
    return parser


def check_options(options: argparse.Namespace) -> None:
    """Ranges of the flags, one sentence each."""
    rules = (
        ("width", 16 <= options.width <= 4096, "from 16 to 4096 pixels"),
        ("height", 16 <= options.height <= 4096, "from 16 to 4096 pixels"),
        ("thr", 0 <= options.thr <= 1, "from 0 to 1"),
        ("people", options.people >= 1, "1 or more"),
        ("fov", options.fov == 0 or 5 <= options.fov <= 150, "0 or from 5 to 150 degrees"),
        ("tilt", -90 <= options.tilt <= 90, "from -90 to 90 degrees"),
        ("smooth", 0 <= options.smooth <= 10, "from 0 to 10 seconds"),
        ("max_frames", options.max_frames >= 0, "0 or more"),
    )
    for name, fine, range_text in rules:
        if not fine:
            raise ValueError(f"--{name} must be {range_text}, not {getattr(options, name)}")


def main(argv: list[str] | None = None) -> int:
    """Runs the demo; the exit status is 0, or 2 after one sentence about what is wrong."""
    options = build_parser().parse_args(argv)
    try:
        check_options(options)
        return run(options)
    except (ValueError, OSError) as error:
        return complain(error)
    except KeyboardInterrupt:
        return 130


def complain(error: ValueError | OSError) -> int:
    """One line on standard error, whatever a path contains; returns the exit status."""
    print(f"demo.py: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def run(options: argparse.Namespace) -> int:
    """Loads what is needed and takes the route that the input asks for."""
    source = Path(options.input)
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
        lift_image(pipeline, source, Path(options.out))
    return 0


def load_pipeline(options: argparse.Namespace, image_name: str):
    """Lifter and detector, as the flags ask for."""
    import torch

    from models import load_lifter
    from models.pipeline import PosePipeline

    torch.set_num_threads(1)  # a lift is too small to share: more threads only wait for each other
    lifter = load_lifter(options.ckpt)
    if options.keypoints:
        from utils.keypoints import read_keypoints

        found = read_keypoints(options.keypoints, image_name)
        return PosePipeline(lifter, lambda rgb: found, options.thr, options.people, options.fov, options.tilt)
    from models.detectors.loading import load_detector

    detector = load_detector(options.estimator, options.estimators_dir, options.width, options.height, options.thr)
    return PosePipeline(lifter, detector, options.thr, options.people, options.fov, options.tilt)


def lift_image(pipeline, path: Path, folder: Path) -> None:
    """One image to one folder of results."""
    from utils.demo.images import read_picture
    from utils.demo.outputs import write_results

    picture = read_picture(path)
    try:
        people, camera = pipeline(picture)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    write_results(folder, path.name, picture, people, camera)
    print(f"{path.name}: {len(people)} {'person' if len(people) == 1 else 'people'}; open {folder / 'pose.html'}")


def lift_folder(pipeline, source: Path, folder: Path) -> int:
    """Every image of a folder to a folder of its own; those that fail are named, and the rest go on.

    The folder has the image's name without its ending, or with it where two images differ in nothing else.
    """
    from utils.demo.images import picture_files

    failures, files = 0, picture_files(source)
    stems = Counter(path.stem for path in files)
    for path in files:
        try:
            lift_image(pipeline, path, folder / (path.stem if stems[path.stem] == 1 else path.name))
        except (ValueError, OSError) as error:
            failures += bool(complain(error))
    return 2 if failures else 0


def lift_video(pipeline, source: Path | int, options: argparse.Namespace) -> None:
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
