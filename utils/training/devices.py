"""Where a run trains and with how many processes, what makes PyTorch fast there, and how quiet libraries are."""

import ctypes
import logging
import os
import sys
import warnings
from datetime import timedelta
from typing import Any, NoReturn

import torch
from lightning_fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of mallopt's settings, from glibc's malloc.h."""


def device_options(gpus: int | None, num_nodes: int) -> dict[str, Any]:
    """The arguments of Lightning's Trainer for --gpus and --num_nodes: 0 is the CPU, None all GPUs or else the CPU.

    Raises:
        ValueError: if there are fewer GPUs than asked for, or as many processes as that takes were not started.
    """
    found, gpu = torch.cuda.device_count(), "gpu"
    if torch.backends.mps.is_available():
        found, gpu = 1, "mps"
    if gpus is not None and found < gpus:
        raise ValueError(
            f"--gpus {gpus}: this machine has {found or 'no'} GPU{'s' * (found > 1)}; --gpus 0 trains on the CPU"
        )
    gpus = found if gpus is None else gpus
    devices = max(gpus, 1)
    check_launcher(f"--gpus {gpus} --num_nodes {num_nodes}", devices, num_nodes)
    options: dict[str, Any] = {"accelerator": gpu if gpus else "cpu", "devices": devices, "num_nodes": num_nodes}
    if devices * num_nodes > 1:
        # The lifter's step leaves the discriminator's gradients alone and the other way round. If a process dies, the
        # others give up waiting after the timeout at the latest.
        options["strategy"] = DDPStrategy(find_unused_parameters=True, timeout=timedelta(minutes=10))
    return options


def check_launcher(flags: str, devices: int, num_nodes: int) -> None:
    """Compares the processes that torchrun, SLURM or the user started with those that the flags stand for.

    One process too many trains a second time into the same folder, one too few leaves the others waiting for it.

    Raises:
        ValueError: if they differ.
    """
    wanted, environment = devices * num_nodes, os.environ
    if TorchElasticEnvironment.detect():
        here, started = int(environment["LOCAL_WORLD_SIZE"]), int(environment["WORLD_SIZE"])
        if (here, started) != (devices, wanted):
            raise ValueError(f"torchrun started {started} processes, {here} of them here, but {flags} takes {wanted}: "
                             f"give it --nnodes {num_nodes} --nproc_per_node {devices}, or other flags")  # fmt: skip
    elif SLURMEnvironment.detect():
        started, machines = int(environment["SLURM_NTASKS"]), int(environment.get("SLURM_NNODES", num_nodes))
        if (started, machines) != (wanted, num_nodes):
            raise ValueError(f"SLURM has {started} tasks on {machines} machines, but {flags} takes {wanted}: "
                             f"give it --nodes {num_nodes} --ntasks-per-node {devices}, or other flags")  # fmt: skip
        if started > 1 and "SLURM_STEP_ID" not in environment:
            raise ValueError(f"SLURM has {started} tasks and this is only one of them: start it with srun")
    elif num_nodes > 1 and not {"MASTER_ADDR", "NODE_RANK"} <= environment.keys():
        raise ValueError(f"{flags}: nothing started the processes on the other machines; use torchrun or srun")


def describe_device(options: dict[str, Any]) -> str:
    """The device in words, for the user."""
    devices, num_nodes = options["devices"], options["num_nodes"]
    if options["accelerator"] == "cpu":
        threads = torch.get_num_threads()
        name = f"the CPU, {threads} thread{'s' * (threads > 1)}"
        name += ", since no GPU was found" * (not torch.cuda.is_available())
    else:
        name = torch.cuda.get_device_name() if options["accelerator"] == "gpu" else "Apple's GPU"
    return f"{f'{devices} x ' * (devices > 1)}{name}{f', on each of {num_nodes} machines' * (num_nodes > 1)}"


def silence_libraries() -> None:
    """Leaves the terminal to our own lines: Lightning's hints are about choices made on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch|mlflow")


def make_cpu_fast() -> None:
    """Both of the following, for a run on the CPU."""
    keep_freed_memory()
    fast_float32_products()


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
