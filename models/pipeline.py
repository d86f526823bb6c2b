"""From a picture to the 3D poses of the people in it: keypoints, 17 joints, camera, lift."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from utils.demo.images import Picture
from utils.demo.people import Camera, Person, camera_of
from utils.demo.tracking import Tracker
from utils.geometry import rotate, rotation_x
from utils.keypoints import Joints
from utils.keypoints import KeyPoints as Keypoints

from .lifter import Lifter


class PosePipeline:
    """Lifts the people of one picture after another.

    Args:
        lifter: from `models.load_lifter`.
        detector: picture (height, width, 3) to keypoints, largest person first; see `models.detectors.loading`.
        thr: keypoints with a lower confidence count as not seen.
        people: how many to lift at most; the largest come first.
        fov: assumed field of view in degrees where the file tells no focal length; 0 leaves intrinsics out.
        tilt: degrees by which the camera looks down.
    """

    def __init__(
        self,
        lifter: Lifter,
        detector: Callable[[np.ndarray], list[Keypoints]],
        thr: float = 0.1,
        people: int = 5,
        fov: float = 55.0,
        tilt: float = 0.0,
    ) -> None:
        self.lifter, self.detector = lifter, detector
        self.thr, self.people, self.fov, self.tilt = thr, people, fov, tilt

    def __call__(self, picture: Picture) -> tuple[list[Person], Camera]:
        """The people of a picture and its camera.

        Raises:
            ValueError: one sentence, if nobody is found or nobody is seen well enough.
        """
        camera = camera_of(picture, self.fov, self.tilt)
        return self.lift(self.find(picture.rgb), camera), camera

    def follow(self, picture: Picture, seconds: float, tracker: Tracker) -> tuple[list[tuple[int, Person]], Camera]:
        """The people of a video's frame, each with a number that stays, and the camera. Nobody is no error here."""
        camera = camera_of(picture, self.fov, self.tilt)
        try:
            followed = tracker(self.find(picture.rgb), seconds)
        except ValueError:
            return [], camera
        people = self.lift([(keypoints, joints) for _, keypoints, joints in followed], camera)
        tracks = [track for track, _, _ in followed]
        return [
            (track.number, replace(person, pose=track.smooth_pose(person.pose, seconds)))
            for track, person in zip(tracks, people, strict=True)
        ], camera

    def find(self, rgb: np.ndarray) -> list[tuple[Keypoints, Joints]]:
        """The people of a picture (height, width, 3) in 2D. Raises as `__call__` does."""
        found, unseen = [], None
        for keypoints in self.detector(rgb):
            try:
                found.append((keypoints, keypoints.to_joints(self.thr)))
            except ValueError as error:
                unseen = unseen or error
        if not found:
            raise unseen or ValueError("no person was found; the picture must show one from head to feet")
        return found[: self.people]

    def lift(self, found: list[tuple[Keypoints, Joints]], camera: Camera) -> list[Person]:
        """Lifts people that were found, all at once."""
        poses = self.lifter.lift(np.stack([joints.joints_px for _, joints in found]), camera.intrinsics_px)
        level = rotation_x(torch.tensor(-math.radians(camera.tilt_deg)))
        upright = rotate(poses.cpu(), level.expand(len(poses), 3, 3)).numpy()
        return [Person(*pair, pose) for pair, pose in zip(found, upright, strict=True)]
