"""Lean and trembling, on poses that lean and tremble by known amounts."""

import math

import pytest
import torch

from utils.evaluation.motion import acceleration_error, tilt_deg


def turned(poses, degrees, axis):
    """Poses turned about x (0), y (1) or z (2)."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = [number for number in range(3) if number != axis]
    out = poses.clone()
    out[..., first] = cosine * poses[..., first] - sine * poses[..., second]
    out[..., second] = sine * poses[..., first] + cosine * poses[..., second]
    return out


@pytest.fixture
def poses():
    return torch.randn(9, 12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("axis", "expected"), [(0, 20), (1, 0), (2, 20)])
def test_a_tilt_is_a_turn_about_any_axis_but_the_vertical(poses, axis, expected):
    tilt = tilt_deg(3 + 0.01 * turned(poses, 20, axis), poses)
    torch.testing.assert_close(tilt, torch.full_like(tilt, expected), atol=1e-5, rtol=0)


def test_a_mirrored_person_is_not_mirrored_back(poses):
    mirrored = poses * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    assert torch.isfinite(tilt_deg(mirrored, poses)).all()
    assert tilt_deg(mirrored, poses).max() > 1


def test_acceleration_ignores_scale_and_constant_speed(poses):
    time = torch.arange(9, dtype=torch.float64)[:, None, None]
    steady = poses[:1] + 0.1 * time * poses[1:2]
    assert acceleration_error(steady / 7, steady) == pytest.approx(0, abs=1e-12)


def test_acceleration_of_one_jerk(poses):
    still = poses[:1].expand(9, -1, -1)
    jerk = still.clone()
    # At right angles to the pose, so that it does not change the best scale's numerator.
    jerk[4, 0] += torch.tensor([0.0, 0.0, 6.0]) - 6 * still[4, 0] * still[4, 0, 2] / still[4, 0].square().sum()
    length = float((jerk - still)[4, 0].norm())
    scale = float((jerk * still).sum() / jerk.square().sum())
    # Second differences of 1, -2 and 1 in seven triples of twelve joints.
    assert acceleration_error(jerk, still) == pytest.approx(scale * 4 * length / (7 * 12), rel=1e-9)


def test_frames_without_a_prediction_do_not_count(poses):
    found = torch.tensor([1, 1, 1, 0, 1, 1, 1, 1, 0], dtype=torch.bool)
    spoilt = torch.where(found[:, None, None], poses, torch.nan)
    assert acceleration_error(spoilt, poses) == pytest.approx(0, abs=1e-12)
    assert math.isnan(acceleration_error(poses * math.nan, poses))
