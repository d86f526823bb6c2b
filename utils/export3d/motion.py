"""What was lifted of one person, as a motion in even steps of time: the one thing that all formats are written from."""

from dataclasses import dataclass, field, replace

import numpy as np

from ..skeleton import ROOT
from .body import equalise
from .placing import TO_Y_UP, hips_seen
from .rig import Rig, fit_rig
from .turns import unit

SEEN_WITHIN = 0.75
"""A joint counts as seen at a time when it was seen at one no further than this, in frames."""


@dataclass
class Track:
    """What was lifted of one person, frame by frame.

    Attributes:
        seconds: times.
        poses: (17, 3) in the camera's axes.
        left_out: (17,) bool, joints that are supposed.
        rays: (17, 3) from the camera to the joints, Y up (`placing.rays_of`); empty where these are not known.
    """

    seconds: list[float] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    left_out: list[np.ndarray] = field(default_factory=list)
    rays: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Motion:
    """A person who moves.

    Attributes:
        rate: frames a second.
        seconds: (T,) times, the first of which is when the person came.
        seen: (T, 17) bool; joints that are not are supposed or, where the person was lost, between before and after.
        rig: the skeleton, and the joints that it follows, in metres. The floor is Y = 0; the camera stands over the
            origin or, where the rays are not known, the person does.
    """

    rate: float
    seconds: np.ndarray
    seen: np.ndarray
    rig: Rig

    def moved(self, shift_m: np.ndarray) -> "Motion":
        """The same motion elsewhere: shifted by (3,), or by (T, 3) frame by frame."""
        joints_m = self.rig.joints_m + np.broadcast_to(shift_m, self.rig.hips_m.shape)[:, None]
        return replace(self, rig=replace(self.rig, hips_m=self.rig.hips_m + shift_m, joints_m=joints_m))


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
    known = ~np.stack(track.left_out)[nearest]

    def between(values: np.ndarray) -> np.ndarray:
        return values[before] + way[:, None, None] * (values[after] - values[before])

    motion = Motion(rate, seconds, known & near[:, None], fit_rig(between(joints), height_m))
    if not track.rays:
        return motion
    joints_m = motion.rig.joints_m
    hips = hips_seen(joints_m - joints_m[:, ROOT : ROOT + 1], unit(between(np.stack(track.rays))), known, rate)
    return motion.moved(hips * [1, 0, 1])
