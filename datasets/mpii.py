"""MPII Human Pose (Andriluka et al. 2014): the 2D poses that the lifter learns from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.skeleton import SOURCES

from . import cache
from .files import as_numbers, existing_file, find_files, read_mat, read_npy
from .keypoints import load_keypoints, people_to_poseset
from .poseset import PoseSet

MATLAB_NAME = "mpii_human_pose_v1_u12_*.mat"
NUM_POINTS = len(SOURCES["mpii_16"])


def load_mpii(data_dir: str | Path, joint_definitions: str = "h36m") -> PoseSet:
    """The people of MPII's training images whose joints are all annotated.

    Takes the first of these that `data_dir` holds: `mpii_poses.npy` (N, 34), 17 joints in Human3.6M's order; the
    official `mpii_human_pose_v1_u12_*.mat`; `mpii_annotations.json`, one entry a person, as training code for stacked
    hourglasses, HRNet or MMPose shares them.

    Args:
        data_dir: the folder, or one of these files.
        joint_definitions: "h36m" moves joints to where Human3.6M has them, "raw" keeps MPII's own.

    Returns:
        `poses_px["gt"]` (N, 17, 2). People with missing joints are left out and counted.

    Raises:
        ValueError: one sentence, if there is no such file or nothing usable in it.
    """
    data_dir = Path(data_dir)
    files = [data_dir] if data_dir.is_file() else mpii_files(data_dir)
    if not files:
        raise ValueError(f"no mpii_poses.npy, {MATLAB_NAME} or mpii_annotations.json in {data_dir}; put one there")
    path = files[0]
    if path.suffix.lower() == ".json":
        poses = load_keypoints(path, "mpii_16", joint_definitions)
        return replace(poses, name=f"MPII, {poses.name}")
    if path.suffix.lower() == ".npy":
        points_px, skeleton = _read_poses(path), "mpii_17"
    else:
        key = cache.key_of([existing_file(path)], "MPII")
        content = cache.cached(key, lambda: {"points": _read_matlab(path)}, path.parent)
        points_px, skeleton = content["points"], "mpii_16"
    # (0, 0) or (-1, -1) where an annotator set no point. A visibility of 0 beside other numbers means an occluded one.
    seen = ((points_px != 0) & (points_px != -1)).any(axis=2)
    poses = people_to_poseset(points_px, seen, skeleton, joint_definitions, str(path))
    return replace(poses, name=f"MPII, {poses.name}")


def mpii_files(data_dir: Path) -> list[Path]:
    """MPII's files in a folder, and its own in the folders within, in the order in which they are taken."""
    matlab = [(folder, MATLAB_NAME) for folder in (data_dir, *sorted(data_dir.glob("*")))]
    places = [(data_dir, "mpii_poses.npy"), *matlab, (data_dir, "mpii_annotations.json")]
    return [path for folder, name in places for path in find_files(folder, name)]


def _read_poses(path: Path) -> np.ndarray:
    """(N, 17, 2) from rows of 34 numbers."""
    poses = as_numbers(read_npy(path), str(path))
    if poses.shape[1:] not in ((34,), (17, 2)):
        raise ValueError(f"{path} has shape {poses.shape}; wanted is (people, 34), 17 joints of x and y")
    return poses.reshape(len(poses), 17, 2)


def _read_matlab(path: Path) -> np.ndarray:
    """(N, 16, 2): everybody with annotated points in a training image; zeros where there is no point."""
    release = read_mat(path, "RELEASE")
    try:
        images, in_training = np.atleast_1d(release.annolist), np.atleast_1d(release.img_train)
        people = [
            _matlab_points(person)
            for image, training in zip(images, in_training, strict=True)
            for person in np.atleast_1d(image.annorect)
            if training and _has(person, "annopoints")
        ]
    except (AttributeError, TypeError, IndexError, ValueError):
        raise ValueError(f"{path} is not MPII's annotation file or is damaged; get it again") from None
    return np.array(people, np.float64).reshape(-1, NUM_POINTS, 2)


def _matlab_points(person: Any) -> np.ndarray:
    points_px = np.zeros((NUM_POINTS, 2))
    if _has(person.annopoints, "point"):
        for point in np.atleast_1d(person.annopoints.point):
            points_px[int(point.id)] = float(point.x), float(point.y)
    return points_px


def _has(struct: Any, field: str) -> bool:
    """Whether a MATLAB struct has a field that is not empty."""
    return np.size(getattr(struct, field, ())) > 0
