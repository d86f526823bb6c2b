import json

import numpy as np
import pytest
from samples_keypoints import flat, standing, without

from utils.keypoints import NEIGHBOURS, KeyPoints, read_keypoints
from utils.skeleton import INDEX, JOINTS, SOURCES


def test_all_seen_nothing_filled():
    joints = standing().to_joints()
    assert not joints.filled.any()
    assert joints.joints_px.shape == (17, 2)
    assert joints.joints_px[INDEX["left_knee"]].tolist() == [116, 210]
    assert joints.joints_px[INDEX["left_wrist"], 0] > joints.joints_px[INDEX["right_wrist"], 0]


def test_every_filling_row_sums_to_one_and_uses_known_points():
    known = {name for points in SOURCES.values() for name in points}
    for name, rows in NEIGHBOURS.items():
        assert name in known
        for row in rows:
            assert sum(row.values()) == pytest.approx(1)
            assert row.keys() <= known
            assert name not in row


@pytest.mark.parametrize(
    ("missing", "joint", "expected"),
    [
        (["left_knee"], "left_knee", (116, 210)),
        (["left_elbow"], "left_elbow", (132.5, 95)),
        (["right_wrist"], "right_wrist", (57.15, 131.4)),
        (["right_ankle"], "right_foot", (83, 270.2)),
        (["left_elbow", "left_wrist"], "left_wrist", (110, 130)),
        (["left_hip"], "left_hip", (128.5, 150)),
    ],
)
def test_missing_points_come_from_neighbours_and_are_marked(missing, joint, expected):
    joints = without(standing(), *missing).to_joints()
    assert joints.filled[INDEX[joint]]
    assert np.isfinite(joints.joints_px).all()
    assert joints.joints_px[INDEX[joint]] == pytest.approx(expected, abs=0.5)
    untouched = {"right_shoulder", "right_knee"} - set(missing)
    assert not any(joints.filled[INDEX[name]] for name in untouched)


def test_filling_is_the_same_on_both_sides():
    left, right = (without(standing(), f"{side}_ankle").to_joints() for side in ("left", "right"))
    assert left.joints_px[INDEX["left_foot"], 0] - 100 == pytest.approx(100 - right.joints_px[INDEX["right_foot"], 0])


@pytest.mark.parametrize(
    "source", ["coco_17", "blazepose_33", "openpose_coco_18", "openpose_mpi_15", "openpose_body_25"]
)
def test_head_missing_still_gives_an_upright_person(source):
    person = standing(source)
    head = [name for name in SOURCES[source] if name.split("_")[-1] in ("nose", "eye", "ear", "top", "base")]
    joints = without(person, *head).to_joints()
    assert joints.filled[INDEX["head"]]
    assert joints.joints_px[INDEX["head"], 1] < joints.joints_px[INDEX["thorax"], 1] < joints.joints_px[INDEX["hip"], 1]


def test_cut_off_at_the_waist_names_what_is_missing():
    legs = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    with pytest.raises(ValueError, match=r"too little of the person is seen: left_hip, .*right_ankle.*--thr"):
        without(standing(), *legs).to_joints()


def test_threshold_decides():
    person = standing(confidence=0.3)
    assert not person.to_joints(0.3).filled.any()
    with pytest.raises(ValueError, match=r"threshold of 0\.31"):
        person.to_joints(0.31)


def test_confidence_is_that_of_the_least_sure_point():
    person = standing()
    person.confidence[SOURCES["coco_17"].index("left_hip")] = 0.4
    joints = person.to_joints()
    assert joints.confidence[INDEX["hip"]] == 0.4
    assert joints.confidence[INDEX["left_knee"]] == 0.9
    assert len(joints.confidence) == len(JOINTS)


@pytest.fixture
def write(tmp_path):
    def write_json(content):
        path = tmp_path / "points.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write_json


@pytest.mark.parametrize("source", ["openpose_coco_18", "openpose_mpi_15", "openpose_body_25", "coco_17"])
def test_openpose_file(write, source):
    (person,) = read_keypoints(write({"version": 1.3, "people": [{"pose_keypoints_2d": flat(standing(source))}]}))
    assert person.source == source
    assert np.allclose(person.points_px, standing(source).points_px)


def test_coco_results_come_largest_first(write):
    small = standing()
    large = KeyPoints(small.source, small.points_px * 2, small.confidence * 2)
    people = read_keypoints(write([{"image_id": 7, "keypoints": flat(p), "score": 0.8} for p in (small, large)]))
    assert people[0].size_px == pytest.approx(2 * people[1].size_px)
    assert people[0].confidence.max() <= 1
    assert people[0].score == 0.8


def test_coco_annotations_of_the_named_picture(write):
    person = flat(standing())
    moved = flat(KeyPoints("coco_17", standing().points_px + 50, standing().confidence))
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "train/b.jpg"}],
        "annotations": [{"image_id": 1, "keypoints": person}, {"image_id": 2, "keypoints": moved}],
    }
    (found,) = read_keypoints(write(content), "b.jpg")
    assert found.points_px[0].tolist() == [150, 70]
    with pytest.raises(ValueError, match=r"several pictures.*'c.jpg'"):
        read_keypoints(write(content), "c.jpg")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "neither COCO nor OpenPose"),
        ("[1, 2]", "neither COCO nor OpenPose"),
        ('"text"', "neither COCO nor OpenPose"),
        ({"people": []}, "no people"),
        ({"people": [{"pose_keypoints_2d": [0.0] * 51}]}, "no people"),
        ({"people": [{"pose_keypoints_2d": [1, 2, 3]}]}, "expected x, y and confidence"),
        ({"people": [{"pose_keypoints_2d": [float("nan")] * 51}]}, "finite"),
        ({"people": [{"pose_keypoints_2d": ["x"] * 51}]}, "neither COCO nor OpenPose"),
        ([{"keypoints": None}], "neither COCO nor OpenPose|expected x, y"),
    ],
)
def test_bad_files_get_one_sentence(write, content, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_keypoints(write(content))


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match="cannot read the keypoints"):
        read_keypoints(tmp_path / "none.json")
