"""The figures that training logs: a lifter's errors on poses with 3D, with and without the camera's intrinsics."""

import torch

from datasets.poseset import PoseSet
from utils.evaluation.protocol import Evaluation, Lift

LOGGED = {"gt": ("mpjpe", "n_mpjpe", "p_mpjpe"), "gt+intrinsics": ("mpjpe", "n_mpjpe")}
"""Which of `utils.evaluation.metrics.FIGURES`, for each input."""


class Validation(Evaluation):
    """An evaluation of the true 2D poses, batch by batch.

    Figures are summed in float64: on the CPU instead of Apple's GPUs, which lack that.
    """

    def __init__(self, lift: Lift, val_set: PoseSet, device: torch.device) -> None:
        super().__init__(lift, val_set, sources=("gt",), device="cpu" if device.type == "mps" else device)

    def figures(self) -> dict[str, float]:
        """Errors in mm under the names of their curves: val_mpjpe_epoch, val_mpjpe_intrinsics_epoch and so on."""
        return {
            f"val_{metric}{name.removeprefix('gt').replace('+', '_')}_epoch": record[metric]
            for name, record in self.compute().items()
            for metric in LOGGED[name]
        }
