"""3D poses to validate on, besides Human3.6M's: from a file of any known layout to a pose set.

Joints that a data set lacks are filled from others, since the lifter needs all 17, and do not count in the errors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from utils.geometry import root_relative, usable
from utils.skeleton import INDEX, JOINTS, NUM_JOINTS

from .evaluation_layouts import Part, read_layout, weighted
from .poseset import PoseSet

FILLED_FROM: dict[str, dict[str, float]] = {
    "hip": {"left_hip": 0.5, "right_hip": 0.5},
    # On from the middle of the shoulders, as for detectors; see utils/skeleton.py.
    "thorax": {"left_shoulder": 0.56, "right_shoulder": 0.56, "left_hip": -0.06, "right_hip": -0.06},
    "spine": {"hip": 0.5, "thorax": 0.5},
    "neck": {"thorax": 0.5, "head": 0.5},
    "head": {"neck": 2.0, "thorax": -1.0},
}
"""In this order: a joint may be filled from one filled before."""
SMALLEST_MM = 20.0
"""Nobody's joints are that near to the hip on average: smaller numbers are metres."""


def load_evaluation_set(path: str | Path, stride: int = 1) -> PoseSet:
    """3D poses with their 2D, and with intrinsics, detections and actions where the file has them.

    Args:
        path: an .npz file as docs/evaluation.md describes it.
        stride: takes every stride-th pose.

    Raises:
        ValueError: one sentence, if the file is damaged, of another layout or without a usable pose, or if its 3D is
            not in millimetres or not in the camera's axes.
    """
    path = Path(path)
    names, parts = read_layout(path)
    weights = joint_weights_of(names, path)
    columns, left_out = _columns([_as_joints(part, weights) for part in parts], stride)
    if not len(columns["gt"]):
        raise ValueError(f"{path} has no pose whose joints are all there ({left_out} incomplete)")
    _check_units_and_axes(columns["gt"], columns["cam_mm"], path)
    scored = tuple(number for number, name in enumerate(JOINTS) if name in names)
    which = "" if len(scored) == NUM_JOINTS else f", {len(scored)} of {NUM_JOINTS} joints scored"
    action_names, actions = _numbered(columns.pop("actions", None))
    return PoseSet(
        f"{path.name}: {len(columns['gt']):,} poses{which}",
        {source: columns[source].float() for source in ("gt", "detected") if source in columns},
        columns["cam_mm"].float(),
        columns["intrinsics_px"].float() if "intrinsics_px" in columns else None,
        actions,
        action_names,
        left_out,
        scored if which else None,
    )


def joint_weights_of(names: Sequence[str], path: Path) -> np.ndarray:
    """(17, K) weights that turn points of these names into our joints; names that are not ours get none.

    Raises:
        ValueError: if a joint is not there and cannot be filled.
    """
    weights: dict[str, np.ndarray] = {
        name: row for name, row in zip(names, np.eye(len(names)), strict=True) if name in INDEX
    }
    for joint, sources in FILLED_FROM.items():
        if joint not in weights and sources.keys() <= weights.keys():
            weights[joint] = np.sum([weight * weights[name] for name, weight in sources.items()], axis=0)
    if missing := [name for name in JOINTS if name not in weights]:
        raise ValueError(f"{path} has no joint {', '.join(missing)}, which the lifter needs; see docs/evaluation.md")
    return np.stack([weights[name] for name in JOINTS])


def _as_joints(part: Part, weights: np.ndarray) -> dict[str, np.ndarray]:
    columns = {
        "gt": weighted(weights, part.points_px),
        "cam_mm": weighted(weights, part.points_mm),
        "detected": part.detected_px,
        "intrinsics_px": part.intrinsics_px,
        "actions": part.actions,
    }
    return {name: values for name, values in columns.items() if values is not None}


def _columns(parts: list[dict[str, np.ndarray]], stride: int) -> tuple[dict[str, Any], int]:
    """All parts in one, every stride-th pose, tensors but for the actions; and how many of those were incomplete."""
    joined = {name: np.concatenate([part[name] for part in parts])[::stride] for name in parts[0]}
    keep = usable(torch.from_numpy(joined["gt"])) & usable(torch.from_numpy(joined["cam_mm"]))
    kept = {name: values[keep.numpy()] for name, values in joined.items()}
    tensors = {name: torch.from_numpy(values) for name, values in kept.items() if name != "actions"}
    return {**kept, **tensors}, int((~keep).sum())


def _check_units_and_axes(poses_px: Tensor, poses_mm: Tensor, path: Path) -> None:
    """Refuses what would be scored, but mean nothing."""
    seen, true = root_relative(poses_px), root_relative(poses_mm)
    if true.norm(dim=-1).mean() < SMALLEST_MM:
        raise ValueError(f"{path} has people smaller than {SMALLEST_MM:g} mm; give the 3D poses in millimetres")
    for axis, name in enumerate(("right", "down")):
        if (seen[..., axis] * true[..., axis]).sum() <= 0:
            raise ValueError(f"{path} has 3D poses whose {'xy'[axis]} does not point {name} in the image; "
                             "give them in the camera's frame")  # fmt: skip


def _numbered(actions: np.ndarray | None) -> tuple[tuple[str, ...], Tensor | None]:
    """The names of some actions, sorted, and the number of each pose's."""
    if actions is None:
        return (), None
    names, numbers = np.unique(actions, return_inverse=True)
    return tuple(names.tolist()), torch.from_numpy(numbers)
