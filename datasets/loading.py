"""Which data a run uses: from the flags' words to pose sets."""

from pathlib import Path

from .h36m import load_h36m
from .keypoints import load_keypoints
from .mpii import load_mpii
from .poseset import PoseSet
from .synthetic.people import load_synthetic

H36M_TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
H36M_VAL_SUBJECTS = ("S9", "S11")
SYNTHETIC_VAL_POSES = 4096
SYNTHETIC_VAL_SEED = 2**31
"""Far from any seed of a training set, so that no validation person is trained on."""
MPII_FILES = ("mpii_poses.npy", "mpii_human_pose_v1_u12_*.mat", "mpii_annotations.json")


def choose_train_data(name: str | None, data_dir: Path) -> str:
    """The name given, or MPII if its files are there, or generated people."""
    return name or ("mpii" if any(any(data_dir.glob(pattern)) for pattern in MPII_FILES) else "synthetic")


def choose_val_data(name: str | None, data_dir: Path) -> str:
    """The name given, or Human3.6M if its folder is there, or generated people."""
    return name or ("h36m" if (data_dir / "h36m").is_dir() else "synthetic")


def load_train(
    name: str, data_dir: Path, joint_definitions: str, synthetic_poses: int, seed: int, skeleton: str | None = None
) -> PoseSet:
    """2D poses to train on.

    Args:
        name: "mpii", "h36m", "synthetic" or a file or folder of your own key points.
        data_dir: where MPII's files and h36m/ are.
        joint_definitions: "h36m" moves MPII's points to Human3.6M's joints, "raw" leaves them.
        synthetic_poses: how many people to generate.
        seed: of the generated people.
        skeleton: whose points a file of your own holds, where it does not say.

    Raises:
        ValueError: one sentence, for data that is missing or unusable.
    """
    if name == "mpii":
        return load_mpii(data_dir, joint_definitions)
    if name == "h36m":
        return load_h36m(data_dir / "h36m", H36M_TRAIN_SUBJECTS, detections=False, progress=True)
    if name == "synthetic":
        return load_synthetic(synthetic_poses, seed)
    if not Path(name).exists():
        raise ValueError(f"--train_data {name} is neither mpii, h36m, synthetic nor an existing file or folder")
    return load_keypoints(Path(name), skeleton, joint_definitions)


def load_val(name: str, data_dir: Path, stride: int) -> PoseSet:
    """3D poses to validate on: Human3.6M's S9 and S11, or generated people.

    Raises:
        ValueError: one sentence, for data that is missing or unusable.
    """
    if name == "h36m":
        return load_h36m(data_dir / "h36m", H36M_VAL_SUBJECTS, stride=stride, progress=True)
    return load_synthetic(SYNTHETIC_VAL_POSES, SYNTHETIC_VAL_SEED)
