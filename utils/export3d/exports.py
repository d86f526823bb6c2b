"""Files for animation programs and for science: one a person and format, of a picture or of a whole video."""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np

from ..demo.registry import EXPORTS
from ..skeleton import JOINTS
from .motion import Motion, Track, motion_of
from .placing import rays_of

if TYPE_CHECKING:
    from ..demo.people import Scene

WRITERS = {suffix: resolve_name(f"{__package__}.{writer}") for suffix, writer in EXPORTS.items()}


class Exports:
    """Gathers what is lifted and writes it at the end.

    Args:
        formats: some of `WRITERS`.
        height_m: of every person.
    """

    def __init__(self, formats: Sequence[str], height_m: float) -> None:
        self.formats, self.height_m = formats, height_m
        self._tracks: dict[int, Track] = {}
        self._said: list[str] = []

    def start(self, folder: Path, rate: float) -> None:
        """Begins a video of so many frames a second, or a picture."""
        self._folder, self._rate = folder, rate

    def add(self, seconds: float, look: Any, scene: "Scene", numbers: Sequence[int]) -> None:
        """Takes the people of a picture or frame, each with the number that follows them; `look` is not used."""
        intrinsics_px = scene.camera.intrinsics_px
        for number, person in zip(numbers, scene.people, strict=True):
            track = self._tracks.setdefault(number, Track())
            track.seconds.append(seconds)
            track.poses.append(np.asarray(person.pose, np.float32))
            track.left_out.append(person.seen.left_out)
            if intrinsics_px is not None:
                track.rays.append(rays_of(person.joints.joints_px, intrinsics_px, scene.camera.tilt_deg))

    def finish(self) -> None:
        """Writes pose.bvh and so on for the first person, person2_pose.bvh for the second.

        The origin of all is under the hips of the first one in the first frame.
        """
        tracks = sorted(self._tracks.items())
        motions = {number: motion_of(track, self._rate, self.height_m) for number, track in tracks}
        origin = next(iter(motions.values())).rig.hips_m[0] * [1, 0, 1]
        for number, motion in motions.items():
            motion, prefix = motion.moved(-origin), f"person{number}_" if number > 1 else ""
            names = [f"{prefix}pose.{suffix}" for suffix in self.formats]
            for suffix, name in zip(self.formats, names, strict=True):
                WRITERS[suffix](self._folder / name, motion)
            self._said.append(f"person {number}: {', '.join(names)} ({about(motion)})")

    def summary(self) -> str:
        """What was written, in lines."""
        scale = f"people are taken to be {self.height_m:g} m tall (--height_m)"
        return "\n".join([*self._said, scale])


def about(motion: Motion) -> str:
    """Length, error and suppositions of a motion, in words."""
    count = len(motion.seconds)
    length = f"{count} frames from {motion.seconds[0]:.2f} s on, " if count > 1 else ""
    never = [name for number, name in enumerate(JOINTS) if not motion.seen[:, number].any()]
    supposed = f"; never seen, and supposed: {', '.join(never)}" if never else ""
    error = f"the skeleton is {motion.rig.error_percent:.1f} % of the mean root distance off the lifted joints"
    return f"{length}{error}{supposed}"
