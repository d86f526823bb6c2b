"""A person in a picture with the lifted pose, the picture's camera, and both as plain data for JSON."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from ..keypoints import Joints, Keypoints
from ..normalization import DETECTED, UNSEEN
from ..skeleton import BONES, INDEX, JOINTS, SOURCES, TRUNK
from .images import Picture

CONVENTIONS = {
    "axes": "x right, y down, z away from the camera; the hip is the origin",
    "unit": "about the mean distance of the joints from the hip; the absolute size is unknown",
    "joints": JOINTS,
    "bones": [[JOINTS[parent], JOINTS[child]] for parent, child in BONES],
}


@dataclass(frozen=True)
class Camera:
    """What is known or assumed of a camera.

    Attributes:
        intrinsics_px: fx, fy, cx, cy, or None: then the camera is taken to look straight at each person.
        origin: where the intrinsics come from, in words.
        tilt_deg: how far the camera looks down; 3D poses are turned back by it, so that gravity is +y.
    """

    intrinsics_px: tuple[float, float, float, float] | None
    origin: str
    tilt_deg: float = 0.0

    def to_dict(self) -> dict:
        """For JSON."""
        numbers = None if self.intrinsics_px is None else [round(value, 2) for value in self.intrinsics_px]
        tilt = f"{self.tilt_deg:g} degrees down, as given" if self.tilt_deg else "taken to be level"
        return {"intrinsics_px": numbers, "intrinsics_from": self.origin, "tilt_deg": self.tilt_deg, "tilt": tilt}


@dataclass(frozen=True)
class SeenPerson:
    """One person in a picture, in 2D: keypoints as they were found, and our 17 joints."""

    keypoints: Keypoints
    joints: Joints
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(len(JOINTS), bool))
    """(17,) bool, joints of parts of the body that are not in the picture; their places are suppositions."""

    def trust(self) -> np.ndarray:
        """What a lifter may know of the joints (17,): found by a detector or not seen; the trunk is taken for seen."""
        unseen = self.joints.filled | self.left_out
        unseen[[INDEX[name] for name in TRUNK]] = False
        return np.where(unseen, UNSEEN, DETECTED)

    def names_left_out(self) -> list[str]:
        """The joints that are left out."""
        return [JOINTS[number] for number in np.flatnonzero(self.left_out)]


@dataclass(frozen=True)
class Person:
    """One person in a picture, in 2D and 3D.

    Attributes:
        pose: (17, 3) root-relative, x right, y down, z away from the camera; the scale is unknown, the joints are
            about 1 from the root on average.
        uncertainty: (17,) radii within which a joint lies nine times in ten, in the pose's unit, if the lifter tells.
    """

    seen: SeenPerson
    pose: np.ndarray
    uncertainty: np.ndarray | None = None

    @property
    def joints(self) -> Joints:
        """Our 17 joints in the picture."""
        return self.seen.joints

    def drawn_in(self, factor: float) -> "Person":
        """The same person in the picture resized by a factor; the keypoints stay as they were found."""
        joints = replace(self.joints, joints_px=self.joints.joints_px * factor)
        return replace(self, seen=replace(self.seen, joints=joints))

    def to_dict(self, with_keypoints: bool = True) -> dict:
        """For JSON. Joints that are left out are null."""
        seen, joints = self.seen, self.joints
        content = {
            "joints_2d_px": with_nulls(np.round(joints.joints_px, 2), seen.left_out),
            "joint_confidence": np.round(np.where(seen.left_out, 0.0, joints.confidence), 3).tolist(),
            "filled_joints": [JOINTS[number] for number in np.flatnonzero(joints.filled & ~seen.left_out)],
            "left_out_joints": seen.names_left_out(),
            "joints_3d": with_nulls(np.round(self.pose.astype(float), 4), seen.left_out),
        }
        if self.uncertainty is not None:
            content["uncertainty"] = with_nulls(np.round(self.uncertainty.astype(float), 4), seen.left_out)
        if with_keypoints:
            content["keypoints"] = {
                "skeleton": seen.keypoints.source,
                "names": SOURCES[seen.keypoints.source],
                "points_px": np.round(seen.keypoints.points_px, 2).tolist(),
                "confidence": np.round(seen.keypoints.confidence, 3).tolist(),
                "person_score": round(seen.keypoints.score, 3),
            }
        return content


@dataclass(frozen=True)
class Scene:
    """The people of one picture who were lifted, and how many were found in 2D."""

    people: list[Person]
    camera: Camera
    looked_at: int

    def summary(self) -> str:
        """How many people were found and lifted, and what of them is not in the picture."""
        count = f"{len(self.people)} {'person' if len(self.people) == 1 else 'people'}"
        others = f" lifted of {self.looked_at} found" if self.looked_at > len(self.people) else ""
        left_out = sorted({name for person in self.people for name in person.seen.names_left_out()}, key=JOINTS.index)
        return f"{count}{others}" + (f" (not seen and left out: {', '.join(left_out)})" if left_out else "")


def with_nulls(rows: np.ndarray, left_out: np.ndarray) -> list:
    """Numbers or rows of numbers as a list, None for the joints that are left out."""
    return [None if out else row for row, out in zip(rows.tolist(), left_out, strict=True)]


def camera_of(picture: Picture, fov_deg: float = 0.0, tilt_deg: float = 0.0) -> Camera:
    """The camera of a picture: from its EXIF data, else from a field of view along its longer side.

    A field of view of 0 leaves the intrinsics out altogether. The optical axis is taken to meet the picture in its
    middle, which does not hold for a cropped picture.
    """
    width, height = picture.size_px
    if not fov_deg:
        return Camera(None, "none: the camera is taken to look straight at each person", tilt_deg)
    if picture.focal_px is not None:
        focal, origin = picture.focal_px, "focal length in the picture's EXIF data"
    else:
        focal = max(height, width) / 2 / math.tan(math.radians(fov_deg) / 2)
        origin = f"assumed field of view of {fov_deg:g} degrees along the longer side"
    return Camera((focal, focal, width / 2, height / 2), origin, tilt_deg)
