"""The lifter made ready for inference lifts as the trained one does."""

import copy

import pytest
import torch

from datasets.synthetic import load_synthetic
from models.lifter import Lifter


@pytest.fixture
def lifter():
    """A small lifter whose batch statistics have moved away from 0 and 1."""
    torch.manual_seed(0)
    lifter = Lifter(width=32, blocks=2)
    with torch.no_grad():
        for _ in range(20):
            lifter(torch.randn(64, 17, 2) * 0.2 + 0.05)
    return lifter.eval()


@pytest.mark.parametrize("blocks", [0, 2])
def test_merged_batch_norm_changes_rounding_only(lifter, blocks):
    lifter = lifter if blocks else Lifter(width=32, blocks=0).eval()
    pose_px = load_synthetic(50, seed=1).poses_px["gt"]
    fast = lifter.for_inference()
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in fast.modules())
    torch.testing.assert_close(fast.lift(pose_px), lifter.lift(pose_px), rtol=1e-4, atol=1e-5)


def test_bfloat16_inference_stays_near_and_returns_float32(lifter):
    pose_px = load_synthetic(50, seed=1).poses_px["gt"]
    fast = lifter.for_inference(torch.bfloat16).lift(pose_px)
    assert fast.dtype == torch.float32
    assert 0 < (fast - lifter.lift(pose_px)).norm(dim=-1).mean() < 0.02


def test_the_original_is_left_as_it_was(lifter):
    before = copy.deepcopy(lifter.state_dict())
    lifter.for_inference(torch.bfloat16)
    assert lifter.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in lifter.state_dict().items())
