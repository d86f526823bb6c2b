"""What each scale looks at; that Procrustes finds the best fit is tested with the metrics."""

import pytest
import torch

from utils.evaluation import alignment
from utils.geometry import root_relative

SCALES = (alignment.in_plane_scale, alignment.least_squares_scale, alignment.norm_scale)


@pytest.fixture
def pose():
    return root_relative(torch.randn(6, 17, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_brings_a_smaller_copy_to_size(pose, scale):
    factor = scale(pose / 400, pose)
    assert factor.shape == (6, 1, 1)
    torch.testing.assert_close(factor, torch.full_like(factor, 400.0))


def test_what_each_scale_looks_at(pose):
    deep = pose * torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    assert torch.allclose(alignment.in_plane_scale(deep, pose), torch.ones(6, 1, 1, dtype=torch.float64))
    assert (alignment.norm_scale(deep, pose) < 1).all()
    best = alignment.least_squares_scale(deep, pose)
    for other in (best * 1.01, best * 0.99):
        assert ((deep * best - pose).square().sum((1, 2)) < (deep * other - pose).square().sum((1, 2))).all()
