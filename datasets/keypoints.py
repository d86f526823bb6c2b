"""2D key points from annotators and detectors, turned into our 17 joints."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from utils.geometry import usable
from utils.skeleton import JOINTS_FROM, JOINTS_FROM_RAW, NUM_JOINTS, SOURCES, joint_weights

from .files import as_numbers, read_json, read_npy, read_npz
from .poseset import PoseSet

JOINT_DEFINITIONS = ("h36m", "raw")
SMALLEST_SHARE = 1e-5
"""A person's size over the largest coordinate."""
# Skeletons that their number of points gives away; 17 points may be Human3.6M's, MPII's or COCO's.
SKELETON_OF_COUNT = {
    count: next(name for name, points in SOURCES.items() if len(points) == count) for count in (15, 16, 18, 25, 33)
}


def load_keypoints(
    path: str | Path, skeleton: str | None = None, joint_definitions: str = "h36m", score_threshold: float = 0.0
) -> PoseSet:
    """One's own 2D poses.

    Files: `.npy` (N, 34) or (N, 17, 2) in Human3.6M's order; `.npz` with `keypoints` (N, K, 2 or 3) and, if wished,
    a text `skeleton`; `.json` as COCO's annotations or results, as OpenPose writes it, or as
    {"skeleton": ..., "keypoints": ...}; a folder of OpenPose's `*_keypoints.json`.

    Args:
        path: the file or folder.
        skeleton: a name in `utils.skeleton.SOURCES`; by default what the file or its number of points says.
        joint_definitions: "h36m" moves joints to where Human3.6M has them, "raw" takes them as they are.
        score_threshold: points with a score (third number) of at most this count as missing.

    Returns:
        `poses_px["gt"]` (N, 17, 2). People with a missing point that the mapping needs, or of no size, are left
        out and counted.

    Raises:
        ValueError: one sentence, for unreadable files, unknown skeletons and files without a usable person.
    """
    path = Path(path)
    points, stated = _read(path)
    skeleton = skeleton or stated or _skeleton_of(points, path)
    if skeleton not in SOURCES:
        raise ValueError(f"{path}: unknown skeleton {skeleton!r:.60}; known: {', '.join(SOURCES)}")
    seen = points[..., 2] > score_threshold if points.shape[-1] == 3 else None
    return people_to_poseset(points[..., :2], seen, skeleton, joint_definitions, str(path))


def people_to_poseset(
    points_px: np.ndarray, seen: np.ndarray | None, skeleton: str, joint_definitions: str, where: str
) -> PoseSet:
    """The people whose points are all there, as 17 joints.

    Args:
        points_px: (N, K, 2) points of `skeleton`.
        seen: (N, K) False for missing points; None if only non-finite ones are missing.
        where: the file, for the set's name and for errors.

    Raises:
        ValueError: if the number of points is not the skeleton's, or if nobody is usable.
    """
    weights = _weights(skeleton, joint_definitions)
    if points_px.shape[1:] != (weights.shape[1], 2):
        count, wanted = points_px.shape[1], weights.shape[1]
        raise ValueError(f"{where} has {count} points a person, but skeleton {skeleton!r} has {wanted}")
    needed = np.abs(weights).sum(axis=0) > 0
    complete = np.isfinite(points_px[:, needed]).all(axis=(1, 2))
    if seen is not None:
        complete &= seen[:, needed].all(axis=1)
    whole = points_px[complete]
    poses = points_to_joints(whole[_has_size(whole[:, needed])], weights)
    poses = poses[usable(poses)]
    if len(poses) == 0:
        raise ValueError(f"{where} has no person with all the points of {skeleton!r} ({len(points_px)} incomplete)")
    left_out = len(points_px) - len(poses)
    people = f"{len(poses):,} {'person' if len(poses) == 1 else 'people'}"
    return PoseSet(f"{Path(where).name}: {people} ({skeleton})", {"gt": poses}, left_out=left_out)


def _has_size(points_px: np.ndarray) -> np.ndarray:
    """(N,) whether the points (N, K, 2) lie further apart than float32's rounding of their coordinates."""
    size = (points_px.max(axis=1) - points_px.min(axis=1)).max(axis=1)
    return size > SMALLEST_SHARE * np.abs(points_px).max(axis=(1, 2))


