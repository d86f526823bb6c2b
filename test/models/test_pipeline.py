from dataclasses import dataclass

import numpy as np
import pytest
import torch
from samples_keypoints import LEGS, standing, without

from models import Lifter
from models.pipeline import PosePipeline
from utils.demo.images import Picture
from utils.demo.tracking import Tracker
from utils.keypoints import Keypoints


@pytest.fixture(scope="module")
def lifter():
    torch.manual_seed(0)
    return Lifter(width=32, blocks=1).eval()


def picture(focal_px=None):
    return Picture(np.zeros((300, 200, 3), np.uint8), focal_px)


def moved(person, x):
    return Keypoints(person.source, person.points_px + np.array([x, 0]), person.confidence)


def test_poses_are_the_lifters(lifter):
    scene = PosePipeline(lifter, lambda rgb: [standing()], fov=0)(picture())
    (person,), camera = scene.people, scene.camera
    assert person.pose == pytest.approx(lifter.lift(standing().to_joints().joints_px).numpy(), abs=1e-5)
    assert camera.intrinsics_px is None


def test_intrinsics_reach_the_lifter(lifter):
    scene = PosePipeline(lifter, lambda rgb: [moved(standing(), 80)], fov=60)(picture())
    (person,), camera = scene.people, scene.camera
    joints_px = moved(standing(), 80).to_joints().joints_px
    assert person.pose == pytest.approx(lifter.lift(joints_px, camera.intrinsics_px).numpy(), abs=1e-5)
    assert not np.allclose(person.pose, lifter.lift(joints_px).numpy(), atol=1e-2)


def test_a_camera_that_looks_down_by_90_degrees_sees_the_ground_ahead(lifter):
    """What lies behind the image plane's person is then below it: z becomes y."""
    (level,) = PosePipeline(lifter, lambda rgb: [standing()], fov=0)(picture()).people
    (tilted,) = PosePipeline(lifter, lambda rgb: [standing()], fov=0, tilt=90)(picture()).people
    assert tilted.pose[:, 0] == pytest.approx(level.pose[:, 0], abs=1e-5)
    assert tilted.pose[:, 1] == pytest.approx(level.pose[:, 2], abs=1e-5)
    assert tilted.pose[:, 2] == pytest.approx(-level.pose[:, 1], abs=1e-5)


def test_as_many_people_as_asked_for(lifter):
    detector = lambda rgb: [moved(standing(), x) for x in (0, 10, 20)]  # noqa: E731
    scene = PosePipeline(lifter, detector, people=2)(picture())
    assert [person.seen.keypoints.points_px[0, 0] for person in scene.people] == [100, 110]
    assert scene.looked_at == 3


def test_an_upper_body_is_lifted_and_the_legs_are_left_out(lifter):
    (person,) = PosePipeline(lifter, lambda rgb: [without(standing(), *LEGS)])(picture()).people
    assert set(person.seen.names_left_out()) == {
        "hip", "spine", *(f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "foot"))
    }  # fmt: skip
    assert np.isfinite(person.pose).all()


def test_a_person_of_whom_too_little_is_seen_does_not_keep_the_others_out(lifter):
    shoulders = ("left_shoulder", "right_shoulder")
    detector = lambda rgb: [without(standing(), *LEGS, *shoulders), standing()]  # noqa: E731
    scene = PosePipeline(lifter, detector)(picture())
    assert (len(scene.people), scene.looked_at) == (1, 2)
    with pytest.raises(ValueError, match=r"too little of the person is seen: .*left_hip"):
        PosePipeline(lifter, lambda rgb: [without(standing(), *LEGS, *shoulders)])(picture())


def test_nobody(lifter):
    with pytest.raises(ValueError, match="no person was found"):
        PosePipeline(lifter, lambda rgb: [])(picture())


@dataclass
class StillFrame:
    seconds: float
    scale: float = 2.0

    def picture(self):
        return Picture(np.zeros((300, 200, 3), np.uint8), scale=self.scale)


def test_following_keeps_numbers_and_allows_empty_frames(lifter):
    found = iter([[standing()], [], [moved(standing(), 3)]])
    frames = [StillFrame(number / 30) for number in range(3)]
    followed = list(PosePipeline(lifter, lambda rgb: next(found)).follow(frames, Tracker()))
    assert [numbers for _, _, numbers in followed] == [[1], [], [1]]
    assert [frame for frame, _, _ in followed] == frames
    hips = [scene.people[0].joints.joints_px[0, 0] for _, scene, _ in followed[::2]]
    assert hips[1] - hips[0] == pytest.approx(6), "in the video's own pixels"
