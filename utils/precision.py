"""Which library multiplies float32 matrices on the CPU."""

import torch


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
