"""The teacher: who is taught when, and what its loss measures."""

import pytest
import torch

from datasets.synthetic.people import depth_target, load_synthetic
from models.pseudo_labels import HELD_OUT_PEOPLE, LIFTED_FROM, Teacher
from utils.geometry import CAMERA_DISTANCE
from utils.normalization import pixels_to_norm


@pytest.fixture(scope="module")
def pose_norm():
    return pixels_to_norm(load_synthetic(20, seed=1).poses_px["gt"])[0]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Recorder:
    """A flat lifter that keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, pose_norm):
        self.asked.append(pose_norm)
        return torch.full(pose_norm.shape[:-1], CAMERA_DISTANCE)


@pytest.mark.parametrize(
    ("share", "done", "lifted"), [(0.5, LIFTED_FROM - 0.01, 0), (0.0, 1.0, 0), (0.25, LIFTED_FROM, 5), (1.0, 1.0, 20)]
)
def test_lifted_people_come_late_and_as_many_as_were_asked_for(pose_norm, share, done, lifted):
    lifter = Recorder()
    people_mm = Teacher(0.0, share).people(pose_norm, done, lifter, seeded())
    assert people_mm.shape == (20, 17, 3) and people_mm.isfinite().all()
    assert [len(asked) for asked in lifter.asked] == ([lifted] if lifted else [])
    assert not lifted or torch.equal(lifter.asked[0], pose_norm[:lifted])


def test_a_teacher_of_lifted_people_alone_waits_for_them():
    assert [Teacher(0.0, 1.0).has_people(done) for done in (0.0, LIFTED_FROM - 0.01, LIFTED_FROM, 1.0)] == [0, 0, 1, 1]
    assert Teacher(0.0, 0.99).has_people(0.0) and Teacher(0.0, 0.0).has_people(1.0)


def test_the_loss_is_the_distance_from_the_known_depths():
    teacher, generator = Teacher(0.0, 0.0), seeded(1)
    people_mm = teacher.generated.bodies.sample(8, seeded())[0]
    _, offset = depth_target(teacher.generated.view(people_mm, generator))
    assert teacher.loss(lambda pose: CAMERA_DISTANCE + offset, people_mm, seeded(1)).item() < 1e-6
    wrong = teacher.loss(lambda pose: CAMERA_DISTANCE + offset + 0.25, people_mm, seeded(1))
    assert wrong.item() == pytest.approx(0.25, abs=1e-5)


def test_noise_is_on_what_the_lifter_sees():
    lifter, people_mm = Recorder(), Teacher(0.0, 0.0).generated.bodies.sample(8, seeded())[0]
    for noise in (0.0, 0.0, 0.05):
        Teacher(noise, 0.0).loss(lifter, people_mm, seeded(1))
    assert torch.equal(lifter.asked[0], lifter.asked[1])
    assert not torch.allclose(lifter.asked[0], lifter.asked[2], atol=1e-3)


def test_the_held_out_people_are_always_as_many_and_some_are_held_out_poses():
    pose_norm, lifter = depth_target(Teacher(0.0, 0.0).generated.sample(300, seeded())[0])[0], Recorder()
    Teacher(0.03, 0.0).held_out_loss(lifter, pose_norm, seeded())
    assert [asked.shape for asked in lifter.asked] == [(HELD_OUT_PEOPLE, 17, 2)]
    Teacher(0.03, 0.5).held_out_loss(lifter, pose_norm, seeded())
    assert torch.equal(lifter.asked[1][:300], pose_norm)
    assert lifter.asked[1].shape[0] == HELD_OUT_PEOPLE // 2
    assert lifter.asked[2].shape == (HELD_OUT_PEOPLE, 17, 2)
