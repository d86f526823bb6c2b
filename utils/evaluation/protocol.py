"""How a lifter is evaluated: the usual protocol of Human3.6M.

Errors are root-relative, in the camera's frame, over 17 joints; the headline is the mean over the actions' means.
A pose set may hold several sources of 2D poses: "gt", the true 3D poses projected, and "detected", those of a 2D pose
estimator. Each is lifted without and, if the camera is known, with its intrinsics. Poses whose 2D is incomplete are
skipped and counted. Two baselines, which look at no depth, tell how far a figure is from knowing nothing.

Validation during training and `main.py --evaluate` share the one loop in `Evaluation`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..anthropometry import standing_pose
from ..geometry import pixels_to_rays, root_relative, rotate, turn_camera_to_root, usable
from ..normalization import DETECTED, EXACT
from ..skeleton import NUM_JOINTS
from .metrics import PoseErrors

Lift = Callable[[Tensor, Tensor | None, float], Tensor | tuple[Tensor, Tensor | None]]
"""(n, 17, 2) pixels, (n, 4) intrinsics or None, and how far to trust the points (EXACT or DETECTED), to (n, 17, 3) in
the camera's axes at any scale. With it may come the radius (n, 17) of each joint at that scale, or None."""
WITH_INTRINSICS = "+intrinsics"
"""Ends the name of an input that is lifted with the camera's intrinsics, as "gt+intrinsics" beside "gt"."""


class Evaluation:
    """Errors of one lifter on a pose set that comes in parts, by input: "gt", "gt+intrinsics" and so on.

    In a distributed run each process gives it other parts, and `compute` sums over all of them.

    Args:
        pose_set: a `datasets.poseset.PoseSet` with 3D poses; it tells the actions, which joints count, and whether
            intrinsics are known.
        sources: the 2D sources to lift; all that there are if None.
        device: where errors are computed and summed.
    """

    def __init__(
        self, lift: Lift, pose_set: Any, sources: Sequence[str] | None = None, device: str | torch.device = "cpu"
    ) -> None:
        self.lift, self.device = lift, torch.device(device)
        kinds = ("",) if pose_set.intrinsics_px is None else ("", WITH_INTRINSICS)
        self.errors = {
            source + kind: PoseErrors(pose_set.action_names, pose_set.scored).to(self.device)
            for source in sources or pose_set.poses_px
            for kind in kinds
        }

    @torch.no_grad()
    def update(self, part: Any) -> None:
        """Lifts a part of the pose set and adds its errors.

        Raises:
            ValueError: if `lift` returns NaN or a wrong shape.
        """
        for name, errors in self.errors.items():
            source = name.removesuffix(WITH_INTRINSICS)
            complete = usable(part.poses_px[source])
            intrinsics_px = part.intrinsics_px[complete] if name.endswith(WITH_INTRINSICS) else None
            lifted = self.lift(part.poses_px[source][complete], intrinsics_px, EXACT if source == "gt" else DETECTED)
            pose, radius = lifted if isinstance(lifted, tuple) else (lifted, None)
            _check_lifted(pose, int(complete.sum()))
            actions = None if part.actions is None else part.actions[complete].to(self.device)
            radius = None if radius is None else radius.to(self.device)
            errors.update(pose.to(self.device), part.poses_cam_mm[complete].to(self.device), actions, radius)
            errors.skipped += (~complete).sum().to(self.device)

    def compute(self) -> dict[str, dict[str, Any]]:
        """Input -> what `PoseErrors.compute` returns."""
        return {name: errors.compute() for name, errors in self.errors.items()}


def evaluate(lift: Lift, pose_set: Any, batch_size: int = 4096) -> dict[str, Any]:
    """The figures of a lifter and of the two baselines on a whole pose set, lifted batch by batch.

    Returns:
        {"set", "left_out", "inputs": {"gt": record, "gt+intrinsics": record, ...}}, where a record is what
        `PoseErrors.compute` returns and "baselines": {"zero_depth": ..., "standing": ...} without their actions.

    Raises:
        ValueError: if there is no 3D, a source is empty, or `lift` returns NaN or a wrong shape.
    """
    if pose_set.poses_cam_mm is None:
        raise ValueError(f"{pose_set.name} has no 3D poses to compare with")
    for source, poses_px in pose_set.poses_px.items():
        if not usable(poses_px).any():
            raise ValueError(f"{pose_set.name} has no complete 2D pose from the source {source}")
    evaluations = {name: Evaluation(one, pose_set) for name, one in {"lifter": lift, **BASELINES}.items()}
    for index in torch.arange(len(pose_set)).split(batch_size):
        part = pose_set.select(index)
        for evaluation in evaluations.values():
            evaluation.update(part)
    results = {name: evaluation.compute() for name, evaluation in evaluations.items()}
    inputs = results.pop("lifter")
    for name, record in inputs.items():
        record["baselines"] = {baseline: _without_actions(result[name]) for baseline, result in results.items()}
    return {"set": pose_set.name, "left_out": pose_set.left_out, "inputs": inputs}


def lift_zero_depth(pose_px: Tensor, intrinsics_px: Tensor | None = None, confidence: float = EXACT) -> Tensor:
    """The zero-depth baseline: all joints at the root's depth, as seen by a camera that looks at the root."""
    if intrinsics_px is None:
        return root_relative(pad(pose_px, (0, 1)))
    pose_ray, rotation = turn_camera_to_root(pixels_to_rays(pose_px, intrinsics_px))
    return rotate(root_relative(pad(pose_ray, (0, 1))), rotation)


def lift_standing(pose_px: Tensor, intrinsics_px: Tensor | None = None, confidence: float = EXACT) -> Tensor:
    """The constant baseline: whatever the image, a person of average proportions stands and faces the camera."""
    return standing_pose().to(pose_px).expand(len(pose_px), NUM_JOINTS, 3)


BASELINES: dict[str, Lift] = {"zero_depth": lift_zero_depth, "standing": lift_standing}


def _check_lifted(lifted: Tensor, count: int) -> None:
    expected = (count, NUM_JOINTS, 3)
    if lifted.shape != expected:
        raise ValueError(f"the lifter must give poses of shape {expected}, it gave {tuple(lifted.shape)}")
    if not torch.isfinite(lifted).all():
        raise ValueError("the lifter must give finite poses, it gave NaN or infinity")


def _without_actions(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("per_action", "per_joint", "poses", "skipped")}
