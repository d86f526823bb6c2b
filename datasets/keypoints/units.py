"""Units and axes: coordinates that are shares of the picture, y up, points outside the picture."""

import numpy as np

from utils.messages import print_note
from utils.skeleton import SOURCES

from .records import People

LARGEST_SHARE = 2.0
"""People whose coordinates all stay below are measured in shares of something: nobody is two pixels large."""
MARGIN = 0.05
LEAST_SHARE = -1.0
"""In layouts that have shares, points may be guessed as far outside the picture as this and `LARGEST_SHARE`."""
AT_ORIGIN = 0.02
"""Hips nearer to (0, 0) are its origin: MediaPipe's world landmarks, in metres."""
SAME_SHAPE = 0.02
FAR = 0.25
"""Points further outside than this share of the picture's longer side are far."""
MANY = 10
"""So many people upside down are no acrobats."""
NEARLY_ALL = 0.9
"""So large a share of people whose face is seen do not turn their backs."""


def in_pixels(people: People, size_px: tuple[float, float] | None, where: str) -> People:
    """The people in the picture's pixels.

    Args:
        people: as they are in the file.
        size_px: width and height of the picture; None if they are of many pictures.
        where: the file.

    Raises:
        ValueError: one sentence, if the unit cannot be known.
    """
    sizes = people.sizes_px if size_px is None else np.broadcast_to(size_px, people.sizes_px.shape)
    seen = people.points_px[np.isfinite(people.points_px).all(axis=2)]
    if len(seen) and np.abs(seen).max() <= LARGEST_SHARE:
        return _from_shares(people, seen, sizes, where)
    if size_px is None or not len(people):
        return people
    stated = people.sizes_px[0]
    if np.isfinite(stated).all() and not np.array_equal(stated, size_px):
        factor = np.divide(size_px, stated)
        said, real = (f"{width:g} x {height:g}" for width, height in (stated, size_px))
        shown = f"{where} is about a picture of {said} pixels, not {real}"
        if abs(factor[0] / factor[1] - 1) > SAME_SHAPE:
            print_note(f"{shown}; is it the same picture?")
            return people
        print_note(f"{shown}; its points are scaled by {factor[0]:.4g}")
        return people.scaled(factor)
    return people


def _from_shares(people: People, seen: np.ndarray, sizes: np.ndarray, where: str) -> People:
    hips = np.abs(_of(people, "left_hip", "right_hip"))
    stated = people.in_shares and seen.min() >= LEAST_SHARE and not np.all(hips < AT_ORIGIN)
    if not stated and (seen.min() < -MARGIN or seen.max() > 1 + MARGIN):
        raise ValueError(f"{where}: coordinates from {seen.min():.3g} to {seen.max():.3g} are no pixels; give pixels")
    if not np.isfinite(sizes).all():
        raise ValueError(f"{where}: coordinates from 0 to 1 need the picture's size; give pixels")
    print_note(f"{where}: coordinates from 0 to 1 are taken for shares of the picture's width and height")
    return people.scaled(sizes[:, None])


def check_axes(people: People, where: str) -> None:
    """Looks whether y points down.

    Raises:
        ValueError: one sentence, if it points up.
    """
    y = people.points_px[..., 1]
    if np.isfinite(y).any() and np.nanmedian(y) < 0 and np.nanmax(y) <= 0:
        raise ValueError(f"{where}: all y are negative, so y points up; give y down from the picture's upper edge")
    upside_down = _is_upside_down(people)
    mirrored = upside_down & _is_mirrored(people)
    if len(people) and (mirrored.mean() > 0.5 or (len(people) >= MANY and upside_down.mean() > 0.5)):
        raise ValueError(f"{where}: the people stand on their heads, so y points up; give y down from the upper edge")
    turned = _is_mirrored(people)[_face_is_seen(people)]
    if len(turned) >= MANY and turned.mean() > NEARLY_ALL:
        print_note(f"{where}: {turned.mean():.0%} of the people whose face is seen have their left on the left of the "
                   "picture; are left and right swapped?")  # fmt: skip
    if len(people) and upside_down.mean() > 0.5:
        print_note(f"{where}: the people stand on their heads; if they do not in the picture, y must point down")


def _of(people: People, *names: str) -> np.ndarray:
    """(N, 2) the mean of points by name, NaN where one is not seen or the skeleton has no such point."""
    points = SOURCES[people.skeleton or ""]
    if not set(names) <= set(points):
        return np.full((len(people), 2), np.nan)
    return people.points_px[:, [points.index(name) for name in names]].mean(axis=1)


def _is_upside_down(people: People) -> np.ndarray:
    """(N,) whether the hips are above the shoulders and the feet above the hips."""
    end = "foot" if "left_foot" in SOURCES[people.skeleton or ""] else "ankle"
    shoulders, hips, feet = (_of(people, f"left_{name}", f"right_{name}")[:, 1] for name in ("shoulder", "hip", end))
    return (hips < shoulders) & (feet < hips)


def _face_is_seen(people: People) -> np.ndarray:
    """(N,) whether nose and eyes are seen."""
    return np.isfinite(_of(people, "nose", "left_eye", "right_eye")).all(axis=1)


def _is_mirrored(people: People) -> np.ndarray:
    """(N,) whether people whose face is seen have their left where their right should be, whichever way up they are."""
    up = _of(people, "left_shoulder", "right_shoulder") - _of(people, "left_hip", "right_hip")
    left = _of(people, "left_shoulder") - _of(people, "right_shoulder")
    return _face_is_seen(people) & (up[:, 0] * left[:, 1] - up[:, 1] * left[:, 0] < 0)


def check_inside(people: People, size_px: tuple[float, float], where: str) -> None:
    """Warns where people's points lie far outside the picture."""
    far = FAR * max(size_px)
    with np.errstate(invalid="ignore"):
        outside = ((people.points_px < -far) | (people.points_px > np.add(size_px, far))).any(axis=2)
    if outside.any():
        size = f"{size_px[0]:g} x {size_px[1]:g} pixels"
        print_note(f"{where}: {outside.sum()} points lie far outside the picture of {size}; are they of this picture "
                   "and in its pixels?")  # fmt: skip
