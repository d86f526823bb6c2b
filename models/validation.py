"""The figures that training logs: a lifter's errors on poses with 3D, with and without the camera's intrinsics."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from datasets.poseset import PoseSet
from utils.evaluation.metrics import PoseErrors

LOGGED = {"": ("mpjpe", "n_mpjpe", "p_mpjpe"), "_intrinsics": ("mpjpe", "n_mpjpe")}
"""Which of `utils.evaluation.metrics.FIGURES`, without and with intrinsics."""


class Validation:
    """One pass over the validation poses.

    Args:
        lift: `Lifter.lift` or the like.
        val_set: what will be lifted; a set without intrinsics is not scored with them.
        device: where the figures are summed.
    """

    def __init__(self, lift: Callable[..., Tensor], val_set: PoseSet, device: torch.device) -> None:
        self.lift = lift
        kinds = LOGGED if val_set.intrinsics_px is not None else LOGGED.keys() - {"_intrinsics"}
        self.errors = {kind: PoseErrors(val_set.action_names).to(device) for kind in kinds}

    def update(self, batch: PoseSet) -> None:
        """Lifts a part of the set and adds its errors."""
        for kind, errors in self.errors.items():
            lifted = self.lift(batch.poses_px["gt"], batch.intrinsics_px if kind else None)
            errors.update(lifted, batch.poses_cam_mm, batch.actions)

    def figures(self) -> dict[str, Any]:
        """A (mpjpe), B (n_mpjpe) and C (p_mpjpe) in mm, under the names of their curves: val_mpjpe_epoch and so on."""
        computed = {kind: errors.compute() for kind, errors in self.errors.items()}
        return {f"val_{name}{kind}_epoch": record[name] for kind, record in computed.items() for name in LOGGED[kind]}
