import numpy as np
import pytest
from samples_keypoints import LEGS, standing, without

from utils.demo.upper_body import see
from utils.skeleton import INDEX, SOURCES

SHINS = [name for name in LEGS if "hip" not in name]
ARMS = [f"{side}_{joint}" for side in ("left", "right") for joint in ("elbow", "wrist")]


def test_a_whole_person_is_left_as_it_is():
    seen = see(standing(), 0.1)
    assert not seen.left_out.any()
    assert (seen.joints.joints_px == standing().to_joints().joints_px).all()


@pytest.mark.parametrize("source", ["coco_17", "blazepose_33", "openpose_coco_18", "openpose_body_25"])
@pytest.mark.parametrize(
    ("hidden", "left_out"),
    [
        (SHINS, {"left_knee", "right_knee", "left_foot", "right_foot"}),
        (LEGS, {"hip", "spine", "left_hip", "right_hip", "left_knee", "right_knee", "left_foot", "right_foot"}),
        (ARMS, {"left_elbow", "right_elbow", "left_wrist", "right_wrist"}),
    ],
)
def test_what_is_not_in_the_picture_is_left_out_and_the_rest_stays(source, hidden, left_out):
    whole = standing(source).to_joints()
    seen = see(without(standing(source), *hidden), 0.1)
    assert set(seen.names_left_out()) == left_out
    kept = [number for name, number in INDEX.items() if name in ("left_shoulder", "head") and name not in left_out]
    assert seen.joints.joints_px[kept] == pytest.approx(whole.joints_px[kept], abs=6)
    assert np.isfinite(seen.joints.joints_px).all()


def test_supposed_legs_have_human_proportions():
    seen, whole = see(without(standing(), *LEGS), 0.1), standing().to_joints()
    for name in ("hip", "left_knee", "right_foot"):
        away = np.linalg.norm(seen.joints.joints_px[INDEX[name]] - whole.joints_px[INDEX[name]])
        assert away < 0.33 * np.ptp(whole.joints_px[:, 1]), name
    assert seen.joints.joints_px[INDEX["left_foot"], 0] > seen.joints.joints_px[INDEX["right_foot"], 0]


def test_one_leg_is_filled_from_the_other_not_left_out():
    seen = see(without(standing(), "left_knee", "left_ankle"), 0.1)
    assert not seen.left_out.any()
    assert seen.joints.filled[INDEX["left_foot"]]


def test_without_shoulders_there_is_nothing_to_lift():
    with pytest.raises(ValueError, match="too little of the person is seen"):
        see(without(standing(), *LEGS, "left_shoulder", "right_shoulder"), 0.1)


def test_a_threshold_of_0_does_not_make_the_supposed_points_unseen():
    person = without(standing(), *LEGS)
    person.confidence[[SOURCES["coco_17"].index(name) for name in LEGS]] = 0.0
    assert see(person, 0.0).left_out.sum() == 8
