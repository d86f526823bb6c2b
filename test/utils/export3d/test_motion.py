import numpy as np
import pytest
from samples_motions import RATE, track, walker, walking

from utils.export3d.motion import Track, motion_of
from utils.skeleton import INDEX


def test_times_and_axes():
    motion = walker(50, start_s=2.0)
    assert motion.seconds == pytest.approx(2.0 + np.arange(50) / RATE)
    places = motion.rig.joints_m[0]
    assert places[INDEX["head"], 1] > places[INDEX["left_foot"], 1], "Y is up"
    assert places[INDEX["left_hip"], 0] > places[INDEX["right_hip"], 0], "X points to the left of who faces the camera"
    assert places[INDEX["left_wrist"], 2] > 0, "forwards, which is towards the camera, is +Z"


def test_uneven_times_become_even_ones():
    whole, kept = walking(9), [0, 1, 3, 6, 8]
    some = Track([number / RATE for number in kept], [whole[number] for number in kept], [np.zeros(17, bool)] * 5)
    motion = motion_of(some, RATE, 1.8)
    assert motion.seconds == pytest.approx(np.arange(9) / RATE)
    assert motion.seen.all(axis=1).tolist() == [True, True, False, True, False, False, True, False, True]
    relative = motion.rig.joints_m - motion.rig.joints_m[:, :1]
    assert relative[2] == pytest.approx((relative[1] + relative[3]) / 2, abs=1e-6)
    assert relative[4] == pytest.approx((2 * relative[3] + relative[6]) / 3, abs=1e-6)


def test_a_single_frame():
    motion = walker(1)
    assert len(motion.seconds) == 1
    assert motion.rig.error_percent < 0.1


def test_joints_left_out_are_not_seen():
    some = track(walking(3))
    some.left_out[1] = np.arange(17) == INDEX["left_knee"]
    assert np.argwhere(~motion_of(some, RATE, 1.8).seen).tolist() == [[1, INDEX["left_knee"]]]


def test_who_walks_through_the_picture_walks_in_the_file():
    some = track(walking(50))
    path = np.stack([np.linspace(0, 1.2, 50), np.zeros(50), np.full(50, -4.0)], axis=-1)
    places = 1.8 * np.stack(some.poses) * [1, -1, -1] + path[:, None]
    some.rays = list(places / np.linalg.norm(places, axis=-1, keepdims=True))
    motion = motion_of(some, RATE, 1.8)
    assert motion.rig.hips_m[:, [0, 2]] == pytest.approx(path[:, [0, 2]], abs=0.03)
    assert motion.rig.joints_m[:, INDEX["hip"], 0] == pytest.approx(path[:, 0], abs=0.03)
    still = walker(50).rig
    assert motion.rig.hips_m[:, 1] == pytest.approx(still.hips_m[:, 1]), "feet stay on the floor"
    assert motion.rig.rotations == pytest.approx(still.rotations)
