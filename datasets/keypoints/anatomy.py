"""Whether points can be a body in a certain order: bones lead to near points and have a body's proportions."""

import numpy as np

from utils.anthropometry import FOREARM, SHANK, THIGH, UPPER_ARM
from utils.skeleton import SOURCES, mirrored_name

MOST_PEOPLE = 64
"""So many tell the order of a whole file."""
FEWEST_POINTS = 8
"""Fewer points of a person do not tell their order."""
LONGEST_DETOUR, LEAST_PROPORTION = 2.3, 0.8
"""Each of 200 synthetic people, seen from anywhere, is within these limits in every skeleton of the table."""
MANY, LONGEST_DETOUR_OF_MANY = 10, 1.9
"""The median of many is at most about 1.5; that of other orders of the same names begins at 2.1."""
CLEARLY_BETTER = 0.05
"""Difference of proportion between two orders of the same points that tells which one it is."""

# The point that each one hangs on, the first that its skeleton has, and how far apart the two are as a share of the
# stature: limbs as published; the small ones of face, hands and feet are estimates.
_LEFT_HANGS_ON = {
    "left_shoulder": {"thorax": 0.13, "mpii_thorax": 0.13, "neck_base": 0.13, "upper_neck": 0.15, "head_bottom": 0.15},
    "left_elbow": {"left_shoulder": UPPER_ARM}, "left_wrist": {"left_elbow": FOREARM},
    "left_pinky": {"left_wrist": 0.05}, "left_index": {"left_wrist": 0.05}, "left_thumb": {"left_wrist": 0.05},
    "left_hip": {"hip": 0.1, "pelvis": 0.1, "chest": 0.15, "left_shoulder": 0.29},
    "left_knee": {"left_hip": THIGH}, "left_ankle": {"left_knee": SHANK}, "left_foot": {"left_knee": SHANK},
    "left_heel": {"left_ankle": 0.05}, "left_big_toe": {"left_ankle": 0.1}, "left_small_toe": {"left_big_toe": 0.05},
    "left_foot_index": {"left_heel": 0.1},
    "left_eye": {"nose": 0.03}, "left_eye_inner": {"nose": 0.03}, "left_eye_outer": {"left_eye": 0.02},
    "left_ear": {"left_eye": 0.05, "nose": 0.05},
}  # fmt: skip
_HANGS_ON = _LEFT_HANGS_ON | {
    mirrored_name(name): {mirrored_name(other): length for other, length in others.items()}
    for name, others in _LEFT_HANGS_ON.items()
}
_HANGS_ON["right_shoulder"] |= {"left_shoulder": 0.26}
_HANGS_ON["right_hip"] = {"hip": 0.1, "pelvis": 0.1, "chest": 0.15, "left_hip": 0.19}
_HANGS_ON |= {
    "nose": {"head_bottom": 0.1, "upper_neck": 0.1, "neck_base": 0.13, "left_shoulder": 0.17},
    "mouth_left": {"nose": 0.03}, "mouth_right": {"nose": 0.03},
    "head_top": {"nose": 0.1, "mpii_neck": 0.08, "upper_neck": 0.16, "neck_base": 0.18},
    "head": {"neck": 0.08}, "neck": {"thorax": 0.08}, "thorax": {"spine": 0.14}, "spine": {"hip": 0.14},
    "mpii_neck": {"upper_neck": 0.08}, "upper_neck": {"mpii_thorax": 0.05},
    "mpii_thorax": {"pelvis": 0.29, "hip": 0.29}, "head_bottom": {"left_shoulder": 0.15},
    "pelvis": {"chest": 0.15, "neck_base": 0.29}, "chest": {"neck_base": 0.14},
}  # fmt: skip


def body_likeness(points_px: np.ndarray, skeleton: str) -> float | None:
    """Likeness of people to a body. It does not depend on where, how large or which way up they are.

    Two medians over people tell a body: the bones' mean length over that in the shortest tree through the points, and
    the likeness of the bones' lengths to a body's.

    Args:
        points_px: (N, K, 2), NaN where a point is not seen.
        skeleton: a name in `SOURCES` with K points.

    Returns:
        The latter, at most 1; 0 where too little of everyone is seen to tell, None where they are no body.
    """
    child, parent, typical = _bones(SOURCES[skeleton])
    body, people = np.union1d(child, parent), []
    for person in points_px[:: max(1, len(points_px) // MOST_PEOPLE)]:
        seen = np.isfinite(person).all(axis=1)
        both = seen[child] & seen[parent]
        if seen[body].sum() < FEWEST_POINTS or not both.any():
            continue
        bones = np.linalg.norm(person[child] - person[parent], axis=1)[both]
        shortest = _shortest_tree(person[body[seen[body]]]).mean()
        if shortest > 0:
            scale = np.linalg.norm(bones) * np.linalg.norm(typical[both])
            people.append((bones.mean() / shortest, bones @ typical[both] / scale))
    if not people:
        return 0.0
    detour, proportion = np.median(people, axis=0).tolist()
    longest = LONGEST_DETOUR if len(people) < MANY else LONGEST_DETOUR_OF_MANY
    return proportion if detour <= longest and proportion >= LEAST_PROPORTION else None


def _bones(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the points that hang on others, of those others, and the usual distance as a share of stature."""
    rows = []
    for number, name in enumerate(names):
        on = next((other for other in _HANGS_ON.get(name, {}) if other in names), None)
        if on is not None:
            rows.append((number, names.index(on), _HANGS_ON[name][on]))
    child, parent, typical = zip(*rows, strict=True)
    return np.array(child), np.array(parent), np.array(typical)


def _shortest_tree(points: np.ndarray) -> np.ndarray:
    """(K - 1,) lengths of the edges of the shortest tree that connects the points (K, 2), by Prim's algorithm."""
    outside = np.ones(len(points), bool)
    outside[0] = False
    distance, lengths = np.linalg.norm(points - points[0], axis=1), []
    while outside.any():
        nearest = np.flatnonzero(outside)[distance[outside].argmin()]
        lengths.append(distance[nearest])
        outside[nearest] = False
        distance = np.minimum(distance, np.linalg.norm(points - points[nearest], axis=1))
    return np.array(lengths)
