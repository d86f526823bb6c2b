"""People as detectors give them, for tests."""

import numpy as np

from utils.demo.people import Person, SeenPerson
from utils.keypoints import Keypoints
from utils.skeleton import SOURCES

# Pixels from the middle of the body, and down.
PLACES = {
    "nose": (0, 20), "inner": (3, 15), "eye": (5, 15), "outer": (7, 15), "ear": (10, 18), "head": (0, 5),
    "top": (0, -5), "neck": (0, 45), "bottom": (0, 45), "base": (0, 60), "thorax": (0, 55), "chest": (0, 105),
    "spine": (0, 105), "pelvis": (0, 150), "shoulder": (25, 60), "elbow": (35, 100), "wrist": (40, 130),
    "pinky": (41, 138), "index": (41, 140), "thumb": (39, 138), "hip": (15, 150), "knee": (16, 210),
    "ankle": (17, 270), "foot": (17, 270), "heel": (17, 278), "toe": (24, 282),
}  # fmt: skip
LEGS = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle")]


def standing(source="coco_17", confidence=0.9):
    """A person who faces the camera: the left side is at greater x."""
    points = []
    for name in SOURCES[source]:
        sign = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        x, y = PLACES["toe"] if name.endswith("foot_index") else PLACES.get(name.split("_")[-1], PLACES["nose"])
        points.append((100 + sign * x, y))
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
    """(count, K, 3) pixels and scores of people of several sizes and places."""
    random = np.random.default_rng(seed)
    size, place = random.uniform(0.8, 1.5, (count, 1, 1)), random.uniform(10, 300, (count, 1, 2))
    points = standing(skeleton).points_px * size + place + random.normal(0, 1.5, (count, len(SOURCES[skeleton]), 2))
    return np.dstack([points, np.full(points.shape[:2], 0.9)])


def rows(points):
    return [person.ravel().tolist() for person in points]


def openpose(points):
    return {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": row} for row in rows(points)]}
