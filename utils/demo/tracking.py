"""Following people through a video, and smoothing what is found of them."""

import math
from dataclasses import replace

import numpy as np

from ..keypoints import Joints
from ..keypoints import KeyPoints as Keypoints
from ..skeleton import ROOT

FORGET_S = 0.5
"""A person who is gone for longer comes back under a new number."""
NEAR = 0.35
"""The same person moves by less than this share of the own size from one frame to the next."""
REACTION = 2.0
"""How much faster the filter gets, in Hz, when a point moves by the person's size in a second."""


class OneEuro:
    """Smooths a signal: strongly while it is slow, little while it is fast (Casiez et al. 2012).

    Args:
        seconds: time constant at rest.
        reaction: how much the cut-off, in Hz, grows with speed.
    """

    def __init__(self, seconds: float, reaction: float = REACTION) -> None:
        self.cutoff, self.reaction = 1 / (2 * math.pi * seconds), reaction
        self._value, self._speed, self._time = None, 0.0, 0.0

    def __call__(self, value: np.ndarray, seconds: float) -> np.ndarray:
        """The smoothed value at a time in seconds; times must grow."""
        step = max(seconds - self._time, 1e-3)
        if self._value is None:
            self._value = value
        else:
            speed = (value - self._value) / step
            self._speed = self._speed + self._share(1.0, step) * (speed - self._speed)
            share = self._share(self.cutoff + self.reaction * np.abs(self._speed), step)
            self._value = self._value + share * (value - self._value)
        self._time = seconds
        return self._value

    @staticmethod
    def _share(cutoff, step: float):
        return 1 / (1 + 1 / (2 * math.pi * cutoff * step))


class Track:
    """One person through time.

    Args:
        number: from 1 on.
        smooth_s: time constant of the filters; 0 leaves everything as it is.
        size_px: of the person, when first seen.
    """

    def __init__(self, number: int, smooth_s: float, size_px: float) -> None:
        self.number, self.seen_s, self.root_px = number, 0.0, np.zeros(2)
        self._joints_filter = OneEuro(smooth_s, REACTION / max(size_px, 1.0)) if smooth_s else None
        self._pose_filter = OneEuro(smooth_s) if smooth_s else None

    def follow(self, joints: Joints, seconds: float) -> Joints:
        """The joints of this person at a time, smoothed."""
        self.seen_s, self.root_px = seconds, joints.joints_px[ROOT]
        if self._joints_filter is None:
            return joints
        return replace(joints, joints_px=self._joints_filter(joints.joints_px, seconds))

    def smooth_pose(self, pose: np.ndarray, seconds: float) -> np.ndarray:
        """The 3D pose (17, 3) at a time, smoothed."""
        return pose if self._pose_filter is None else self._pose_filter(pose, seconds)


class Tracker:
    """Gives people the same number from frame to frame.

    Args:
        smooth_s: see `Track`.
    """

    def __init__(self, smooth_s: float = 0.0) -> None:
        self.smooth_s, self._tracks, self._count = smooth_s, [], 0

    def __call__(self, found: list[tuple[Keypoints, Joints]], seconds: float):
        """People of one frame to (track, keypoints, joints), in the order of their numbers."""
        self._tracks = [track for track in self._tracks if seconds - track.seen_s <= FORGET_S]
        free, followed = list(self._tracks), []
        for keypoints, joints in found:
            root_px = joints.joints_px[ROOT]
            track = min(free, key=lambda track: np.linalg.norm(track.root_px - root_px), default=None)
            if track is None or np.linalg.norm(track.root_px - root_px) > NEAR * keypoints.size_px:
                self._count += 1
                track = Track(self._count, self.smooth_s, keypoints.size_px)
                self._tracks.append(track)
            else:
                free.remove(track)
            followed.append((track, keypoints, track.follow(joints, seconds)))
        return sorted(followed, key=lambda entry: entry[0].number)
