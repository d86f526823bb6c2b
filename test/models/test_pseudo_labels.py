"""Poses of known depth: which ones there are when, and what their loss measures."""

import pytest
import torch

from datasets.synthetic.people import lifter_target, load_synthetic, nearest_on_rays
from models.lifter import Lifted
from models.pseudo_labels import HELD_OUT_POSES, LabelledPoses
from models.pseudo_labels import PSEUDO_LABELS_FROM as START
from utils.config import LossConfig, ViewConfig
from utils.normalization import DETECTED, pixels_to_norm


@pytest.fixture(scope="module")
def pose_norm():
    return pixels_to_norm(load_synthetic(20, seed=1).poses_px["gt"])[0]


def labelled(errors, fraction, weight=1.0):
    losses = LossConfig(
        detector_errors=errors, definition_errors=errors, pseudo_label_fraction=fraction, weight_supervised=weight
    )
    return LabelledPoses(losses, ViewConfig(), torch.device("cpu"), START)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Recorder:
    """A lifter that answers what it is told, zero depth at first, and keeps what it was asked."""

    def __init__(self, corrects_points=False, pose=None, scale=None):
        self.corrects_points, self.pose, self.scale = corrects_points, pose, scale
        self.asked, self.confidence = [], []

    def __call__(self, pose_norm, confidence=None):
        self.asked.append(pose_norm)
        self.confidence.append(confidence)
        flat = nearest_on_rays(pose_norm, torch.cat([pose_norm, 0 * pose_norm[..., :1]], dim=-1))
        return Lifted(flat if self.pose is None else self.pose, self.scale)


@pytest.mark.parametrize(
    ("fraction", "progress", "pseudo"),
    [(0.5, START - 0.01, 0), (0.0, 1.0, 0), (0.25, START, 5), (1.0, 1.0, 20)],
)
def test_pseudo_labels_come_late_and_as_many_as_were_asked_for(pose_norm, fraction, progress, pseudo):
    lifter = Recorder()
    pose_mm = labelled(0.0, fraction).sample(pose_norm, progress, lifter, seeded())
    assert pose_mm.shape == (20, 17, 3) and pose_mm.isfinite().all()
    assert [len(asked) for asked in lifter.asked] == ([pseudo] if pseudo else [])
    assert not pseudo or torch.equal(lifter.asked[0], pose_norm[:pseudo])
    assert not pseudo or (lifter.confidence[0] == DETECTED).all()


def test_pseudo_labels_alone_come_late():
    assert [labelled(0.0, 1.0).available(done) for done in (0.0, START - 0.01, START, 1.0)] == [0, 0, 1, 1]
    assert labelled(0.0, 0.99).available(0.0) and labelled(0.0, 0.0).available(1.0)


def test_a_lifter_of_depths_is_judged_by_its_depths():
    poses = labelled(0.0, 0.0, weight=7.0)
    pose_mm = poses.synthetic.bodies.sample(8, seeded())[0]
    right = nearest_on_rays(*lifter_target(poses.synthetic.view(pose_mm, seeded(1))))
    (term,) = poses.terms(Recorder(pose=right), pose_mm, seeded(1))
    assert term.name == "supervised" and term.weight == 7 and term.value.item() < 1e-5
    (term,) = poses.terms(Recorder(pose=right + torch.tensor([9.0, 9.0, 0.25])), pose_mm, seeded(1))
    assert term.value.item() == pytest.approx(0.25, abs=1e-5)


def test_a_lifter_that_corrects_points_is_judged_by_all_and_by_its_scale():
    poses = labelled(0.0, 0.0)
    pose_mm = poses.synthetic.bodies.sample(8, seeded())[0]
    target = lifter_target(poses.synthetic.view(pose_mm, seeded(1)))[1]
    values = {}
    for factor in (0.5, 1.0, 2.0):
        # Unseen joints are left out of the size, so that the target of some poses is larger.
        asked = Recorder(True, scale=torch.ones(8, 17))
        poses.terms(asked, pose_mm, seeded(1))
        size = (target[..., :2] - target[:, :1, :2]).norm(dim=-1)
        seen = asked.confidence[0] > 0
        ratio = size.mean(dim=1) / (size * seen).sum(dim=1) * seen.sum(dim=1) if not seen.all() else torch.ones(8)
        pose = target + torch.tensor([0.3, 0.0, 0.4])
        first, second = poses.terms(Recorder(True, pose, torch.full((8, 17), factor * 0.5 / 3)), pose_mm, seeded(1))
        assert [first.name, second.name] == ["supervised", "uncertainty"] and ratio.isfinite().all()
        if seen.all():
            assert first.value.item() == pytest.approx(0.7, abs=1e-4)
        values[factor] = second.value.item()
    assert values[1.0] <= min(values.values()) + 0.2, "likeliest near a third of the distance"


def test_errors_are_on_what_the_lifter_sees():
    lifter, pose_mm = Recorder(), labelled(0.0, 0.0).synthetic.bodies.sample(8, seeded())[0]
    for errors in (0.0, 0.0, 1.0):
        labelled(errors, 0.0).terms(lifter, pose_mm, seeded(1))
    assert torch.equal(lifter.asked[0], lifter.asked[1])
    assert not torch.allclose(lifter.asked[0], lifter.asked[2], atol=1e-3)


def test_held_out_poses_are_always_as_many_and_some_are_pseudo_labels():
    pose_norm, lifter = lifter_target(labelled(0.0, 0.0).synthetic.sample(300, seeded())[0])[0], Recorder()
    labelled(0.5, 0.0).held_out_terms(lifter, pose_norm, seeded())
    assert [asked.shape for asked in lifter.asked] == [(HELD_OUT_POSES, 17, 2)]
    labelled(0.5, 0.5).held_out_terms(lifter, pose_norm, seeded())
    assert torch.equal(lifter.asked[1][:300], pose_norm)
    assert lifter.asked[1].shape[0] == HELD_OUT_POSES // 2
    assert lifter.asked[2].shape == (HELD_OUT_POSES, 17, 2)
