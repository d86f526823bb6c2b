"""From the points of other skeletons to our 17 joints."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from utils.geometry import usable
from utils.keypoints import NEIGHBOURS
from utils.skeleton import JOINTS_FROM, JOINTS_FROM_RAW, SOURCES, joint_weights

from ..poseset import PoseSet

JOINT_DEFINITIONS = ("h36m", "raw")
SMALLEST_SHARE = 1e-5
"""A person's size over the largest coordinate."""
EARS = ("left_ear", "right_ear")


def people_to_poseset(
    points_px: np.ndarray, seen: np.ndarray | None, skeleton: str, joint_definitions: str, where: str
) -> PoseSet:
    """The people whose points are all there, as 17 joints. One ear may be hidden, as it is from the side.

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
    there = np.isfinite(points_px).all(axis=2) & (True if seen is None else seen)
    points_px, there = _with_both_ears(points_px, there, SOURCES[skeleton])
    whole = points_px[there[:, needed].all(axis=1)]
    poses = points_to_joints(whole[_has_size(whole[:, needed])], weights)
    poses = poses[usable(poses)]
    if len(poses) == 0:
        raise ValueError(f"{where} has no person with all the points of {skeleton!r} ({len(points_px)} incomplete)")
    left_out = len(points_px) - len(poses)
    people = f"{len(poses):,} {'person' if len(poses) == 1 else 'people'}"
    return PoseSet(f"{Path(where).name}: {people} ({skeleton})", {"gt": poses}, left_out=left_out)


def _with_both_ears(points_px: np.ndarray, seen: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, K, 2) and which are there (N, K), a hidden ear put where the other ear and the eyes say it is."""
    points_px, filled = points_px.copy(), seen.copy()
    for ear, other in zip(EARS, reversed(EARS), strict=True):
        for option in (row for row in NEIGHBOURS[ear] if other in row and {ear, *row} <= {*names}):
            column, columns = names.index(ear), [names.index(name) for name in option]
            rows = ~filled[:, column] & seen[:, columns].all(axis=1)
            points_px[rows, column] = np.array(list(option.values())) @ points_px[rows][:, columns]
            filled[rows, column] = True
    return points_px, filled


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