def points_to_joints(points_px: np.ndarray, weights: np.ndarray) -> Tensor:
    """(N, 17, 2) float32 joints: weighted sums (17, K) of the points (N, K, 2), NaN where a needed point is NaN."""
    needed = np.flatnonzero(np.abs(weights).sum(axis=0))
    # Points without weight stay out of the product, for 0 * NaN is NaN.
    return torch.from_numpy(weights[:, needed]).float() @ torch.from_numpy(points_px[:, needed]).float()


def _weights(skeleton: str, joint_definitions: str) -> np.ndarray:
    if joint_definitions not in JOINT_DEFINITIONS:
        raise ValueError(f"unknown joint definitions {joint_definitions!r}; known: {', '.join(JOINT_DEFINITIONS)}")
    raw = joint_definitions == "raw"
    if raw and skeleton in JOINTS_FROM and skeleton not in JOINTS_FROM_RAW:
        raise ValueError(f"{skeleton!r} has no raw joints of ours; use joint definitions 'h36m'")
    return joint_weights(skeleton, raw=raw)


def _skeleton_of(points: np.ndarray, path: Path) -> str:
    count = points.shape[1]
    if count not in SKELETON_OF_COUNT:
        raise ValueError(f"{path}: {count} points a person do not tell the skeleton; state one of {', '.join(SOURCES)}")
    return SKELETON_OF_COUNT[count]


def _read(path: Path) -> tuple[np.ndarray, str | None]:
    """Points (N, K, 2 or 3) and the skeleton, where the format or the file states it."""
    if path.is_dir():
        return _read_openpose_folder(path)
    if path.suffix == ".npy":
        points = _as_people(read_npy(path), path)
        return points, "h36m_17" if points.shape[1] == NUM_JOINTS else None
    if path.suffix == ".npz":
        return _read_named(read_npz(path), path)
    if path.suffix == ".json":
        return _from_json(read_json(path), path)
    raise ValueError(f"{path}: unknown kind of file; known: .npy, .npz, .json and folders of OpenPose's .json")


def _read_named(content: dict[str, Any], path: Path) -> tuple[np.ndarray, str | None]:
    if "keypoints" not in content:
        raise ValueError(f"{path} has no 'keypoints', only {', '.join(map(repr, content)) or 'nothing'}")
    skeleton = content.get("skeleton")
    return _as_people(content["keypoints"], path), None if skeleton is None else str(skeleton)


def _as_people(values: Any, path: Path) -> np.ndarray:
    """(N, K, 2 or 3) float64 from that, from one person's (K, 2 or 3), or from pairs laid out flat as (N, 2 K)."""
    points = as_numbers(values, f"{path}")
    if points.ndim == 2 and points.shape[1] in (2, 3):
        points = points[None]
    if points.ndim == 2 and points.shape[1] % 2 == 0:
        points = points.reshape(len(points), points.shape[1] // 2, 2)
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise ValueError(f"{path} has shape {points.shape}; wanted are (people, points, 2 or 3)")
    return points


def _triples(rows: list[Any], path: Path) -> np.ndarray:
    """(N, K, 3) from flat rows x, y, score, x, y, score, ... as COCO and OpenPose write them."""
    points = as_numbers(rows, f"the key points in {path}")
    if points.ndim != 2 or points.shape[1] % 3:
        raise ValueError(f"the key points in {path} are not rows of x, y and score, equally long for everyone")
    return points.reshape(len(points), points.shape[1] // 3, 3)


def _from_json(content: Any, path: Path) -> tuple[np.ndarray, str | None]:
    if isinstance(content, dict) and "people" in content:
        return _triples(_openpose_people(content, path), path), None
    if isinstance(content, dict) and "keypoints" in content:
        return _read_named(content, path)
    entries = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path} is neither COCO's, OpenPose's nor {{'skeleton', 'keypoints'}}'s layout")
    rows = [entry["keypoints"] for entry in entries if "keypoints" in entry]
    if not rows:
        raise ValueError(f"{path} has no annotation with 'keypoints'")
    return _triples(rows, path), "coco_17"


def _openpose_people(content: Any, path: Path) -> list[Any]:
    try:
        return [person["pose_keypoints_2d"] for person in content["people"]]
    except (KeyError, TypeError):
        raise ValueError(f"{path} is not OpenPose's layout: people with 'pose_keypoints_2d'") from None


def _read_openpose_folder(folder: Path) -> tuple[np.ndarray, None]:
    files = sorted(folder.glob("*_keypoints.json"))
    rows = [row for file in files for row in _openpose_people(read_json(file), file)]
    if not rows:
        raise ValueError(f"{folder} has no OpenPose file '*_keypoints.json' with a person in it")
    return _triples(rows, folder), None
