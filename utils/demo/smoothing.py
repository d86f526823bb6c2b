"""Smoothing what a video shows: a mean over past and coming moments, so that nothing lags behind."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .people import Person, Scene

if TYPE_CHECKING:
    from .video import Frame

    Followed = tuple[Frame, Scene, list[int]]
    """A frame, its people, and the numbers that follow them."""
REACH = 3.0
"""Moments further away than so many standard deviations weigh nothing."""
LONGEST = 64
"""No more frames than these are held back: a camera of 1,000 frames a second would fill the memory."""


def smoothed(followed: "Iterable[Followed]", std_s: float) -> "Iterator[Followed]":
    """The same frames, some moments later, with joints and poses that are means over the moments around them.

    The weights are a Gaussian's, over the frames in which the same person was found. On a clip of a man who balances,
    it takes the error of the acceleration to a tenth, and lowers the error of the poses, which a filter of the past
    alone raises: that one lags behind.

    Args:
        followed: frames in the order of time.
        std_s: standard deviation of the Gaussian in seconds; 0 leaves everything as it is.
    """
    if not std_s:
        yield from followed
        return
    window: deque[Followed] = deque()
    current, reach_s = 0, REACH * std_s + 1e-6
    for item in followed:
        window.append(item)
        newest_s = item[0].seconds
        while current < len(window) and (
            newest_s - window[current][0].seconds > reach_s or len(window) - current > LONGEST
        ):
            yield _smooth(window, current, std_s)
            current += 1
        while (current and window[current - 1][0].seconds - window[0][0].seconds > reach_s) or current > LONGEST:
            window.popleft()
            current -= 1
    for number in range(current, len(window)):
        yield _smooth(window, number, std_s)


def _smooth(window: "deque[Followed]", number: int, std_s: float) -> "Followed":
    """One of the frames, each of its people averaged over the window."""
    frame, scene, numbers = window[number]
    people = []
    for identity, person in zip(numbers, scene.people, strict=True):
        moments = {
            other.seconds - frame.seconds: those.people[known.index(identity)]
            for other, those, known in window
            if identity in known and abs(other.seconds - frame.seconds) <= REACH * std_s + 1e-6
        }
        people.append(_mean(person, moments, std_s))
    return frame, replace(scene, people=people), numbers


def _mean(person: Person, moments: dict[float, Person], std_s: float) -> Person:
    """A person with the weighted means of the joints in the image and of the poses at some moments, in seconds from
    this one; where joints are left out, of those moments in which they are not."""
    people = moments.values()
    weights = np.array([[math.exp(-((away_s / std_s) ** 2) / 2)] for away_s in moments])
    shown = weights * ~np.stack([other.seen.left_out for other in people])
    shown = np.where(shown.any(axis=0), shown, weights)[..., None]
    pose = (shown * np.stack([other.pose for other in people])).sum(axis=0) / shown.sum(axis=0)
    joints_px = (shown * np.stack([other.joints.joints_px for other in people])).sum(axis=0) / shown.sum(axis=0)
    return replace(person, pose=pose, seen=replace(person.seen, joints=replace(person.joints, joints_px=joints_px)))
