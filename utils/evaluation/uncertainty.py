"""Whether a lifter is as sure of its joints as it may be."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..geometry import root_relative
from ..skeleton import NUM_JOINTS, ROOT
from .alignment import distances, least_squares_scale
from .inputs import input_names, input_of

LiftWithRadii = Callable[[Tensor, Tensor | None, float], tuple[Tensor, Tensor | None]]
"""As `protocol.Lift`, and the radius (n, 17) of each joint in the poses' unit; None from a lifter of depths alone."""


@torch.no_grad()
def radii_hold(lift: LiftWithRadii, pose_set: Any, batch_size: int = 4096) -> dict[str, float]:
    """Input -> percentage of joints that lie within their radius of the true ones, after N-MPJPE's alignment.

    The root, which is at the origin by definition, is left out. Nothing is said of a lifter without radii.

    Args:
        lift: for example `Lifter.lift_with_uncertainty`, whose radii should hold for 90 %.
        pose_set: a `datasets.poseset.PoseSet` with 3D poses.
        batch_size: poses lifted at a time.
    """
    scored = [joint for joint in pose_set.scored or range(NUM_JOINTS) if joint != ROOT]
    names = input_names(pose_set)
    inside, total = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for index in torch.arange(len(pose_set)).split(batch_size):
        part = pose_set.select(index)
        for name in names:
            complete, points_px, intrinsics_px, trust = input_of(part, name)
            pose, radius = lift(points_px, intrinsics_px, trust)
            if radius is None:
                return {}
            pred, true = (root_relative(poses)[..., scored, :] for poses in (pose, part.poses_cam_mm[complete]))
            scale = least_squares_scale(pred, true)
            inside[name] += int((distances(scale * pred, true) <= scale[..., 0] * radius[..., scored]).sum())
            total[name] += true[..., 0].numel()
    return {name: 100 * inside[name] / max(total[name], 1) for name in names}
