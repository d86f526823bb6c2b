"""What every parser returns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class PoseSet:
    """2D poses in Human3.6M's 17 joints, and what is known about them.

    Attributes:
        name: one line for people, saying what and how much it is.
        poses_px: 2D source -> (N, 17, 2) float32 pixels. "gt" (annotated or projected) is always there;
            "detected" where a detector's output came with the data.
        poses_cam_mm: (N, 17, 3) float32 camera frame, or None where no 3D exists. Never used in training.
        intrinsics_px: (N, 4) fx, fy, cx, cy, or None.
        actions: (N,) int64 index into `action_names`, or None.
        action_names: the names, sorted.
        left_out: how many poses were dropped for missing joints.
        scored: the joints whose 3D the data has, if not all 17; the others are filled from these, for the lifter.
        next_frame: (N,) int64 index of the next frame of the same video, -1 where there is none; None where the order
            of the poses is not known.
    """

    name: str
    poses_px: dict[str, Tensor]
    poses_cam_mm: Tensor | None = None
    intrinsics_px: Tensor | None = None
    actions: Tensor | None = None
    action_names: tuple[str, ...] = ()
    left_out: int = 0
    scored: tuple[int, ...] | None = None
    next_frame: Tensor | None = None

    def __len__(self) -> int:
        return len(self.poses_px["gt"])

    def select(self, index: Tensor) -> "PoseSet":
        """The same set with only the poses of an index or mask (M,). Where a frame is left out, its video has a gap."""
        chosen = self._map(lambda tensor: tensor[index])
        return chosen if self.next_frame is None else replace(chosen, next_frame=_renumbered(self.next_frame, index))

    def to(self, device: torch.device | str) -> "PoseSet":
        """The same set on a device."""
        return self._map(lambda tensor: tensor.to(device))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "PoseSet":
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        changed: dict[str, Any] = {name: change(tensor) for name, tensor in tensors.items()}
        return replace(self, poses_px={source: change(poses) for source, poses in self.poses_px.items()}, **changed)


def _renumbered(next_frame: Tensor, index: Tensor) -> Tensor:
    """(M,) the next frames (N,) of the poses of an index or mask, as numbers among these; -1 for those left out."""
    chosen = torch.arange(len(next_frame), device=next_frame.device)[index]
    # One place more, so that -1 stays -1.
    places = torch.full((len(next_frame) + 1,), -1, device=next_frame.device)
    places[chosen] = torch.arange(len(chosen), device=next_frame.device)
    return places[next_frame[chosen]]
