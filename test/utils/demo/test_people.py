import json
import math
from dataclasses import replace

import numpy as np
import pytest

from utils.demo.images import Picture
from utils.demo.people import CONVENTIONS, Camera, Person, Scene, SeenPerson, camera_of
from utils.keypoints import Joints, Keypoints
from utils.skeleton import JOINTS, NUM_JOINTS


@pytest.fixture
def person():
    points = np.arange(34.0).reshape(17, 2)
    filled = np.array([name == "left_foot" for name in JOINTS])
    left_out = np.array([name == "left_wrist" for name in JOINTS])
    seen = SeenPerson(
        Keypoints("coco_17", points, np.full(17, 0.5)), Joints(points, np.full(17, 0.5), filled | left_out), left_out
    )
    return Person(seen, np.ones((17, 3)))


def picture(focal_px=None):
    return Picture(np.zeros((300, 400, 3), np.uint8), focal_px)


def test_exif_is_better_than_an_assumption():
    camera = camera_of(picture(focal_px=350.0), fov_deg=55)
    assert camera.intrinsics_px == (350, 350, 200, 150)
    assert "EXIF" in camera.origin


def test_assumed_field_of_view_spans_the_longer_side():
    camera = camera_of(picture(), fov_deg=60)
    focal = camera.intrinsics_px[0]
    assert 2 * math.degrees(math.atan(200 / focal)) == pytest.approx(60)
    assert "assumed field of view of 60 degrees" in camera.origin


def test_no_field_of_view_means_no_intrinsics():
    camera = camera_of(picture(focal_px=350.0), fov_deg=0)
    assert camera.intrinsics_px is None
    assert "look straight" in camera.origin


def test_json_of_a_person(person):
    content = json.loads(json.dumps(person.to_dict()))
    wrist = JOINTS.index("left_wrist")
    for key, size in (("joints_3d", 3), ("joints_2d_px", 2)):
        assert content[key].pop(wrist) is None
        assert np.shape(content[key]) == (NUM_JOINTS - 1, size)
    assert content["left_out_joints"] == ["left_wrist"]
    assert content["joint_confidence"][wrist] == 0
    assert content["filled_joints"] == ["left_foot"]
    assert content["keypoints"]["names"][0] == "nose"
    assert "keypoints" not in person.to_dict(with_keypoints=False)


def test_json_of_a_camera_states_the_tilt():
    assert Camera(None, "unknown").to_dict()["tilt"] == "taken to be level"
    assert "10 degrees down" in Camera(None, "unknown", 10.0).to_dict()["tilt"]


def test_conventions_name_axes_unit_and_joints():
    assert "y down" in CONVENTIONS["axes"]
    assert "unknown" in CONVENTIONS["unit"]
    assert len(CONVENTIONS["joints"]) == NUM_JOINTS
    assert len(CONVENTIONS["bones"]) == NUM_JOINTS - 1


def test_drawn_in_a_resized_picture(person):
    half = person.drawn_in(0.5)
    assert (half.joints.joints_px == person.joints.joints_px / 2).all()
    assert half.pose is person.pose


def test_summary_counts_who_was_looked_at_and_names_what_is_left_out(person):
    whole = replace(person, seen=replace(person.seen, left_out=np.zeros(NUM_JOINTS, bool)))
    assert Scene([whole], Camera(None, ""), 1).summary() == "1 person"
    assert Scene([whole, whole], Camera(None, ""), 3).summary() == "2 people lifted of 3 found"
    assert Scene([person], Camera(None, ""), 1).summary() == "1 person (not seen and left out: left_wrist)"
