"""Which data a run uses: from the flags' words to pose sets.

Data that is missing or unusable is a `ValueError` of one sentence.
"""

from dataclasses import replace
from pathlib import Path

from utils.config import Config, DataConfig
from utils.geometry import usable

from .evaluation_sets import load_evaluation_set
from .h36m import load_h36m
from .keypoints import load_keypoints
from .mpii import load_mpii, mpii_files
from .poseset import PoseSet
from .synthetic.people import load_synthetic

H36M_TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
H36M_VAL_SUBJECTS = ("S9", "S11")
SYNTHETIC_VAL_POSES = 4096
SYNTHETIC_VAL_SEED = 2**31
"""Far from any seed of a training set, so that no validation pose is trained on."""


def load_data(config: Config) -> tuple[Config, PoseSet, PoseSet]:
    """The settings with the chosen data sets in them, the 2D poses to train on and the 3D poses to validate on."""
    data = config.data
    train_data = _training_data(data)
    if data.data_dir and train_data == "synthetic" and not data.train_data:
        raise ValueError(f"--data_dir {data.data_dir} has no 2D poses of MPII to train on; see docs/data.md, or give "
                         "--train_data")  # fmt: skip
    # Training says what it validates on; a table of --evaluate must not be about other poses than the user has.
    val_data = data.val_data or _validation_data_in(folder_of(data))
    config = config.updated({"train_data": train_data, "val_data": val_data})
    return config, load_training(config.data, config.run.seed), load_validation(config.data)


def load_training(data: DataConfig, seed: int) -> PoseSet:
    """2D poses to train on; the seed is that of synthetic ones."""
    name = _training_data(data)
    if data.train_2d == "detected" and name != "h36m":
        raise ValueError("--train_2d detected goes with --train_data h36m: other data holds one kind of points")
    if name == "mpii":
        return load_mpii(folder_of(data), data.joint_definitions)
    if name == "h36m":
        detected = data.train_2d == "detected"
        poses = load_h36m(folder_of(data) / "h36m", H36M_TRAIN_SUBJECTS, detections=detected, progress=True)
        return only_detected(poses) if detected else poses
    if name == "synthetic":
        return load_synthetic(data.synthetic_poses, seed)
    if not Path(name).exists():
        raise ValueError(f"--train_data {name} is neither mpii, h36m, synthetic nor an existing file or folder")
    return load_keypoints(Path(name), data.skeleton, data.joint_definitions)


def only_detected(poses: PoseSet) -> PoseSet:
    """The detections alone, those that are complete, in the place of the true 2D poses."""
    if "detected" not in poses.poses_px:
        raise ValueError(f"{poses.name} has no detections to train on")
    kept = poses.select(usable(poses.poses_px["detected"]).nonzero()[:, 0])
    return replace(kept, name=f"{kept.name}, {len(kept):,} detections", poses_px={"gt": kept.poses_px["detected"]})


def load_validation(data: DataConfig) -> PoseSet:
    """3D poses to validate on: Human3.6M's S9 and S11, synthetic poses, or those of a file."""
    name = data.val_data or _validation_data_in(folder_of(data))
    if name == "synthetic" and data.data_dir and not data.val_data:
        raise ValueError(f"--data_dir {data.data_dir} has no folder h36m to validate on; see docs/data.md, or give "
                         "--val_data synthetic")  # fmt: skip
    if name == "h36m":
        return load_h36m(folder_of(data) / "h36m", H36M_VAL_SUBJECTS, stride=data.val_stride or 1, progress=True)
    if name == "synthetic":
        return load_synthetic(SYNTHETIC_VAL_POSES, SYNTHETIC_VAL_SEED)
    if not Path(name).is_file():
        raise ValueError(f"--val_data {name} is neither h36m, synthetic nor an existing file")
    return load_evaluation_set(Path(name), data.val_stride or 1)


def folder_of(data: DataConfig) -> Path:
    """The folder of --data_dir, ./data where it is not given."""
    return data.data_dir or Path("data")


def _training_data(data: DataConfig) -> str:
    """MPII where its files are, else synthetic poses, where nobody says otherwise."""
    return data.train_data or ("mpii" if mpii_files(folder_of(data)) else "synthetic")


def _validation_data_in(folder: Path) -> str:
    return "h36m" if (folder / "h36m").is_dir() else "synthetic"
