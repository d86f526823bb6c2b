"""Averages of a network over its training steps, and of values over the processes that train it."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import Module


@torch.no_grad()
def move_average(average: Module, network: Module, share: float) -> None:
    """Moves weights and batch statistics of `average`, in place, by a share (0 to 1) of the way to the network's."""
    torch._foreach_lerp_(list(_state(average)), list(_state(network)), share)


def _state(network: Module) -> Iterator[Tensor]:
    """Parameters and floating-point buffers, in a fixed order."""
    yield from network.parameters()
    yield from _statistics(network)


def _statistics(network: Module) -> list[Tensor]:
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
    statistics = _statistics(network)
    mean = mean_over_processes(torch.cat(statistics), processes)
    torch._foreach_copy_(statistics, list(mean.split([len(buffer) for buffer in statistics])))
