"""What of a pose set is lifted: points of each 2D source, with the camera's intrinsics and without."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from ..geometry import usable
from ..normalization import DETECTED, EXACT

WITH_INTRINSICS = "+intrinsics"
"""Ends the name of an input that is lifted with the camera's intrinsics, as "gt+intrinsics" beside "gt"."""


def input_names(pose_set: Any, sources: Iterable[str] | None = None) -> list[str]:
    """The inputs of a `datasets.poseset.PoseSet`, of some 2D sources or of all."""
    kinds = ("",) if pose_set.intrinsics_px is None else ("", WITH_INTRINSICS)
    return [source + kind for source in sources or pose_set.poses_px for kind in kinds]


def input_of(pose_set: Any, name: str) -> tuple[Tensor, Tensor, Tensor | None, float]:
    """Which poses (N,) an input has, and these: points (n, 17, 2), intrinsics (n, 4) and how far to trust points."""
    source = name.removesuffix(WITH_INTRINSICS)
    poses_px = pose_set.poses_px[source]
    complete = usable(poses_px)
    intrinsics_px = pose_set.intrinsics_px[complete] if name.endswith(WITH_INTRINSICS) else None
    return complete, poses_px[complete], intrinsics_px, EXACT if source == "gt" else DETECTED
