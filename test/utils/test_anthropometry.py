"""Proportions of the published tables."""

import torch

from utils.anthropometry import bone_ratios
from utils.skeleton import BONE_NAMES


def test_ratios_are_of_the_mean_and_the_same_on_both_sides():
    ratios = dict(zip(BONE_NAMES, bone_ratios().tolist(), strict=True))
    torch.testing.assert_close(bone_ratios().mean(), torch.tensor(1.0))
    for name, ratio in ratios.items():
        assert ratio == ratios[name.replace("left", "right")]
    # Winter 2009, figure 4.1: shank over thigh.
    assert abs(ratios["left_foot"] / ratios["left_knee"] - 0.246 / 0.245) < 1e-5
