import numpy as np

from models.detectors.distinct import distinct, sureness
from utils.keypoints import KeyPoints

SOURCE, POINTS = "blazepose_33", 33


def test_sureness_is_about_the_body_and_needs_a_person():
    confidence = np.array([0.1] * 11 + [0.6] * 22)
    assert sureness(KeyPoints(SOURCE, np.zeros((POINTS, 2)), confidence)) == 0.6
    assert sureness(KeyPoints(SOURCE, np.zeros((POINTS, 2)), confidence, score=0.0)) == 0


def test_the_same_person_found_twice_counts_once():
    points = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    sure, unsure = np.full(POINTS, 0.9), np.full(POINTS, 0.5)
    people = [
        KeyPoints(SOURCE, points + 3, unsure),
        KeyPoints(SOURCE, points, sure),
        KeyPoints(SOURCE, points + 80, sure),
    ]
    kept = distinct(people)
    assert len(kept) == 2
    assert (kept[0].points_px == points).all()


def test_an_unsure_finding_upside_down_is_the_same_person():
    points = np.random.default_rng(0).uniform(0, 100, (POINTS, 2))
    upright = KeyPoints(SOURCE, points, np.full(POINTS, 0.9))
    turned = points * [1, -1] + [0, 100]
    assert distinct([KeyPoints(SOURCE, turned, np.full(POINTS, 0.5)), upright]) == [upright]
    assert len(distinct([KeyPoints(SOURCE, turned, np.full(POINTS, 0.85)), upright])) == 2, "people who hug stay two"
