import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models import Lifter
from models.detectors.blazepose import POINTS, SOURCE, BlazePose, anchors, decode, overlap, refine, sigmoid, suppress
from models.detectors.loading import ESTIMATOR_FOLDER, FILES, Detector
from models.pipeline import PosePipeline
from utils.demo.images import Picture, read_picture
from utils.demo.tracking import Tracker
from utils.skeleton import SOURCES

HERE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def blazepose():
    pytest.importorskip("ai_edge_litert")
    if not all((ESTIMATOR_FOLDER / name).is_file() for name in FILES["blazepose"]):
        pytest.skip("needs BlazePose's files: bash download_2d_pose_estimator.sh")
    return BlazePose(ESTIMATOR_FOLDER)


@pytest.fixture(scope="module")
def sample():
    return read_picture(HERE / "input_sample.png").rgb


@pytest.fixture(scope="module")
def person(blazepose, sample):
    """As found in the sample."""
    (person,) = blazepose(sample)
    return person


def test_sample_agrees_with_mediapipe_to_2_percent_of_body_height(person):
    """The reference file says how it was made."""
    expected = np.array(json.loads((HERE / "mediapipe_sample.json").read_text())["points_px"])
    away = np.linalg.norm(person.points_px - expected, axis=1) / np.ptp(expected[:, 1])
    assert away.max() < 0.02, SOURCES[SOURCE][away.argmax()]
    assert away.mean() < 0.005


def test_points_of_the_sample_are_confident(person):
    assert person.source == "blazepose_33"
    assert len(person.points_px) == len(person.confidence) == POINTS
    assert person.score > 0.9
    assert np.median(person.confidence) > 0.7


def test_a_mirrored_picture_swaps_left_and_right(blazepose, sample, person):
    (mirrored,) = blazepose(np.ascontiguousarray(sample[:, ::-1]))
    names = SOURCES[SOURCE]
    for joint in ("shoulder", "wrist", "knee", "ankle"):
        left, right = names.index(f"left_{joint}"), names.index(f"right_{joint}")
        expected = [519 - person.points_px[left, 0], person.points_px[left, 1]]
        assert mirrored.points_px[right] == pytest.approx(expected, abs=0.05 * person.size_px)


def test_a_turned_person_is_still_found(blazepose, sample, person):
    (turned,) = blazepose(np.ascontiguousarray(np.rot90(sample)))
    expected = np.stack([person.points_px[:, 1], 519 - person.points_px[:, 0]], axis=-1)
    assert np.linalg.norm(turned.points_px - expected, axis=1).mean() < 0.05 * person.size_px


def test_a_large_picture_gives_the_same_points_enlarged(blazepose, sample, person):
    (large,) = blazepose(np.repeat(np.repeat(sample, 5, axis=0), 5, axis=1))
    away = np.linalg.norm(large.points_px / 5 - person.points_px, axis=1)
    assert away.mean() < 0.01 * person.size_px


def test_a_small_person_is_found_by_looking_closer(blazepose, sample, person):
    scene = np.full((2600, 2600, 3), 120, np.uint8)
    scene[1900:2420, 1500:2020] = sample
    (small,) = blazepose(scene)
    away = np.linalg.norm(small.points_px - person.points_px - [1500, 1900], axis=1)
    assert away.mean() < 0.05 * person.size_px


def test_people_side_by_side_are_all_found(blazepose, sample):
    people = blazepose(np.ascontiguousarray(np.hstack([sample, sample[:, ::-1], sample])))
    assert len(people) == 3
    assert np.diff(sorted(person.points_px[:, 0].mean() for person in people)).min() > 300


def test_a_person_cut_off_at_the_waist_is_found(blazepose, sample):
    (person,) = blazepose(sample[:250])
    names = SOURCES[SOURCE]
    assert (person.confidence[[names.index("left_shoulder"), names.index("right_shoulder")]] > 0.5).all()


