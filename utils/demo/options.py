"""Every setting of the demo with its default, its range and its sentence for --help. Imports nothing heavy."""

from dataclasses import dataclass, fields
from pathlib import Path

from ..options import Parser, option
from .registry import ESTIMATORS, EXPORTS

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DemoOptions:
    """options"""

    input: str = option(
        "./test/input_sample.png",
        "picture, folder, video, address of either, number of a camera, or - for standard input",
    )
    width: int = option(368, "width that OpenPose resizes the input to, in pixels", 16, 4096)
    height: int = option(368, "height that OpenPose resizes the input to, in pixels", 16, 4096)
    thr: float = option(0.1, "lowest confidence of a keypoint that counts as seen", 0.0, 1.0)
    ckpt: str = option("./test/checkpoints/pretrained_model.ckpt", "checkpoint of a trained lifter")
    out: str = option("./demo_out", "folder for the results")
    estimator: str = option("blazepose", "2D pose estimator; rtmpose for crowded pictures", choices=tuple(ESTIMATORS))
    estimators_dir: str = option("./estimators", "folder of the 2D pose estimator's files")
    keypoints: str | None = option(
        None, "file of the image's keypoints (COCO, OpenPose, ...), instead of a 2D pose estimator", metavar="FILE"
    )
    skeleton: str | None = option(None, "skeleton of --keypoints, where the file does not tell", metavar="NAME")
    people: int = option(5, "how many people to lift at most, the largest first", 1, 1000)
    fov: float = option(
        55.0,
        "field of view in degrees along the longer side, for images whose EXIF data tells no focal length; "
        "0: take the camera to look straight at each person",
        0.0, 150.0,
    )  # fmt: skip
    tilt: float = option(0.0, "degrees by which the camera looks down", -90.0, 90.0)
    smooth: float = option(
        0.05, "seconds to both sides over which a video's poses are smoothed (standard deviation); 0: off", 0.0, 10.0
    )
    max_frames: int = option(0, "stop a video or camera after so many frames; 0: at its end", 0, 1_000_000_000)
    export: str | None = option(
        None, f"also write the motion as one or more of {', '.join(EXPORTS)}", metavar="FORMAT[,FORMAT]"
    )
    height_m: float = option(1.75, "height of the people in metres, which --export takes for granted", 0.2, 3.0)
    rerun: bool = option(False, "also write pose.rrd, for the viewer of rerun.io")

    @property
    def export_formats(self) -> tuple[str, ...]:
        """Those of `export`, each once."""
        return tuple(dict.fromkeys((self.export or "").lower().replace(" ", "").split(","))) if self.export else ()


def build_parser() -> Parser:
    """The parser of demo.py."""
    parser = Parser(prog="demo.py", description="Lifts the people in a picture or video to 3D.", allow_abbrev=False)
    parser.add_argument("path", nargs="?", metavar="INPUT", help="the same as --input")
    parser.add_options(DemoOptions)
    return parser


def parse_options(argv: list[str] | None = None) -> DemoOptions:
    """The flags that are given, over the defaults.

    Raises:
        SystemExit: status 2 and one sentence for a flag that cannot be used.
    """
    parser = build_parser()
    given = vars(parser.parse_args(argv))
    path = given.pop("path")
    if path is not None and given.setdefault("input", path) != path:
        parser.error(f"the input is given twice: {path} and --input {given['input']}")
    options = DemoOptions(**given)
    if 0 < options.fov < 5:
        parser.error(f"argument --fov: {options.fov:g} is neither 0 nor in [5, 150]")
    for name in options.export_formats:
        if name not in EXPORTS:
            parser.error(f"argument --export: {name!r} is none of {', '.join(EXPORTS)}")
    return options


def default_file(name: str, value: str) -> str:
    """The value of an option that is a path; a default that is not in the working directory is the project's file."""
    default = next(item.default for item in fields(DemoOptions) if item.name == name)
    return str(PROJECT / value) if value == default and not Path(value).exists() else value
