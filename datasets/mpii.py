"""MPII Human Pose (Andriluka et al. 2014): the 2D poses that the lifter learns from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.skeleton import SOURCES

from . import cache
from .files import as_numbers, existing_file, find_files, read_json, read_mat, read_npy
from .keypoints import people_to_poseset
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
    if path.suffix.lower() == ".npy":
        points_px, skeleton = _read_poses(path), "mpii_17"
    else:
        parse = _read_matlab if path.suffix.lower() == ".mat" else _read_annotations
        key = cache.key_of([existing_file(path)], "MPII")
        points_px, skeleton = cache.cached(key, lambda: {"points": parse(path)}, path.parent)["points"], "mpii_16"
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


def _read_annotations(path: Path) -> np.ndarray:
    """(N, 16, 2) from a list of people; zeros where there is no point.

    Stacked hourglasses' `joint_self` has rows x, y, visible. Its `isValidation` divides MPII's training images, so
    both halves count, and its `joint_others` repeats people who have an entry of their own. HRNet's and MMPose's
    `joints` has rows x, y, and `joints_vis` is 0 where a joint was not annotated.
    """
    content = read_json(path)
    people = content.get("root") if isinstance(content, dict) else content
    if not isinstance(people, list) or not any(isinstance(person, dict) for person in people):
        raise ValueError(f"{path} is not a list of annotated people")
    points_px, faults = [], []
    for person in people:
        if isinstance(person, dict) and not str(person.get("dataset", "MPI")).upper().startswith("MPI"):
            continue
        try:
            points_px.append(_json_points(person, path))
        except ValueError as error:
            # Nothing of them is seen, so they are left out and counted.
            points_px.append(np.zeros((NUM_POINTS, 2)))
            faults.append(error)
    if faults and len(faults) == len(points_px):
        raise faults[0]
    return np.array(points_px).reshape(-1, NUM_POINTS, 2)


def _json_points(person: Any, path: Path) -> np.ndarray:
    if not isinstance(person, dict):
        raise ValueError(f"an entry in {path} is no annotated person")
    name = "joints" if "joints" in person else "joint_self"
    rows = as_numbers(person.get(name, np.empty((0, 2))), f"a {name!r} in {path}")
    if rows.ndim != 2 or rows.shape[1] < 2 or len(rows) > NUM_POINTS:
        raise ValueError(f"a {name!r} in {path} has shape {rows.shape}; wanted is ({NUM_POINTS}, 2 or 3)")
    points_px = np.zeros((NUM_POINTS, 2))
    # Trailing joints that nobody annotated may be absent.
    points_px[: len(rows)] = rows[:, :2]
    if name == "joints" and "joints_vis" in person:
        annotated = as_numbers(person["joints_vis"], f"a 'joints_vis' in {path}")
        if annotated.shape[:1] != (len(rows),) or annotated.size == 0:
            raise ValueError(f"a 'joints_vis' in {path} has shape {annotated.shape}; wanted is ({len(rows)},)")
        points_px[: len(rows)][annotated.reshape(len(rows), -1).max(axis=1) == 0] = 0
    return points_px
