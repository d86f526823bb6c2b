"""What was lifted of one person, as a motion in even steps of time: the one thing that all formats are written from."""

from dataclasses import dataclass, field

import numpy as np

from .body import equalise
from .rig import Rig, fit_rig

TO_Y_UP = np.array([1.0, -1.0, -1.0])
"""From the camera's axes (y down, z away from it) half a turn about x: who faces the camera faces +Z."""
SEEN_WITHIN = 0.75
"""A joint counts as seen at a time when it was seen at one no further than this, in frames."""


@dataclass
class Track:
    """What was lifted of one person, frame by frame: times in seconds, poses (17, 3), and joints left out (17,)."""

    seconds: list[float] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    left_out: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Motion:
    """A person who moves.

    Attributes:
        rate: frames a second.
        seconds: (T,) times, the first of which is when the person came.
        seen: (T, 17) bool; joints that are not are supposed or, where the person was lost, between before and after.
        rig: the skeleton, and the joints that it follows, in metres.
    """

    rate: float
    seconds: np.ndarray
    seen: np.ndarray
    rig: Rig


def motion_of(track: Track, rate: float, height_m: float) -> Motion:
    """The motion of a track, with poses between its frames where these do not come evenly.

    Args:
        track: at least one frame.
        rate: frames a second of the result.
        height_m: of the person.
    """
    times = np.array(track.seconds)
    joints = equalise(np.stack(track.poses).astype(float) * TO_Y_UP)
    seconds = times[0] + np.arange(round((times[-1] - times[0]) * rate) + 1) / rate
    after = np.searchsorted(times, seconds).clip(1, max(len(times) - 1, 1))
    before, after = after - 1, np.minimum(after, len(times) - 1)
    way = ((seconds - times[before]) / np.maximum(times[after] - times[before], 1e-9)).clip(0, 1)
    nearest = np.where(way < 0.5, before, after)
    near = np.abs(times[nearest] - seconds) * rate <= SEEN_WITHIN
    seen = ~np.stack(track.left_out)[nearest] & near[:, None]
    between = joints[before] + way[:, None, None] * (joints[after] - joints[before])
    return Motion(rate, seconds, seen, fit_rig(between, height_m))
