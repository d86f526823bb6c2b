"""People as detectors give them, for tests."""

import numpy as np

from utils.demo.people import Person, SeenPerson
from utils.keypoints import KeyPoints as Keypoints
from utils.skeleton import SOURCES

PLACES = {
    "nose": (100, 20), "eye": (5, 15), "ear": (10, 18), "shoulder": (25, 60), "elbow": (35, 100), "wrist": (40, 130),
    "hip": (15, 150), "knee": (16, 210), "ankle": (17, 270),
}  # fmt: skip
LEGS = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]


def standing(source="coco_17", confidence=0.9):
    """A person who faces the camera: the left side is at greater x."""
    points = []
    for name in SOURCES[source]:
        kind = name.split("_")[-1]
        x, y = PLACES.get(kind, PLACES["nose"])
        points.append((100 + x if name.startswith("left") else 100 - x, y) if "_" in name else (x, y))
    return Keypoints(source, np.array(points, float), np.full(len(points), confidence))


def without(person, *names):
    """The same person, some points of whom were not found."""
    confidence, points = person.confidence.copy(), person.points_px.copy()
    hidden = [SOURCES[person.source].index(name) for name in names]
    confidence[hidden], points[hidden] = 0.01, np.nan
    return Keypoints(person.source, points, confidence)


def flat(person):
    """x, y and confidence in turn, as files hold them."""
    return np.column_stack([person.points_px, person.confidence]).ravel().tolist()


def lifted(keypoints):
    """A person whose depths grow from joint to joint."""
    joints = keypoints.to_joints()
    pose = np.column_stack([(joints.joints_px - joints.joints_px[0]) / 100, np.linspace(0, 0.5, 17)])
    return Person(SeenPerson(keypoints, joints), pose)


def make_points(count, skeleton, seed=0):
    """(count, K, 3) pixels and scores."""
    points = np.random.default_rng(seed).uniform(1, 1000, (count, len(SOURCES[skeleton]), 3))
    points[..., 2] = 0.9
    return points


def rows(points):
    return [person.ravel().tolist() for person in points]


def openpose(points):
    return {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": row} for row in rows(points)]}
