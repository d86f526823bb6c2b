"""From OpenPose's maps to people (Cao et al. 2017): peaks of heat maps, joined along part affinity fields."""

from collections.abc import Sequence

import numpy as np

SAMPLES = 10
"""Points along a limb at which its field is read."""
FIELD_VALUE, FIELD_SHARE = 0.05, 0.8
"""A limb exists where at least this fraction of its points has at least this field along it (section 2.3)."""
FEWEST_POINTS = 4

Limb = tuple[str, str, int]
"""Names of the two parts, and the channel of the field's x; its y is the next one."""


def find_peaks(heat: np.ndarray, thr: float) -> list[np.ndarray]:
    """Local maxima of heat maps (parts, height, width) at or above `thr`; for each part (N, 3): x, y, value."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    height, width = heat.shape[1:]
    highest = heat >= thr
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        # Greater than one neighbour and not smaller than its opposite: of a plateau, one point remains.
        highest &= heat > padded[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        highest &= heat >= padded[:, 1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
    places = [np.nonzero(part) for part in highest]
    return [np.stack([x, y, part[y, x]], axis=-1) for part, (y, x) in zip(heat, places, strict=True)]


def join_limb(starts: np.ndarray, ends: np.ndarray, field: np.ndarray) -> dict[int, int]:
    """Which end belongs to which start, each in one pair at most; the limb with the best mean field comes first.

    Args:
        starts, ends: (N, 3) and (M, 3) peaks of its two parts.
        field: (2, height, width), x and y.
    """
    candidates = []
    for i, start in enumerate(starts):
        for j, end in enumerate(ends):
            along = end[:2] - start[:2]
            length = max(np.linalg.norm(along), 1e-6)
            x, y = np.rint(np.linspace(start[:2], end[:2], SAMPLES)).astype(int).T
            values = along @ field[:, y, x] / length
            if (values > FIELD_VALUE).mean() >= FIELD_SHARE:
                candidates.append((float(values.mean()), i, j))
    joined: dict[int, int] = {}
    for _, i, j in sorted(candidates, reverse=True):
        if i not in joined and j not in joined.values():
            joined[i] = j
    return joined


def group_people(maps: np.ndarray, names: Sequence[str], limbs: Sequence[Limb], thr: float) -> np.ndarray:
    """People in a network's output.

    Args:
        maps: (channels, height, width): a heat map a part, the background, then the fields.
        names: of the parts.
        thr: lowest value of a peak.

    Returns:
        (people, parts, 3): x and y in the maps' pixels and the value; value 0 for parts not found.
    """
    peaks = find_peaks(maps[: len(names)], thr)
    people: list[dict[int, int]] = []
    for first, second, channel in limbs:
        start, end = names.index(first), names.index(second)
        for i, j in join_limb(peaks[start], peaks[end], maps[channel : channel + 2]).items():
            add_limb(people, {start: i, end: j})
    people = [person for person in people if len(person) >= FEWEST_POINTS]
    found = np.zeros((len(people), len(names), 3))
    for points, person in zip(found, people, strict=True):
        for part, number in person.items():
            points[part] = peaks[part][number]
    return found


def add_limb(people: list[dict[int, int]], limb: dict[int, int]) -> None:
    """Adds a limb {part: peak, part: peak} to those it fractions a peak with and nothing contradicts, in place."""
    touching = [
        person for person in people
        if person.items() & limb.items() and all(person.get(part, peak) == peak for part, peak in limb.items())
    ]  # fmt: skip
    if len(touching) == 2 and touching[0].keys() & touching[1].keys() - limb.keys():
        touching = touching[:1]
    for person in touching:
        limb = person | limb
        people.remove(person)
    people.append(limb)
