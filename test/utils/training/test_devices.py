"""Devices and processes are what flags and launchers say; fast products are float32; freed memory is used again."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from utils.training.devices import describe_device, device_options, fast_float32_products, keep_freed_memory

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
SLURM = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "2", "SLURM_NNODES": "2", "SLURM_JOB_NAME": "pose", "SLURM_PROCID": "0"}
BY_HAND = {"MASTER_ADDR": "node0", "NODE_RANK": "0"}


@pytest.fixture
def machine(monkeypatch):
    """Pretends a number of GPUs, Apple's among them, and what a launcher sets."""

    def pretend(gpus=0, apple=False, **environment):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return pretend


@pytest.mark.parametrize(
    ("found", "asked", "used"),
    [
        ({}, None, ("cpu", 1)),
        ({"gpus": 1}, None, ("gpu", 1)),
        ({"gpus": 4}, None, ("gpu", 4)),
        ({"gpus": 4}, 2, ("gpu", 2)),
        ({"gpus": 4}, 0, ("cpu", 1)),
        ({"apple": True}, None, ("mps", 1)),
        ({"apple": True}, 1, ("mps", 1)),
        ({"apple": True}, 0, ("cpu", 1)),
    ],
)
def test_all_gpus_are_used_unless_said_otherwise_and_the_cpu_where_there_is_none(machine, found, asked, used):
    machine(**found)
    options = device_options(asked, 1)
    assert (options["accelerator"], options["devices"]) == used and ("strategy" in options) == (used[1] > 1)


def test_gpus_that_are_not_there_are_refused(machine):
    machine()
    with pytest.raises(ValueError, match="--gpus 1: this machine has no GPU; --gpus 0 trains on the CPU"):
        device_options(1, 1)
    assert re.fullmatch(r"the CPU, \d+ threads?, since no GPU was found", describe_device(device_options(None, 1)))


@pytest.mark.parametrize(
    ("environment", "asked", "sentence"),
    [
        (TORCHRUN, (2, 1), ""),
        (TORCHRUN, (0, 1), "torchrun started 2 processes, 2 of them here, but --gpus 0 --num_nodes 1 takes 1: "
         "give it --nnodes 1 --nproc_per_node 1, or other flags"),
        (TORCHRUN, (0, 2), "torchrun started 2 processes, 2 of them here"),
        ({**TORCHRUN, "LOCAL_WORLD_SIZE": "1"}, (0, 2), ""),
        ({**SLURM, "SLURM_STEP_ID": "0"}, (0, 2), ""),
        ({**SLURM, "SLURM_STEP_ID": "0"}, (2, 1), "SLURM has 2 tasks on 2 machines, but --gpus 2 "),
        ({**SLURM, "SLURM_STEP_ID": "0"}, (0, 1), "SLURM has 2 tasks on 2 machines, but --gpus 0 "),
        (SLURM, (0, 2), "start it with srun"),
        ({**SLURM, "SLURM_JOB_NAME": "bash"}, (0, 1), ""),
        ({}, (0, 2), "nothing started the processes on the other machines; use torchrun or srun"),
        (BY_HAND, (0, 2), ""),
    ],
)  # fmt: skip
def test_processes_that_were_started_are_those_that_the_flags_stand_for(machine, environment, asked, sentence):
    machine(gpus=2, **environment)
    if sentence:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            device_options(*asked)
    else:
        assert device_options(*asked)["num_nodes"] == asked[1]


def test_products_keep_float32s_digits_whatever_library_computes_them():
    fast = fast_float32_products()
    try:
        assert torch.get_float32_matmul_precision() == ("medium" if fast else "highest")
        generator = torch.Generator().manual_seed(1)
        left, right = torch.randn(256, 1024, generator=generator), torch.randn(1024, 1024, generator=generator)
        exact = left.double() @ right.double()
        assert (left @ right - exact).norm() < 1e-6 * exact.norm()
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_switch_is_taken_back_where_digits_are_lost(monkeypatch):
    product = torch.Tensor.__matmul__

    def rounded(left, right):
        if left.dtype == torch.float32 and torch.get_float32_matmul_precision() == "medium":
            left, right = left.bfloat16().float(), right.bfloat16().float()
        return product(left, right)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert not fast_float32_products()
    assert torch.get_float32_matmul_precision() == "highest"


FAULTS = """
import resource
import torch
from utils.training.devices import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.empty(9 * 2**20)[: 2**21].fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
left = faults()
keep_freed_memory()
faults()
print(left, faults())
"""
"""Page faults of a process that makes and gives back tensors of 36 MB and writes to 8 MB of each, before and after."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_memory_given_back_is_not_asked_for_anew():
    printed = subprocess.check_output([sys.executable, "-c", FAULTS], cwd=Path(__file__).parents[3])
    left, kept = map(int, printed.split())
    # A few tensors' worth may still come: small objects between freed blocks keep these from growing together, and
    # where they lie differs from process to process.
    assert kept < left / 5 and left > 1000


def test_a_c_library_without_the_settings_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
