"""Keypoints that a detector found in a picture, and the way from them to our 17 joints."""

from dataclasses import dataclass

import numpy as np

from . import anthropometry as winter
from .skeleton import SOURCES, joint_weights, mirrored_name

# What a point that is not seen is filled from: weighted sums of seen points, tried in turn. Each row sums to 1.
# Ratios of lengths and heights are Winter's (utils/anthropometry.py); ears are as high as eyes.
_FOREARM, _SHANK = winter.FOREARM / winter.UPPER_ARM, winter.SHANK / winter.THIGH
_HIPS = winter.HIP_WIDTH / (2 * winter.HALF_SHOULDERS)
_EARS = (winter.EYE_HEIGHT - winter.SHOULDER_HEIGHT) / winter.TORSO
_TOP = (1 - winter.SHOULDER_HEIGHT) / winter.TORSO
_EAR_BREADTH = 2.2
"""Ears lie about so many times further apart than eyes (Gordon et al. 2014, ANSUR II: bitragion and interpupillary
breadth), and in parallel."""


def _above_shoulders(fraction: float) -> dict[str, float]:
    """A point on the line from middle hip to middle shoulder, `fraction` of it further up."""
    return {"left_shoulder": (1 + fraction) / 2, "right_shoulder": (1 + fraction) / 2,
            "left_hip": -fraction / 2, "right_hip": -fraction / 2}  # fmt: skip


_LEFT_FROM: dict[str, list[dict[str, float]]] = {
    "left_elbow": [{"left_shoulder": 0.5, "left_wrist": 0.5},
                   {"left_shoulder": 1.0, "right_elbow": 1.0, "right_shoulder": -1.0}],
    "left_wrist": [{"left_elbow": 1 + _FOREARM, "left_shoulder": -_FOREARM},
                   {"left_shoulder": 1.0, "right_wrist": 1.0, "right_shoulder": -1.0}],
    "left_knee": [{"left_hip": 0.5, "left_ankle": 0.5}, {"left_hip": 1.0, "right_knee": 1.0, "right_hip": -1.0}],
    "left_ankle": [{"left_knee": 1 + _SHANK, "left_hip": -_SHANK},
                   {"left_hip": 1.0, "right_ankle": 1.0, "right_hip": -1.0}],
    "left_hip": [{"right_hip": 1.0, "left_shoulder": _HIPS, "right_shoulder": -_HIPS}],
    "left_shoulder": [{"right_shoulder": 1.0, "left_hip": 1 / _HIPS, "right_hip": -1 / _HIPS}],
    "left_ear": [{"right_ear": 1.0, "left_eye": _EAR_BREADTH, "right_eye": -_EAR_BREADTH},
                 {"right_ear": 1.0}, {"left_eye": 1.0}, {"right_eye": 1.0}, {"nose": 1.0}, _above_shoulders(_EARS)],
}  # fmt: skip


def _mirrored(weights: dict[str, float]) -> dict[str, float]:
    return {mirrored_name(name): weight for name, weight in weights.items()}


NEIGHBOURS = _LEFT_FROM | {mirrored_name(name): [_mirrored(row) for row in rows] for name, rows in _LEFT_FROM.items()}
NEIGHBOURS |= {"neck_base": [{"left_shoulder": 0.5, "right_shoulder": 0.5}], "head_top": [_above_shoulders(_TOP)]}

MAIN_POINT = 0.2
"""A point with at least this weight in a joint decides whether the joint was seen, and how surely."""


@dataclass(frozen=True)
class Joints:
    """Our 17 joints of one person in one picture.

    Attributes:
        joints_px: (17, 2) pixels.
        confidence: (17,) from 0 to 1, that of the least sure point a joint depends on.
        filled: (17,) bool, True where such a point was not seen but guessed from its neighbours.
    """

    joints_px: np.ndarray
    confidence: np.ndarray
    filled: np.ndarray


@dataclass(frozen=True)
class Keypoints:
    """One person in one picture, in the points of whatever found them.

    Attributes:
        source: the skeleton, a name in `utils.skeleton.SOURCES`.
        points_px: (K, 2) pixels, x right and y down.
        confidence: (K,) from 0 to 1; 0 for a point that was not found.
        score: how sure the detector is of the person, 0 to 1.
    """

    source: str
    points_px: np.ndarray
    confidence: np.ndarray
    score: float = 1.0

    @property
    def size_px(self) -> float:
        """Diagonal of the box around the points that were found."""
        found = self.points_px[self.confidence > 0]
        return float(np.linalg.norm(np.ptp(found, axis=0))) if len(found) else 0.0

    def to_joints(self, threshold: float = 0.1) -> Joints:
        """The 17 joints, points below the threshold filled from their neighbours.

        Raises:
            ValueError: if too little is seen, naming the points that are missing.
        """
        weights = joint_weights(self.source)
        seen = (self.confidence >= threshold) & (self.confidence > 0) & np.isfinite(self.points_px).all(axis=1)
        points_px, missing = np.nan_to_num(self.points_px).astype(np.float64), []
        for number in np.flatnonzero(weights.any(axis=0) & ~seen):
            row = self._fill_row(SOURCES[self.source][number], seen)
            if row is None:
                missing.append(SOURCES[self.source][number])
            else:
                points_px[number] = row @ np.nan_to_num(self.points_px)
        if missing:
            raise ValueError(
                f"too little of the person is seen: {', '.join(missing)} and their neighbours stay under the "
                f"threshold of {threshold:g}; show the person from head to feet, or lower --thr"
            )
        # A joint is where its main points are; the others move it a little.
        needed = np.abs(weights) >= MAIN_POINT
        confidence = np.where(needed, self.confidence, np.inf).min(axis=1)
        return Joints(weights @ points_px, confidence, (needed & ~seen).any(axis=1))

    def _fill_row(self, name: str, seen: np.ndarray) -> np.ndarray | None:
        """Weights (K,) of seen points that stand in for a missing one, or None."""
        column = {point: number for number, point in enumerate(SOURCES[self.source])}
        for option in NEIGHBOURS.get(name, []):
            if all(point in column and seen[column[point]] for point in option):
                row = np.zeros(len(column))
                row[[column[point] for point in option]] = list(option.values())
                return row
        return None
