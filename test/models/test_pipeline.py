import numpy as np
import pytest
import torch
from samples_keypoints import LEGS, standing, without

from models import Lifter
from models.pipeline import PosePipeline
from utils.demo.images import Picture
from utils.demo.tracking import Tracker
from utils.keypoints import KeyPoints as Keypoints


@pytest.fixture(scope="module")
def lifter():
    torch.manual_seed(0)
    return Lifter(width=32, blocks=1).eval()


def picture(focal_px=None):
    return Picture(np.zeros((300, 200, 3), np.uint8), focal_px)


def moved(person, x):
    return Keypoints(person.source, person.points_px + np.array([x, 0]), person.confidence)


def test_poses_are_the_lifters(lifter):
    (person,), camera = PosePipeline(lifter, lambda rgb: [standing()], fov=0)(picture())
    assert person.pose == pytest.approx(lifter.lift(standing().to_joints().joints_px).numpy(), abs=1e-5)
    assert camera.intrinsics_px is None


def test_intrinsics_reach_the_lifter(lifter):
    (person,), camera = PosePipeline(lifter, lambda rgb: [moved(standing(), 80)], fov=60)(picture())
    joints_px = moved(standing(), 80).to_joints().joints_px
    assert person.pose == pytest.approx(lifter.lift(joints_px, camera.intrinsics_px).numpy(), abs=1e-5)
    assert not np.allclose(person.pose, lifter.lift(joints_px).numpy(), atol=1e-2)


def test_a_camera_that_looks_down_by_90_degrees_sees_the_ground_ahead(lifter):
    """What lies behind the image plane's person is then below it: z becomes y."""
    (level,), _ = PosePipeline(lifter, lambda rgb: [standing()], fov=0)(picture())
    (tilted,), _ = PosePipeline(lifter, lambda rgb: [standing()], fov=0, tilt=90)(picture())
    assert tilted.pose[:, 0] == pytest.approx(level.pose[:, 0], abs=1e-5)
    assert tilted.pose[:, 1] == pytest.approx(level.pose[:, 2], abs=1e-5)
    assert tilted.pose[:, 2] == pytest.approx(-level.pose[:, 1], abs=1e-5)


def test_as_many_people_as_asked_for(lifter):
    detector = lambda rgb: [moved(standing(), x) for x in (0, 10, 20)]  # noqa: E731
    people, _ = PosePipeline(lifter, detector, people=2)(picture())
    assert [person.keypoints.points_px[0, 0] for person in people] == [100, 110]


def test_a_person_cut_off_does_not_keep_the_others_out(lifter):
    detector = lambda rgb: [without(standing(), *LEGS), standing()]  # noqa: E731
    people, _ = PosePipeline(lifter, detector)(picture())
    assert len(people) == 1


def test_only_a_person_cut_off(lifter):
    with pytest.raises(ValueError, match="too little of the person is seen: left_hip"):
        PosePipeline(lifter, lambda rgb: [without(standing(), *LEGS)])(picture())


def test_nobody(lifter):
    with pytest.raises(ValueError, match="no person was found"):
        PosePipeline(lifter, lambda rgb: [])(picture())


def test_following_keeps_numbers_and_allows_empty_frames(lifter):
    frames = iter([[standing()], [], [moved(standing(), 3)]])
    pipeline, tracker = PosePipeline(lifter, lambda rgb: next(frames)), Tracker(smooth_s=0.2)
    followed = [pipeline.follow(picture(), second / 30, tracker)[0] for second in range(3)]
    assert [[number for number, _ in people] for people in followed] == [[1], [], [1]]
    assert followed[2][0][1].joints.joints_px[0, 0] < 103, "smoothed"
