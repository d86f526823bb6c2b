"""A person in a picture with the lifted pose, the picture's camera, and both as plain data for JSON."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..keypoints import Joints
from ..keypoints import KeyPoints as Keypoints
from ..skeleton import BONES, JOINTS, SOURCES
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
class Person:
    """One person in a picture.

    Attributes:
        keypoints: as they were found.
        joints: our 17 joints in the picture.
        pose: (17, 3) root-relative, x right, y down, z away from the camera; the scale is unknown, the joints are
            about 1 from the root on average.
    """

    keypoints: Keypoints
    joints: Joints
    pose: np.ndarray

    def drawn_in(self, factor: float) -> "Person":
        """The same person in the picture resized by a factor; the keypoints stay as they were found."""
        return replace(self, joints=replace(self.joints, joints_px=self.joints.joints_px * factor))

    def to_dict(self, with_keypoints: bool = True) -> dict:
        """For JSON."""
        content = {
            "joints_2d_px": np.round(self.joints.joints_px, 2).tolist(),
            "joint_confidence": np.round(self.joints.confidence, 3).tolist(),
            "filled_joints": [name for name, filled in zip(JOINTS, self.joints.filled, strict=True) if filled],
            "joints_3d": np.round(self.pose.astype(float), 4).tolist(),
        }
        if with_keypoints:
            content["keypoints"] = {
                "skeleton": self.keypoints.source,
                "names": SOURCES[self.keypoints.source],
                "points_px": np.round(self.keypoints.points_px, 2).tolist(),
                "confidence": np.round(self.keypoints.confidence, 3).tolist(),
                "person_score": round(self.keypoints.score, 3),
            }
        return content


def camera_of(picture: Picture, fov_deg: float = 0.0, tilt_deg: float = 0.0) -> Camera:
    """The camera of a picture: from its EXIF data, else from a field of view along its longer side.

    The optical axis is taken to meet the picture in its middle, which does not hold for a cropped picture.

    Args:
        picture: its size, and its focal length if known.
        fov_deg: field of view where the focal length is not known; 0 leaves the intrinsics out altogether.
        tilt_deg: how far the camera looks down.
    """
    height, width = picture.rgb.shape[:2]
    if not fov_deg:
        return Camera(None, "none: the camera is taken to look straight at each person", tilt_deg)
    if picture.focal_px is not None:
        focal, origin = picture.focal_px, "focal length in the picture's EXIF data"
    else:
        focal = max(height, width) / 2 / math.tan(math.radians(fov_deg) / 2)
        origin = f"assumed field of view of {fov_deg:g} degrees along the longer side"
    return Camera((focal, focal, width / 2, height / 2), origin, tilt_deg)
