"""Key points that a detector found in a picture, and the way from them to our 17 joints."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .anthropometry import (
    EYE_HEIGHT,
    FOREARM,
    HALF_SHOULDERS,
    HIP_WIDTH,
    SHANK,
    SHOULDER_HEIGHT,
    THIGH,
    TORSO,
    UPPER_ARM,
)
from .skeleton import SOURCES, joint_weights, mirrored_name

SOURCE_OF_LENGTH = {17: "coco_17", 25: "openpose_body_25", 18: "openpose_coco_18", 15: "openpose_mpi_15"}
"""Key-point files do not name their skeleton; the number of points tells."""
LARGEST_PX = 1e9

# What a point that is not seen is filled from: weighted sums of seen points, tried in turn. Each row sums to 1.
# Ratios of lengths and heights are Winter's (utils/anthropometry.py); ears are as high as eyes.
_FOREARM, _SHANK, _HIPS = FOREARM / UPPER_ARM, SHANK / THIGH, HIP_WIDTH / (2 * HALF_SHOULDERS)
_EARS, _TOP = (EYE_HEIGHT - SHOULDER_HEIGHT) / TORSO, (1 - SHOULDER_HEIGHT) / TORSO
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
    "left_ear": [{"right_ear": 1.0}, {"left_eye": 1.0}, {"right_eye": 1.0}, {"nose": 1.0}],
}  # fmt: skip


def _above_shoulders(share: float) -> dict[str, float]:
    """A point on the line from middle hip to middle shoulder, `share` of it further up."""
    return {"left_shoulder": (1 + share) / 2, "right_shoulder": (1 + share) / 2,
            "left_hip": -share / 2, "right_hip": -share / 2}  # fmt: skip


def _mirrored(weights: dict[str, float]) -> dict[str, float]:
    return {mirrored_name(name): weight for name, weight in weights.items()}


NEIGHBOURS = _LEFT_FROM | {mirrored_name(name): [_mirrored(row) for row in rows] for name, rows in _LEFT_FROM.items()}
for _ear in ("left_ear", "right_ear"):
    NEIGHBOURS[_ear] = [*NEIGHBOURS[_ear], _above_shoulders(_EARS)]
NEIGHBOURS |= {"neck_base": [{"left_shoulder": 0.5, "right_shoulder": 0.5}], "head_top": [_above_shoulders(_TOP)]}


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
class KeyPoints:
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
        seen = (self.confidence >= threshold) & np.isfinite(self.points_px).all(axis=1)
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
        needed = weights != 0
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


def read_keypoints(path: str | Path, image_name: str = "") -> list[KeyPoints]:
    """People from a COCO or OpenPose JSON file, largest first.

    Args:
        path: OpenPose's {"people": [{"pose_keypoints_2d": [x, y, confidence, ...]}]}, COCO's list of results
            {"keypoints": [x, y, v, ...]}, or COCO's {"images", "annotations"}.
        image_name: picks the annotations of one picture where the file holds several.

    Raises:
        ValueError: one sentence, for a missing, damaged or foreign file or one without people.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ValueError(f"cannot read the keypoints at {path}: there is no such file")
        content = _parse(path)
        people = [_person(entry, path) for entry in _entries(content, image_name, path)]
    except OSError as error:
        raise ValueError(f"cannot read the keypoints at {path}: {error.strerror}") from error
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} is neither COCO nor OpenPose JSON") from error
    people = [person for person in people if (person.confidence > 0).any()]
    if not people:
        raise ValueError(f"there are no people in {path}")
    return sorted(people, key=lambda person: -person.size_px)


def _parse(path: Path):
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is neither COCO nor OpenPose JSON") from error


def _entries(content, image_name: str, path: Path) -> list[dict]:
    """The people of one picture, as the file's own records."""
    if isinstance(content, dict) and "people" in content:
        return content["people"]
    if isinstance(content, list):
        entries, images = content, []
    else:
        entries, images = content["annotations"], content.get("images", [])
    wanted = {image["id"] for image in images if Path(image["file_name"]).name == image_name}
    if wanted:
        entries = [entry for entry in entries if entry["image_id"] in wanted]
    if len({entry.get("image_id") for entry in entries}) > 1:
        raise ValueError(f"{path} holds several pictures' key points, and none of them is named {image_name!r}")
    return entries


def _person(entry: dict, path: str | Path) -> KeyPoints:
    """One record of a file. COCO's visibility 1 (hidden) and 2 (visible) both count as found."""
    values = entry["pose_keypoints_2d" if "pose_keypoints_2d" in entry else "keypoints"]
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise TypeError(f"{path}: key points must be numbers")
    flat = np.array(values, dtype=np.float64)
    source = SOURCE_OF_LENGTH.get(flat.size // 3)
    if source is None or flat.size % 3 or not (np.abs(flat) <= LARGEST_PX).all():
        raise ValueError(
            f"{path}: a person has {flat.size} numbers; expected x, y and confidence of 17 (COCO) or 25, 18 or 15 "
            "(OpenPose) finite points"
        )
    points = flat.reshape(-1, 3)
    score = entry.get("score")
    is_number = isinstance(score, int | float) and not np.isnan(score)
    return KeyPoints(source, points[:, :2], points[:, 2].clip(0, 1), float(min(max(score, 0), 1)) if is_number else 1.0)
