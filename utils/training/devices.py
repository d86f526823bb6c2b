"""Where a run trains, and how quiet its libraries are."""

import logging
import warnings
from dataclasses import dataclass
from datetime import timedelta

import torch
from pytorch_lightning.strategies import DDPStrategy, Strategy


@dataclass(frozen=True)
class Device:
    """Where to train, in the words of Lightning's Trainer.

    Attributes:
        accelerator: "cpu" or "gpu".
        count: devices on each machine.
        strategy: how they work together.
    """

    accelerator: str
    count: int
    strategy: str | Strategy


def choose_device(gpus: int, num_nodes: int) -> Device:
    """Lightning's settings for --gpus and --num_nodes; 0 GPUs are the CPU.

    Raises:
        ValueError: if there are fewer GPUs than asked for.
    """
    found = torch.cuda.device_count()
    if found < gpus:
        raise ValueError(
            f"--gpus {gpus}: this machine has {found or 'no'} GPU{'s' * (found > 1)}; --gpus 0 trains on the CPU"
        )
    accelerator, count = ("gpu", gpus) if gpus else ("cpu", 1)
    if count * num_nodes == 1:
        return Device(accelerator, count, "auto")
    # The lifter's step leaves the discriminator's gradients alone and the other way round. If a process dies, the
    # others give up waiting after the timeout at the latest.
    strategy = DDPStrategy(find_unused_parameters=True, timeout=timedelta(minutes=10))
    return Device(accelerator, count, strategy)


def silence_libraries() -> None:
    """Leaves the terminal to our own lines: Lightning's hints are about choices made on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch|mlflow")
