"""Where a run trains, what makes PyTorch fast there, and how quiet its libraries are."""

import ctypes
import logging
import os
import sys
import warnings
from datetime import timedelta
from typing import Any, NoReturn

import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of mallopt's settings, from glibc's malloc.h."""


def device_options(gpus: int, num_nodes: int) -> dict[str, Any]:
    """The arguments of Lightning's Trainer for --gpus and --num_nodes; 0 GPUs are the CPU.

    Raises:
        ValueError: if there are fewer GPUs than asked for.
    """
    found = torch.cuda.device_count()
    if found < gpus:
        raise ValueError(
            f"--gpus {gpus}: this machine has {found or 'no'} GPU{'s' * (found > 1)}; --gpus 0 trains on the CPU"
        )
    options: dict[str, Any] = {"accelerator": "gpu" if gpus else "cpu", "devices": max(gpus, 1), "num_nodes": num_nodes}
    if max(gpus, 1) * num_nodes > 1:
        # The lifter's step leaves the discriminator's gradients alone and the other way round. If a process dies, the
        # others give up waiting after the timeout at the latest.
        options["strategy"] = DDPStrategy(find_unused_parameters=True, timeout=timedelta(minutes=10))
    return options


def silence_libraries() -> None:
    """Leaves the terminal to our own lines: Lightning's hints are about choices made on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch|mlflow")


def keep_freed_memory() -> bool:
    """Lets the C library keep the memory that tensors give back; returns whether it can.

    PyTorch has no pool of CPU memory: each gradient is fetched from the system and zeroed page by page when it is
    written, which took a quarter of a training step. From now on the process keeps as much as it ever needed. Only
    glibc (Linux) has the settings; elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 2**30) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def fast_float32_products() -> bool:
    """Lets oneDNN multiply float32 matrices on the CPU where it keeps them float32; returns whether it does.

    PyTorch's default, MKL, leaves AMD processors without AVX-512 kernels: oneDNN's are about twice as fast. The one
    switch to oneDNN is the precision "medium", which permits bfloat16 but uses it on few processors (AMX). So a
    product is compared with float64, and where it has lost digits the switch is taken back. Affects float32 products
    on the CPU only as long as no GPU is used: there "medium" would mean TensorFloat32.
    """
    generator = torch.Generator().manual_seed(0)
    left, right = torch.rand(64, 1024, generator=generator), torch.rand(1024, 256, generator=generator)
    exact = left.double() @ right.double()
    torch.set_float32_matmul_precision("medium")
    if ((left @ right - exact).abs() <= 1e-5 * exact).all():
        return True
    torch.set_float32_matmul_precision("highest")
    return False


def leave(status: int) -> NoReturn:
    """Ends the process: at once if a run over several processes failed, since its connections are still open then.

    Their threads go on while Python takes everything apart, and may abort the process without its exit status.
    """
    if distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
