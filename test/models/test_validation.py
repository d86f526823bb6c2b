"""The logged figures: right lifts score 0, and intrinsics are used where the set has them."""

from dataclasses import replace

import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models.validation import Validation
from utils.geometry import root_relative

NAMES = {f"val_{name}_epoch" for name in ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjpe_intrinsics", "n_mpjpe_intrinsics")}


@pytest.fixture(scope="module")
def people():
    return load_synthetic(30, seed=1)


def score(people, lift) -> dict[str, float]:
    validation = Validation(lift, people, torch.device("cpu"))
    for part in torch.arange(len(people)).split(20):
        validation.update(people.select(part))
    return validation.figures()


def knowing(people):
    """A lifter that knows the answers by their first joint."""
    answers = dict(zip(people.poses_px["gt"][:, 1, 0].tolist(), people.poses_cam_mm, strict=True))
    return lambda pose_px, *_: torch.stack([answers[x] for x in pose_px[:, 1, 0].tolist()])


def test_figures_with_and_without_intrinsics_are_kept_apart(people):
    right = knowing(people)

    def lift(pose_px, intrinsics, confidence):
        mirrored = torch.tensor([1.0, 1.0, 1.0 if intrinsics is not None else -1.0])
        return root_relative(right(pose_px, intrinsics)) * mirrored

    figures = score(people, lift)
    assert set(figures) == NAMES
    assert figures["val_mpjpe_intrinsics_epoch"] < 0.1 and figures["val_mpjpe_epoch"] > 50


def test_a_set_without_intrinsics_is_scored_without(people):
    figures = score(replace(people, intrinsics_px=None), knowing(people))
    assert set(figures) == {name for name in NAMES if "intrinsics" not in name} and max(figures.values()) < 0.1