def test_a_video_is_searched_once_and_then_followed(blazepose, sample, monkeypatch):
    searches = []
    search = blazepose._search
    monkeypatch.setattr(blazepose, "_search", lambda *args: searches.append(args[1]) or search(*args))
    for number in range(5):
        (person,) = blazepose.follow(np.roll(sample, 4 * number, axis=1), number / 30)
    assert len(searches) == 1
    (alone,) = blazepose(np.roll(sample, 16, axis=1))
    assert np.linalg.norm(person.points_px - alone.points_px, axis=1).mean() < 0.03 * alone.size_px
    assert blazepose.follow(np.zeros_like(sample), 0.2) == []
    (again,) = blazepose.follow(sample, 0.3)
    assert again.points_px[0] == pytest.approx(alone.points_px[0] - [16, 0], abs=0.03 * alone.size_px)


def test_newcomers_are_found_within_a_second(blazepose, sample):
    empty = np.full((520, 1040, 3), 128, np.uint8)
    both = empty.copy()
    empty[:, :520], both[:, :520], both[:, 520:] = sample, sample, sample
    assert len(blazepose.follow(empty, 10.0)) == 1
    assert len(blazepose.follow(both, 11.1)) == 2


def test_another_video_begins_anew(blazepose, sample):
    alone, both = (np.full((520, 1040, 3), 128, np.uint8) for _ in range(2))
    alone[:, :520], both[:, :520], both[:, 520:] = sample, sample, sample
    pipeline, people = PosePipeline(Lifter(16, 1).eval(), Detector(blazepose)), []
    for rgb in (alone, both):
        frame = SimpleNamespace(seconds=0.0, picture=partial(Picture, rgb))
        ((_, scene, _),) = pipeline.follow([frame], Tracker())
        people.append(len(scene.people))
    assert people == [1, 2]


@pytest.mark.parametrize("picture", [np.zeros((64, 64, 3), np.uint8), np.full((1, 1, 3), 200, np.uint8)])
def test_nobody(blazepose, picture):
    assert blazepose(picture) == []


def test_anchors_are_as_many_as_the_networks_boxes():
    centres = anchors()
    assert centres.shape == (2254, 2)
    assert centres[0].tolist() == [0.5 / 28, 0.5 / 28]
    assert centres[2].tolist() == [1.5 / 28, 0.5 / 28]
    assert (centres > 0).all()
    assert (centres < 1).all()


def test_decode_shifts_points_by_the_anchor():
    raw = np.array([[22.4, 0, 44.8, 44.8, 0, 0, 0, -22.4, 0, 0, 0, 0]])
    box = decode(raw, np.array([[0.5, 0.5]]))[0]
    assert box[:2] == pytest.approx(np.array([[0.5, 0.4], [0.7, 0.6]]))
    assert box[2:4] == pytest.approx(np.array([[0.5, 0.5], [0.5, 0.4]]))


def box_at(x, size=0.2):
    return np.array([[x, 0.1], [x + size, 0.1 + size], *[[x, 0.5]] * 4])


def test_overlap():
    assert overlap(box_at(0), np.stack([box_at(0), box_at(0.1), box_at(0.5)])) == pytest.approx([1, 1 / 3, 0])


def test_overlapping_boxes_become_their_weighted_mean():
    people = suppress(np.stack([box_at(0.5), box_at(0), box_at(0.04)]), np.array([0.6, 0.9, 0.3]))
    assert len(people) == 2
    assert people[0][0, 0] == pytest.approx(0.01)
    assert people[1][0, 0] == 0.5
    assert suppress(np.zeros((0, 6, 2)), np.zeros(0)).shape == (0, 6, 2)


def test_refine_moves_sure_points_to_the_centre_of_mass():
    heat = np.zeros((64, 64, 4))
    heat[20, 30, 0] = 0.9
    heat[20, 32, 0] = 0.9
    heat[10, 11, 1] = 0.3
    start = np.array([[30.5, 20.5], [10.5, 10.5], [200.0, 10], [-3.0, 10]]) / 64
    points, peak = refine(start, np.log(np.maximum(heat, 1e-30) / (1 - heat)))
    assert points[0] * 64 == pytest.approx([31, 20])
    assert (points[1:] == start[1:]).all()
    assert peak == pytest.approx([0.9, 0.3, 0, 0])


def test_sigmoid_survives_any_logit():
    assert sigmoid(np.float32([-1e30, 0, 1e30])).tolist() == pytest.approx([0, 0.5, 1])
