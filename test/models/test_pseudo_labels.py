"""Poses of known depth: which ones there are when, and what their loss measures."""

import pytest
import torch

from datasets.synthetic.people import depth_target, load_synthetic
from models.pseudo_labels import HELD_OUT_POSES, LabelledPoses
from models.pseudo_labels import PSEUDO_LABELS_FROM as START
from utils.config import LossConfig, ViewConfig
from utils.geometry import CAMERA_DISTANCE
from utils.normalization import pixels_to_norm


@pytest.fixture(scope="module")
def pose_norm():
    return pixels_to_norm(load_synthetic(20, seed=1).poses_px["gt"])[0]


def labelled(noise, fraction):
    losses = LossConfig(supervised_noise=noise, pseudo_label_fraction=fraction)
    return LabelledPoses(losses, ViewConfig())


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Recorder:
    """A lifter of zero depth that keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, pose_norm):
        self.asked.append(pose_norm)
        return torch.full(pose_norm.shape[:-1], CAMERA_DISTANCE)


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


def test_pseudo_labels_alone_come_late():
    assert [labelled(0.0, 1.0).available(done) for done in (0.0, START - 0.01, START, 1.0)] == [0, 0, 1, 1]
    assert labelled(0.0, 0.99).available(0.0) and labelled(0.0, 0.0).available(1.0)


def test_the_loss_is_the_distance_from_the_known_depths():
    poses, generator = labelled(0.0, 0.0), seeded(1)
    pose_mm = poses.synthetic.bodies.sample(8, seeded())[0]
    _, offset = depth_target(poses.synthetic.view(pose_mm, generator))
    assert poses.loss(lambda pose: CAMERA_DISTANCE + offset, pose_mm, seeded(1)).item() < 1e-6
    wrong = poses.loss(lambda pose: CAMERA_DISTANCE + offset + 0.25, pose_mm, seeded(1))
    assert wrong.item() == pytest.approx(0.25, abs=1e-5)


def test_noise_is_on_what_the_lifter_sees():
    lifter, pose_mm = Recorder(), labelled(0.0, 0.0).synthetic.bodies.sample(8, seeded())[0]
    for noise in (0.0, 0.0, 0.05):
        labelled(noise, 0.0).loss(lifter, pose_mm, seeded(1))
    assert torch.equal(lifter.asked[0], lifter.asked[1])
    assert not torch.allclose(lifter.asked[0], lifter.asked[2], atol=1e-3)


def test_held_out_poses_are_always_as_many_and_some_are_pseudo_labels():
    pose_norm, lifter = depth_target(labelled(0.0, 0.0).synthetic.sample(300, seeded())[0])[0], Recorder()
    labelled(0.03, 0.0).held_out_loss(lifter, pose_norm, seeded())
    assert [asked.shape for asked in lifter.asked] == [(HELD_OUT_POSES, 17, 2)]
    labelled(0.03, 0.5).held_out_loss(lifter, pose_norm, seeded())
    assert torch.equal(lifter.asked[1][:300], pose_norm)
    assert lifter.asked[1].shape[0] == HELD_OUT_POSES // 2
    assert lifter.asked[2].shape == (HELD_OUT_POSES, 17, 2)
