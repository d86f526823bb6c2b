"""Scales by their definitions, and what Procrustes forgives."""

import pytest
import torch

from utils.evaluation import alignment
from utils.geometry import root_relative, rotate, rotation_x, rotation_y

SCALES = (alignment.in_plane_scale, alignment.least_squares_scale, alignment.norm_scale)


@pytest.fixture
def pose():
    return root_relative(torch.randn(6, 17, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


@pytest.mark.parametrize("scale", SCALES)
def test_a_scale_brings_a_smaller_copy_to_size(pose, scale):
    factor = scale(pose / 400, pose)
    assert factor.shape == (6, 1, 1)
    torch.testing.assert_close(factor, torch.full_like(factor, 400.0))


@pytest.mark.parametrize("scale", SCALES)
def test_a_prediction_of_no_size_has_a_finite_scale(pose, scale):
    assert scale(torch.zeros_like(pose), pose).isfinite().all()


def test_what_each_scale_looks_at(pose):
    deep = pose * torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    assert torch.allclose(alignment.in_plane_scale(deep, pose), torch.ones(6, 1, 1, dtype=torch.float64))
    assert (alignment.norm_scale(deep, pose) < 1).all()
    best = alignment.least_squares_scale(deep, pose)
    for other in (best * 1.01, best * 0.99):
        assert ((deep * best - pose).square().sum((1, 2)) < (deep * other - pose).square().sum((1, 2))).all()
    assert (alignment.least_squares_scale(-pose, pose) == 0).all()


def test_procrustes_forgives_place_size_and_turn_but_a_mirror_only_if_asked(pose):
    angle = torch.linspace(0.1, 3.0, 6, dtype=torch.float64)
    moved = 3 * rotate(pose, rotation_x(angle) @ rotation_y(-angle)) + 7
    assert max(found.max() for found in alignment.procrustes_distances(moved, pose)) < 1e-9
    rigid, reflected = alignment.procrustes_distances(alignment.depth_flip(moved), pose)
    assert rigid.shape == (6, 17) and rigid.mean(dim=1).min() > 0.1 and reflected.max() < 1e-9


def test_distances_are_euclidean():
    pred, target = torch.zeros(1, 17, 3), torch.zeros(1, 17, 3)
    target[0, 4] = torch.tensor([2.0, 3.0, 6.0])
    assert alignment.distances(pred, target).tolist() == [[0.0] * 4 + [7.0] + [0.0] * 12]
