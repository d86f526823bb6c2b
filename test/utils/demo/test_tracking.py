import numpy as np
import pytest

from utils.demo.tracking import OneEuro, Tracker
from utils.keypoints import Joints
from utils.keypoints import KeyPoints as Keypoints
from utils.skeleton import ROOT

SHAPE = np.random.default_rng(0).uniform(-50, 50, (17, 2))


def person(x, y=0.0):
    points = SHAPE - SHAPE[ROOT] + [x, y]
    return Keypoints("coco_17", points, np.ones(17)), Joints(points, np.ones(17), np.zeros(17, bool))


def numbers(followed):
    return {track.number: joints.joints_px[ROOT, 0] for track, _, joints in followed}


def test_people_keep_their_numbers_when_their_order_changes():
    tracker = Tracker()
    assert numbers(tracker([person(0), person(500)], 0.0)) == {1: 0, 2: 500}
    assert numbers(tracker([person(495), person(5)], 0.04)) == {1: 5, 2: 495}


def test_a_newcomer_gets_a_new_number():
    tracker = Tracker()
    tracker([person(0)], 0.0)
    assert numbers(tracker([person(300), person(2)], 0.04)) == {1: 2, 2: 300}


def test_a_short_gap_is_bridged_and_a_long_one_is_not():
    tracker = Tracker()
    tracker([person(0)], 0.0)
    tracker([], 0.2)
    assert numbers(tracker([person(4)], 0.4)) == {1: 4}
    assert numbers(tracker([person(4)], 1.4)) == {2: 4}


def test_without_smoothing_nothing_changes():
    tracker = Tracker()
    for seconds in (0.0, 0.04):
        ((track, _, joints),) = tracker([person(10 * seconds)], seconds)
        assert (joints.joints_px == person(10 * seconds)[1].joints_px).all()
        assert (track.smooth_pose(np.ones((17, 3)), seconds) == 1).all()


def test_smoothing_calms_noise_around_a_standing_person():
    rng, tracker = np.random.default_rng(1), Tracker(smooth_s=0.3)
    raw, smooth = [], []
    for frame in range(100):
        ((_, _, joints),) = tracker([person(rng.normal(0, 2))], frame / 30)
        smooth.append(joints.joints_px[ROOT, 0])
    raw = np.random.default_rng(1).normal(0, 2, 100)
    assert np.std(smooth[20:]) < 0.5 * np.std(raw[20:])


def test_smoothing_keeps_up_with_a_runner():
    tracker = Tracker(smooth_s=0.3)
    for frame in range(60):
        ((_, _, joints),) = tracker([person(10.0 * frame)], frame / 30)
    assert 590 - joints.joints_px[ROOT, 0] < 30, "less than a third of the person behind after two seconds"


def test_one_euro_starts_at_the_first_value_and_reaches_a_constant():
    smooth = OneEuro(0.2)
    assert smooth(np.array([3.0]), 0.0) == 3
    for frame in range(1, 200):
        value = smooth(np.array([5.0]), frame / 30)
    assert value == pytest.approx(5, abs=1e-3)
