"""People of whom only a part is in the picture: what can be lifted of them, and what has to be left out.

The lifter needs 17 joints. Legs and arms that were not seen are supposed to hang down, so that the others can be
lifted; they are marked, and nothing of them is shown or written.
"""

from dataclasses import replace

import numpy as np

from .. import anthropometry as winter
from ..keypoints import Keypoints
from ..skeleton import JOINTS, SOURCES
from .people import SeenPerson

SIDES = ("left", "right")
DOWN = np.array([0.0, 1.0])
PARTS = {
    "hips": (("hip",), ("hip", "spine", "left_hip", "right_hip")),
    "legs": (("knee", "ankle"), ("left_knee", "right_knee", "left_foot", "right_foot")),
    "arms": (("elbow", "wrist"), ("left_elbow", "right_elbow", "left_wrist", "right_wrist")),
}
"""For each part of a body: the points that show it, and our joints that are left out where none of these was seen."""


def see(person: Keypoints, threshold: float) -> SeenPerson:
    """The 17 joints of a person, and which of them nobody saw.

    Args:
        person: as found.
        threshold: keypoints with a lower confidence count as not seen.

    Raises:
        ValueError: if too little is seen even of the upper body.
    """
    try:
        return SeenPerson(person, person.to_joints(threshold))
    except ValueError:
        missing = [part for part, (points, _) in PARTS.items() if not _seen(person, points, threshold).any()]
        if not missing or not _seen(person, ("shoulder",), threshold).all():
            raise
        joints = _suppose(person, missing, threshold).to_joints(threshold)
        left_out = {joint for part in missing for joint in PARTS[part][1]}
        return SeenPerson(person, joints, np.array([name in left_out for name in JOINTS]))


def _numbers(person: Keypoints, kinds: tuple[str, ...]) -> list[int]:
    """Where the points of some kinds, left before right, are among a person's."""
    names = [f"{side}_{kind}" for kind in kinds for side in SIDES]
    return [SOURCES[person.source].index(name) for name in names if name in SOURCES[person.source]]


def _seen(person: Keypoints, kinds: tuple[str, ...], threshold: float) -> np.ndarray:
    """Which of the points of some kinds were seen."""
    numbers = _numbers(person, kinds)
    return (person.confidence[numbers] >= threshold) & np.isfinite(person.points_px[numbers]).all(axis=1)


def _suppose(person: Keypoints, parts: list[str], threshold: float) -> Keypoints:
    """The person with some parts hanging down, in average proportions (`utils.anthropometry`)."""
    points_px, confidence = person.points_px.copy(), person.confidence.copy()
    shoulders = points_px[_numbers(person, ("shoulder",))]
    across, middle = shoulders[0] - shoulders[1], shoulders.mean(axis=0)
    if "hips" in parts:
        torso_px = _torso_px(person, float(np.linalg.norm(across)), middle, threshold)
    else:
        torso_px = float(np.linalg.norm(points_px[_numbers(person, ("hip",))].mean(axis=0) - middle))
    chains = {
        "hips": ("shoulder", (("hip", winter.TORSO),)),
        "legs": ("hip", (("knee", winter.THIGH), ("ankle", winter.SHANK))),
        "arms": ("shoulder", (("elbow", winter.UPPER_ARM), ("wrist", winter.FOREARM))),
    }
    for part in parts:
        start, links = chains[part]
        at = points_px[_numbers(person, (start,))]
        if part == "hips":
            at = middle + np.outer([0.5, -0.5], across) * winter.HIP_WIDTH / (2 * winter.HALF_SHOULDERS)
        for name, length in links:
            at = at + DOWN * torso_px * length / winter.TORSO
            numbers = _numbers(person, (name,))
            points_px[numbers], confidence[numbers] = at, max(threshold, 1e-6)
    return replace(person, points_px=points_px, confidence=confidence)


def _torso_px(person: Keypoints, shoulders_px: float, middle: np.ndarray, threshold: float) -> float:
    """Length of an unseen torso, from the width of the shoulders or the height of the head above them."""
    head = [number for number in sorted(_numbers(person, ("eye", "ear"))) if person.confidence[number] >= threshold]
    rise = np.linalg.norm(person.points_px[head].mean(axis=0) - middle) if head else 0.0
    return float(
        max(shoulders_px / (2 * winter.HALF_SHOULDERS), rise / (winter.EYE_HEIGHT - winter.SHOULDER_HEIGHT))
        * winter.TORSO
    )
