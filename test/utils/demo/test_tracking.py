from dataclasses import replace

import numpy as np
import pytest

from utils.demo.people import SeenPerson
from utils.demo.tracking import Tracker
from utils.keypoints import Joints, Keypoints
from utils.skeleton import INDEX, JOINTS, MIRROR, ROOT

SHAPE = np.random.default_rng(0).uniform(-50, 50, (17, 2))


def person(x, y=0.0, shape=SHAPE):
    points = shape - shape[ROOT] + [x, y]
    return SeenPerson(Keypoints("coco_17", points, np.ones(17)), Joints(points, np.ones(17), np.zeros(17, bool)))


def numbers(followed):
    return {track.number: seen.joints.joints_px[ROOT, 0] for track, seen in zip(*followed, strict=True)}


def test_people_keep_their_numbers_when_their_order_changes():
    tracker = Tracker()
    assert numbers(tracker([person(0), person(500)], 0.0)) == {1: 0, 2: 500}
    assert numbers(tracker([person(495), person(5)], 0.04)) == {1: 5, 2: 495}


def test_a_newcomer_does_not_take_the_number_of_who_stays():
    tracker = Tracker()
    tracker([person(0)], 0.0)
    assert numbers(tracker([person(40, shape=1.1 * SHAPE), person(0)], 0.033)) == {1: 0, 2: 40}


def test_all_are_assigned_at_once_not_each_to_the_nearest():
    tracker = Tracker()
    tracker([person(0), person(20)], 0.0)
    assert numbers(tracker([person(12), person(32)], 0.1)) == {1: 12, 2: 32}


def test_memory_is_in_seconds_not_in_frames():
    tracker = Tracker()
    assert [list(numbers(tracker([person(0)], float(second)))) for second in range(4)] == [[1]] * 4
    assert numbers(tracker([person(4)], 10.0)) == {2: 4}


def test_a_jump_too_fast_for_a_person_is_left_out_and_the_number_comes_back():
    tracker = Tracker()
    tracker([person(0)], 0.0)
    upside_down = person(0, shape=SHAPE * [1, -1])
    assert numbers(tracker([upside_down], 0.03)) == {}
    assert numbers(tracker([person(3)], 0.06)) == {1: 3}


def test_left_and_right_that_change_for_a_moment_are_changed_back():
    tracker = Tracker()
    swapped = person(0, shape=SHAPE[list(MIRROR)] - SHAPE[list(MIRROR)][ROOT] + SHAPE[ROOT])
    tracker([person(0)], 0.0)
    knee = INDEX["left_knee"]
    seen = [tracker([swapped], 0.04 * frame)[1][0].joints.joints_px[knee] for frame in range(1, 30)]
    assert seen[0] == pytest.approx(person(0).joints.joints_px[knee])
    assert seen[-1] == pytest.approx(swapped.joints.joints_px[knee]), "who stays turned round has turned round"


def test_arms_out_of_sight_for_a_moment_are_remembered_and_later_left_out():
    arms = np.array([name.split("_")[-1] in ("elbow", "wrist") for name in JOINTS])
    tracker = Tracker()
    tracker([person(0)], 0.0)
    hidden = replace(
        person(10),
        joints=replace(person(10).joints, joints_px=person(10).joints.joints_px + 7 * arms[:, None]),
        left_out=arms,
    )
    _, (seen,) = tracker([hidden], 0.1)
    assert not seen.left_out.any() and seen.joints.filled.tolist() == arms.tolist()
    assert seen.joints.joints_px == pytest.approx(person(10).joints.joints_px)
    for seconds in (0.3, 0.5, 0.7):
        _, (seen,) = tracker([hidden], seconds)
    assert seen.left_out.tolist() == arms.tolist()
