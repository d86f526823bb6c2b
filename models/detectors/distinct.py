"""One finding a person: a detector that looks more than once may find somebody twice."""

import numpy as np

from utils.keypoints import KeyPoints

BODY_POINTS = slice(11, 33)
"""Of BlazePose's points, the first are on the face and say little about a body; those from 33 on are on no body."""
SAME_POINTS = 0.1
"""Mean distance of key points, in the person's size, under which two findings are one person."""
SAME_BOX, LESS_SURE = 0.7, 0.8
"""So are findings of which one lies in the other's box by this share and is less sure by this factor."""


def sureness(person: KeyPoints) -> float:
    """How far to trust a person's key points: the median confidence of the body's, if there is a person at all."""
    return person.score * float(np.median(person.confidence[BODY_POINTS]))


def distinct(people: list[KeyPoints]) -> list[KeyPoints]:
    """The people without those that are another one again, the surest first."""
    kept: list[KeyPoints] = []
    for person in sorted(people, key=sureness, reverse=True):
        if not any(is_same(person, other) for other in kept):
            kept.append(person)
    return kept


def is_same(person: KeyPoints, surer: KeyPoints) -> bool:
    """Whether a person is a surer one again: the same points, or much less sure points within the same box."""
    away = np.linalg.norm(person.points_px - surer.points_px, axis=1).mean() / surer.size_px
    low, high = (np.stack([edge(one.points_px, axis=0) for one in (person, surer)]) for edge in (np.min, np.max))
    shared = (high.min(axis=0) - low.max(axis=0)).clip(min=0).prod() / max((high - low).prod(axis=1).min(), 1e-9)
    return away < SAME_POINTS or (shared > SAME_BOX and sureness(person) < LESS_SURE * sureness(surer))
