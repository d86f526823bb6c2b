import numpy as np
import pytest

from models.detectors.crops import crop_matrix, distinct, likeness, sample, sureness, windows, within_limit
from utils.keypoints import Keypoints

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
    matrix = crop_matrix(np.stack([hips, rim]), 256)
    assert matrix @ [128, 128, 1] == pytest.approx(hips)
    above = matrix @ [128, 128 - 128 / 1.25, 1]
    assert above == pytest.approx(rim)
    right = matrix @ [228, 128, 1] - hips
    assert right[1] > 0, "the picture is turned, not mirrored"
    assert np.linalg.det(matrix[:, :2]) > 0


def test_one_window_holds_the_picture_and_small_ones_cover_it_and_its_edges():
    picture = np.zeros((100, 300, 3), np.uint8)
    assert [window.tolist() for window in windows(picture, 1.0)] == [[0, -100, 300]]
    half = np.array(windows(picture, 0.5))
    assert (half[:, 2] == 150).all()
    assert half[:, 0].min() < 0 and (half[:, 0] + half[:, 2]).max() > 300
    assert np.diff(np.unique(half[:, 0])).max() <= 75, "a person on the border of one window is inside the next"


def test_only_large_pictures_are_reduced_each_pixel_to_a_mean(monkeypatch):
    large = np.repeat(np.repeat(ramp(4, 6), 3, axis=0), 3, axis=1)
    assert within_limit(large)[1] == 1
    monkeypatch.setattr("models.detectors.crops.LARGEST_SIDE", 6)
    small, shrink = within_limit(large)
    assert shrink == 3
    assert small.tolist() == ramp(4, 6).tolist()


def test_likeness_is_about_the_surest_points_so_that_half_a_person_counts():
    half = np.array([0.9] * 14 + [0.0] * 19)
    assert likeness(Keypoints(SOURCE, np.zeros((POINTS, 2)), half)) == pytest.approx(0.9)
    assert likeness(Keypoints(SOURCE, np.zeros((POINTS, 2)), half, score=0.5)) == pytest.approx(0.45)


def test_a_person_whose_left_was_taken_for_right_is_the_same_person():
    points = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    sure = np.full(POINTS, 0.9)
    turned = points[[*range(11), *(number + (1 if number % 2 else -1) for number in range(11, 33))]]
    assert len(distinct([Keypoints(SOURCE, points, sure), Keypoints(SOURCE, turned, sure)])) == 1


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
