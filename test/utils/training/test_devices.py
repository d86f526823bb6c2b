"""Faster products of float32 matrices are still float32; memory given back is used again."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from utils.training.devices import fast_float32_products, keep_freed_memory


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
import resource, sys
import torch
from utils.training.devices import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def use():
    for _ in range(8):
        part = torch.ones(9 * 2**20)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Page faults of a process that makes and gives back tensors of 36 MB, once it has done so for a while."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_memory_given_back_is_not_asked_for_anew():
    command, root = [sys.executable, "-c", FAULTS], Path(__file__).parents[3]
    faults = {name: int(subprocess.check_output([*command, name], cwd=root)) for name in ("keep", "leave")}
    # A few tensors' worth may still come: small objects between freed blocks keep these from growing together, and
    # where they lie differs from process to process.
    assert faults["keep"] < faults["leave"] / 5


def test_a_c_library_without_the_settings_is_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
