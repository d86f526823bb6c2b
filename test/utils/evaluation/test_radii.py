"""How often radii hold."""

import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models import Lifter
from utils.evaluation.protocol import WITH_INTRINSICS, evaluate
from utils.evaluation.report import format_table
from utils.geometry import root_relative

NAMES = ("gt", "gt" + WITH_INTRINSICS)


@pytest.fixture(scope="module")
def people():
    return load_synthetic(600, seed=0)


def off_by(people, off_mm, radius_mm):
    """A lifter that errs by a known distance, in poses of half the true size."""
    step = torch.nn.functional.normalize(torch.randn(600, 17, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    step[:, 0] = 0
    pose = 0.5 * (root_relative(people.poses_cam_mm) + off_mm * step)
    return lambda poses_px, cameras, confidence: (pose, torch.full((600, 17), 0.5 * radius_mm))


def radii_hold(lift, people, *batch_size):
    """Input -> percentage of joints within their radius."""
    return {name: record["radii_hold"] for name, record in evaluate(lift, people, *batch_size)["inputs"].items()}


@pytest.mark.parametrize("off_mm, radius_mm, expected", [(10, 20, 100), (30, 10, 0)])
def test_radii_are_in_the_poses_unit(off_mm, radius_mm, expected, people):
    assert radii_hold(off_by(people, off_mm, radius_mm), people) == pytest.approx(
        dict.fromkeys(NAMES, expected), abs=0.5
    )


def test_it_is_counted_by_joint_whatever_the_parts(people):
    lifter = Lifter(width=16, blocks=1, corrects_points=True).eval()
    whole = radii_hold(lifter.lift_with_uncertainty, people)
    parts = radii_hold(lifter.lift_with_uncertainty, people, 77)
    pose, radius = lifter.lift_with_uncertainty(people.poses_px["gt"], None, 1.0)
    true = root_relative(people.poses_cam_mm)
    scale = ((pose * true).sum(dim=(1, 2)) / pose.square().sum(dim=(1, 2))).clamp(min=0)[:, None]
    inside = (scale[..., None] * pose - true).norm(dim=-1) <= scale * radius
    assert whole == pytest.approx(parts, abs=0.05)
    assert whole["gt"] == pytest.approx(100 * inside[:, 1:].float().mean().item(), abs=0.05)


def test_the_evaluation_says_so_of_a_lifter_with_radii_alone(people):
    for corrects_points in (True, False):
        lifter = Lifter(width=16, blocks=1, corrects_points=corrects_points).eval()
        results = evaluate(lifter.lift_with_uncertainty, people)
        shown = [str(part) for part in format_table({"lifter": results}).renderables]
        assert any("% of joints within radii" in line for line in shown) == corrects_points
        assert ("radii_hold" in results["inputs"]["gt"]) == corrects_points
