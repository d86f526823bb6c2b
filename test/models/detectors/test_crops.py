import numpy as np
import pytest

from models.detectors.crops import crop_matrix, distinct, near_windows, reduced, sample, sureness, whole_window
from utils.keypoints import KeyPoints as Keypoints

SOURCE, POINTS = "blazepose_33", 33


def ramp(height=40, width=60):
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, x + y], axis=-1).astype(np.uint8)


def test_identity_sample_is_the_picture():
    picture = sample(ramp(), np.array([[1.0, 0, 5], [0, 1, 3]]), 20)
    assert picture == pytest.approx(ramp()[3:23, 5:25])


def test_bilinear_between_pixels():
    assert sample(ramp(), np.array([[0.5, 0, 5.25], [0, 0.5, 3]]), 4)[0, :, 0].tolist() == [5.25, 5.75, 6.25, 6.75]


def test_outside_is_black_or_the_border():
    matrix = np.array([[1.0, 0, -10], [0, 1, -10]])
    assert sample(ramp(), matrix, 5, repeat_border=False).max() == 0
    assert sample(ramp() + 7, matrix, 5).min() == 7


def test_crop_puts_hips_in_the_middle_and_the_head_up():
    hips, rim = np.array([100.0, 80]), np.array([140.0, 80])  # a person who lies, head to the right
    matrix = crop_matrix(hips, rim, 256)
    assert matrix @ [128, 128, 1] == pytest.approx(hips)
    above = matrix @ [128, 128 - 128 / 1.25, 1]
    assert above == pytest.approx(rim)
    right = matrix @ [228, 128, 1] - hips
    assert right[1] > 0, "the picture is turned, not mirrored"
    assert np.linalg.det(matrix[:, :2]) > 0


def test_windows_cover_the_picture():
    picture = np.zeros((100, 300, 3), np.uint8)
    assert whole_window(picture).tolist() == [0, -100, 300]
    windows = near_windows(picture)
    assert {window[2] for window in windows} == {150}
    assert min(window[0] for window in windows) == 0
    assert max(window[0] + window[2] for window in windows) == 300


def test_reduced_is_the_mean():
    assert reduced(np.repeat(np.repeat(ramp(4, 6), 3, axis=0), 3, axis=1), 3).tolist() == ramp(4, 6).tolist()


def test_sureness_is_about_the_body_and_needs_a_person():
    confidence = np.array([0.1] * 11 + [0.6] * 22)
    assert sureness(Keypoints(SOURCE, np.zeros((POINTS, 2)), confidence)) == 0.6
    assert sureness(Keypoints(SOURCE, np.zeros((POINTS, 2)), confidence, score=0.0)) == 0


def test_the_same_person_found_twice_counts_once():
    points = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    sure, unsure = np.full(POINTS, 0.9), np.full(POINTS, 0.5)
    people = [
        Keypoints(SOURCE, points + 3, unsure),
        Keypoints(SOURCE, points, sure),
        Keypoints(SOURCE, points + 80, sure),
    ]
    kept = distinct(people)
    assert len(kept) == 2
    assert (kept[0].points_px == points).all()


def test_an_unsure_finding_upside_down_is_the_same_person():
    points = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    upright = Keypoints(SOURCE, points, np.full(POINTS, 0.9))
    turned = points * [1, -1] + [0, 100]
    assert distinct([Keypoints(SOURCE, turned, np.full(POINTS, 0.5)), upright]) == [upright]
    assert len(distinct([Keypoints(SOURCE, turned, np.full(POINTS, 0.85)), upright])) == 2, "people who hug stay two"
