"""Everything about steps: an Adam steered on the device, the schedule, the average of weights, several processes."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.nn import Module
from torch.optim.swa_utils import get_ema_multi_avg_fn

from utils.config import OptimizationConfig

MAX_GRADIENT_NORM = 50.0
"""A few times the usual norm. A joint that comes close to the camera has gradients ten thousand times as long, which
spoil Adam's memory for a thousand steps."""

UNSTEERED = ("mps",)
"""Devices whose fused step takes no notice of `grad_scale` and `found_inf` (PyTorch's FusedAdamKernelImpl.mm)."""


class SteeredAdam(torch.optim.Adam):
    """Fused Adam whose next step can be clipped or skipped without reading any value back from the device.

    A fused step divides the gradients by `grad_scale` and leaves everything as it is where `found_inf` is 1: that is
    how gradient scalers of mixed precision talk to it. Reading a norm or an accuracy back instead would make the CPU
    wait for the GPU at every step, and `clip_grad_norm_` would read and write all gradients once more.
    """

    grad_scale: Tensor | None
    found_inf: Tensor | None

    def __init__(self, network: Module, lr: float, eps: float) -> None:
        super().__init__(network.parameters(), lr, eps=eps, fused=True)

    def clip_next_step(self, max_norm: float) -> None:
        """Has the next step scale gradients whose total norm exceeds `max_norm` down to it."""
        weights = [weight for group in self.param_groups for weight in group["params"]]
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in weights])
        self.grad_scale, self.found_inf = (norm / max_norm).clamp(min=1), torch.zeros_like(norm)

    def skip_next_step_if(self, condition: Tensor) -> None:
        """Has the next step change nothing where `condition`, a boolean scalar on the device, is true."""
        self.grad_scale, self.found_inf = None, condition.float()

    def step(self, closure: Any = None) -> Any:
        """One update, scaled or skipped as was asked for."""
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        if weights and weights[0].device.type in UNSTEERED:
            scale, skipped = self.grad_scale, self.found_inf is not None and bool(self.found_inf)
            self.grad_scale = self.found_inf = None
            if skipped:
                return None
            for weight in weights if scale is not None else ():
                weight.grad /= scale
        return super().step(closure)


def fraction_done(trainer: Trainer, batch_idx: int) -> float:
    """The fraction of a run that is done when a step of the current epoch begins, 0 to 1."""
    epochs = trainer.current_epoch + batch_idx / trainer.num_training_batches
    return min(epochs / (trainer.max_epochs or math.inf), 1.0)


def set_learning_rates(
    optimizers: Iterable[torch.optim.Optimizer], options: OptimizationConfig, progress: float
) -> None:
    """Learning rates of the lifter, then of discriminators, at a fraction of the run: constant, or a cosine to 0."""
    factor = (1 + math.cos(math.pi * progress)) / 2 if options.lr_schedule == "cosine" else 1.0
    for number, optimizer in enumerate(optimizers):
        for group in optimizer.param_groups:
            group["lr"] = (options.dis_lr if number else options.gen_lr) * factor


@torch.no_grad()
def update_average(average: Module, network: Module, decay: float, step: int) -> None:
    """Moves an exponential moving average of weights and batch statistics, in place; the first steps weigh less."""
    old, new = ([*one.parameters(), *_batch_statistics(one)] for one in (average, network))
    get_ema_multi_avg_fn(min(decay, step / (step + 10)))(old, new, step)


def _batch_statistics(network: Module) -> list[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]


def mean_over_processes(value: Tensor, processes: int) -> Tensor:
    """Mean of a tensor of any shape over all processes, each of which must ask for it."""
    if processes == 1:
        return value
    total = value.clone()
    torch.distributed.all_reduce(total)
    return total / processes


@torch.no_grad()
def share_statistics(network: Module, processes: int) -> None:
    """Gives each process the mean of all processes' batch statistics: DDP averages gradients, but not buffers."""
    if processes == 1:
        return
    statistics = _batch_statistics(network)
    mean = mean_over_processes(torch.cat(statistics), processes)
    for buffer, shared in zip(statistics, mean.split([len(buffer) for buffer in statistics]), strict=True):
        buffer.copy_(shared)


class EpochMeans:
    """Means of named scalars over an epoch, summed on the device."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Adds one step's values. Reads nothing back from the device."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def pop(self, processes: int) -> dict[str, float]:
        """The means over all steps that had a value and over all processes; starts anew.

        Raises:
            FloatingPointError: if one is not finite, naming it.
        """
        means = torch.stack([self.sums[name] / count for name, count in self.counts.items()])
        values = dict(zip(self.counts, mean_over_processes(means, processes).tolist(), strict=True))
        self.sums, self.counts = {}, {}
        for name, value in values.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"{name} became {value}; lower --gen_lr")
        return values


def check_finite(system: Module) -> None:
    """Raises FloatingPointError, naming the first weight that is not finite: a finite loss can have spoilt it."""
    for name, value in system.state_dict().items():
        if not value.isfinite().all():
            raise FloatingPointError(f"{name} is no longer finite; lower --gen_lr")
