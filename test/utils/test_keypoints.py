import numpy as np
import pytest
from samples_keypoints import standing, without

from utils.keypoints import NEIGHBOURS
from utils.skeleton import INDEX, JOINTS, SOURCES

LEFT_KNEE = (116.3, 206.4)
"""Of `standing`: its point (116, 210), moved by 0.06 of the thigh towards the hip."""


def test_all_seen_nothing_filled():
    joints = standing().to_joints()
    assert not joints.filled.any()
    assert joints.joints_px.shape == (17, 2)
    assert joints.joints_px[INDEX["left_knee"]] == pytest.approx(LEFT_KNEE, abs=0.5)
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
        (["left_knee"], "left_knee", LEFT_KNEE),
        (["left_elbow"], "left_elbow", (132.3, 94)),
        (["right_wrist"], "right_wrist", (57.15, 131.4)),
        (["right_ankle"], "right_foot", (82.9, 275.3)),
        (["left_elbow", "left_wrist"], "left_wrist", (110, 130)),
        (["left_hip"], "left_hip", (127.9, 142.4)),
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


@pytest.mark.parametrize("source", [source for source in SOURCES if source[:4] not in ("h36m", "mpii")])
def test_head_missing_still_gives_an_upright_person(source):
    person = standing(source)
    head = [name for name in SOURCES[source] if name.split("_")[-1] in ("nose", "eye", "ear", "top", "base", "bottom")]
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
