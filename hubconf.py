"""What `torch.hub.load("OWNER/REPO", NAME)` offers: "lifter", 2D poses to 3D, and "pose", photos to 3D."""

import os
import pathlib
import subprocess
import sys

dependencies = ["torch", "numpy", "jaxtyping"]

_PROJECT = pathlib.Path(__file__).resolve().parent
_CHECKPOINTS = _PROJECT / "test" / "checkpoints"


def lifter(checkpoint="pretrained_model", device="cpu"):
    """A lifter: `lifter.lift(pose_2d_px, intrinsics=None)` gives (..., 17, 3) for (..., 17, 2) pixels.

    Args:
        checkpoint: "pretrained_model", "noisy_keypoints" (told how far to trust each keypoint), "mpii_2d_only",
            "coco_and_synthetic" and "generated_people_only" (both free for commercial use), or the path of a checkpoint
            of your own.
        device: "cpu", "cuda" and so on.

    Returns:
        A `models.Lifter`, a `torch.nn.Module` ready for inference.

    Raises:
        ValueError: one sentence, for a checkpoint that is not there or cannot be used.
    """
    _refuse_strangers()
    from models import load_lifter

    shipped = _CHECKPOINTS / f"{checkpoint}.ckpt"
    if not shipped.is_file() and not pathlib.Path(checkpoint).is_file():
        names = ", ".join(sorted(path.stem for path in _CHECKPOINTS.glob("*.ckpt")))
        raise ValueError(f"there is no checkpoint {checkpoint}: give {names}, or the path of a file")
    return load_lifter(shipped if shipped.is_file() else checkpoint, device)


def pose(checkpoint="pretrained_model", **options):
    """A function of a photo that lifts the people in it: `pose("photo.jpg").people[0].pose` is (17, 3).

    It finds people with BlazePose, whose files (9 MB, Apache-2.0) are fetched at the first call and compared with their
    published sums.

    Args:
        checkpoint: as for `lifter`.
        options: `thr`, `people`, `fov` and `tilt` of `models.pipeline.PosePipeline`.

    Returns:
        A function: the path of a picture or (height, width, 3) uint8 RGB in, a `utils.demo.people.Scene` out. It
        raises a `ValueError` of one sentence for a picture that cannot be read or that shows nobody.

    Raises:
        ValueError: one sentence, if the checkpoint or BlazePose's files cannot be had.
        ModuleNotFoundError: one sentence, if a package is missing.
    """
    network = lifter(checkpoint)
    from utils.messages import missing_package

    try:
        from models.detectors.loading import ESTIMATOR_FOLDER, FILES, load_detector
        from models.pipeline import PosePipeline
        from utils.demo.images import Picture, read_picture

        if not all((ESTIMATOR_FOLDER / name).is_file() for name in FILES["blazepose"]):
            _fetch_blazepose()
        pipeline = PosePipeline(network, load_detector("blazepose"), **options)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(missing_package(error, _PROJECT / "requirements-demo.txt")) from error

    def lift_photo(photo):
        return pipeline(read_picture(photo) if isinstance(photo, (str, os.PathLike)) else Picture(photo))

    return lift_photo


def _refuse_strangers():
    """`models` and `utils` are common names: another project's, once imported, hide ours.

    Raises:
        ImportError: one sentence.
    """
    for name in ("models", "utils"):
        folders = getattr(sys.modules.get(name), "__path__", None)
        if name in sys.modules and str(_PROJECT / name) not in [os.path.realpath(folder) for folder in folders or []]:
            raise ImportError(f"another project's package '{name}' is loaded already: load this one in a new process")


def _fetch_blazepose():
    """Has the download script put BlazePose's files in place.

    Raises:
        ValueError: one sentence, if it cannot.
    """
    command = ["bash", str(_PROJECT / "download_2d_pose_estimator.sh"), "blazepose"]
    try:
        subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(f"BlazePose's files could not be fetched; try again with: {' '.join(command)}") from error
