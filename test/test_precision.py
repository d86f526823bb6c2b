"""Faster products of float32 matrices are still float32."""

import torch

from utils.precision import fast_float32_products


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
