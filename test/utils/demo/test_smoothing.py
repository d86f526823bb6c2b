"""Smoothed videos: calm, without delay, each person alone, and every frame once."""

from dataclasses import dataclass

import numpy as np
import pytest

from utils.demo.people import Camera, Person, Scene, SeenPerson
from utils.demo.smoothing import LONGEST, smoothed
from utils.keypoints import Joints, Keypoints
from utils.skeleton import JOINTS, NUM_JOINTS

CAMERA = Camera(None, "none")


@dataclass
class Moment:
    seconds: float


def person(value: float, left_out: tuple[str, ...] = ()) -> Person:
    points = np.full((NUM_JOINTS, 2), value)
    keypoints = Keypoints(points, np.ones(NUM_JOINTS), "h36m_17")
    out = np.array([name in left_out for name in JOINTS])
    seen = SeenPerson(keypoints, Joints(points, np.ones(NUM_JOINTS), np.zeros(NUM_JOINTS, bool)), out)
    return Person(seen, np.full((NUM_JOINTS, 3), value))


def video(values, rate: float = 30.0):
    for number, people in enumerate(values):
        scene = Scene([person(value) for value in people.values()], CAMERA, len(people))
        yield Moment(number / rate), scene, list(people)


def depths(followed, identity: int = 1) -> np.ndarray:
    return np.array([scene.people[numbers.index(identity)].pose[3, 2] for _, scene, numbers in followed])


def test_noise_is_calmed_and_a_steady_movement_does_not_lag():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 200)
    calm = depths(smoothed(video([{1: value} for value in noise]), 0.1))
    assert np.std(calm) < 0.5 * np.std(noise)
    moving = depths(smoothed(video([{1: float(number)} for number in range(60)]), 0.1))
    np.testing.assert_allclose(moving[10:-10], np.arange(10, 50), atol=1e-6)


def test_weights_are_a_gaussians_over_time():
    impulse = [0.0] * 10 + [1.0] + [0.0] * 10
    values = depths(smoothed(video([{1: value} for value in impulse], 10), 0.1))
    weights = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    np.testing.assert_allclose(values[7:14], weights / weights.sum(), rtol=1e-6)
    assert (values[:7] == 0).all()


def test_every_frame_comes_once_in_order_and_zero_changes_nothing():
    values = [{1: float(number), 2: 100.0 - number} if number % 7 else {2: 100.0} for number in range(50)]
    plain, calm = list(smoothed(video(values), 0.0)), list(smoothed(video(values), 0.2))
    assert [frame.seconds for frame, _, _ in calm] == [frame.seconds for frame, _, _ in plain]
    assert [numbers for _, _, numbers in calm] == [numbers for _, _, numbers in plain]
    assert depths(plain, 2)[1] == 99 and (depths(calm, 2) > 40).all(), "nobody is mixed with another"


def test_frames_are_not_held_back_for_ever():
    taken = []

    def counted():
        for item in video([{1: 0.0}] * 1000, 1000):
            taken.append(item)
            yield item

    next(smoothed(counted(), 10.0))
    assert len(taken) <= LONGEST + 2


def test_joints_that_are_left_out_of_a_moment_do_not_count_in_it():
    frames = [(Moment(0.0), Scene([person(5.0)], CAMERA, 1), [1]),
              (Moment(0.1), Scene([person(9.0, ("left_foot",))], CAMERA, 1), [1])]  # fmt: skip
    first = next(iter(smoothed(iter(frames), 0.1)))[1].people[0]
    assert first.pose[JOINTS.index("left_foot"), 0] == 5 and first.pose[0, 0] > 5


@pytest.mark.parametrize("std_s", [0.0, 0.1])
def test_empty_frames_stay_empty(std_s):
    assert [numbers for _, _, numbers in smoothed(video([{}, {1: 1.0}, {}]), std_s)] == [[], [1], []]
