"""From a picture to the 3D poses of the people in it: keypoints, 17 joints, camera, lift."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from utils.demo.images import Picture
from utils.demo.people import Camera, Person, Scene, SeenPerson, camera_of
from utils.demo.tracking import Tracker
from utils.demo.upper_body import see
from utils.geometry import rotate, rotation_x
from utils.keypoints import Keypoints

from .lifter import Lifter

if TYPE_CHECKING:
    # Pictures need no package that reads videos.
    from utils.demo.video import Frame


class PosePipeline:
    """Lifts the people of one picture after another.

    Args:
        detector: picture (height, width, 3) to keypoints, largest person first; see `models.detectors.loading`.
        thr, people, fov, tilt: see `utils.demo.options`.
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

    def __call__(self, picture: Picture) -> Scene:
        """The people of a picture.

        Raises:
            ValueError: one sentence, if nobody is found or nobody is seen well enough.
        """
        found = self.detector(picture.rgb)
        if not found:
            raise ValueError("no person was found; show one person at least, from the shoulders up or more")
        camera = camera_of(picture, self.fov, self.tilt)
        return Scene(self.lift(self.see(found), camera), camera, len(found))

    def follow(self, frames: "Iterable[Frame]", tracker: Tracker) -> "Iterator[tuple[Frame, Scene, list[int]]]":
        """The people of a video, frame by frame, each with a number that stays. Frames without people are no error."""
        torch.set_num_threads(1)  # counts for the thread that this runs in
        look = getattr(self.detector, "follow", lambda rgb, seconds: self.detector(rgb))
        getattr(self.detector, "forget", lambda: None)()
        for frame in frames:
            picture = frame.picture()
            camera = camera_of(picture, self.fov, self.tilt)
            small = look(picture.rgb, frame.seconds)
            # Pixels of a picture lie half a pixel further than their numbers say.
            found = [replace(one, points_px=(one.points_px + 0.5) * picture.scale - 0.5) for one in small]
            tracks, seen = tracker(self.see(found, strict=False), frame.seconds)
            yield frame, Scene(self.lift(seen, camera), camera, len(found)), [track.number for track in tracks]

    def see(self, found: list[Keypoints], strict: bool = True) -> list[SeenPerson]:
        """Those of some people who are seen well enough to be lifted, at most as many as asked for.

        Raises:
            ValueError: if `strict` and there are none, about the first of the others.
        """
        people, refusals = [], []
        for keypoints in found:
            try:
                people.append(see(keypoints, self.thr))
            except ValueError as error:
                refusals.append(error)
        if strict and not people:
            raise refusals[0]
        return people[: self.people]

    def lift(self, people: list[SeenPerson], camera: Camera) -> list[Person]:
        """Lifts people that were found, all at once."""
        if not people:
            return []
        poses, radii = self.lifter.lift_with_uncertainty(
            np.stack([person.joints.joints_px for person in people]),
            camera.intrinsics_px,
            np.stack([person.trust() for person in people]),
        )
        level = rotation_x(torch.tensor(-math.radians(camera.tilt_deg)))
        upright = rotate(poses.cpu(), level.expand(len(poses), 3, 3)).numpy()
        uncertainty = [None] * len(people) if radii is None else radii.cpu().numpy()
        return [Person(*parts) for parts in zip(people, upright, uncertainty, strict=True)]
