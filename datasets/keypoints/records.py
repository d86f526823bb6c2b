"""What every layout of keypoint files is turned into."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from utils.skeleton import SOURCES

from ..files import as_numbers

LARGEST_PX = 1e9
LEAST_SCORE, LARGEST_SCORE = -0.2, 10.0
"""Scores reach 1 and visibilities 2; the peaks of some detectors' heat maps lie a little outside 0 to 1."""
FEW = 0.05
"""A share of strange scores that is damage; more of them are something else, such as depths."""
COUNTS = frozenset(map(len, SOURCES.values()))


@dataclass(frozen=True)
class Record:
    """One person as a file has it, or a whole array of people.

    Attributes:
        values: the points, flat or nested, of 2 or 3 numbers each; nothing is known about them yet.
        scores: one number a point, where they stand apart.
        score: of the person.
        image: name, path or number of the picture.
        size_px: width and height of the picture, where the file tells.
        names: of the points, where the file tells.
        skeleton: the skeleton that the file states.
        usual: skeletons that this layout has, if the number of points fits.
        in_shares: whether this layout has coordinates as shares of the picture, points outside it included.
    """

    values: Any
    scores: Any = None
    score: Any = None
    image: str | int | None = None
    size_px: tuple[float, float] | None = None
    names: tuple[str, ...] | None = None
    skeleton: str | None = None
    usual: tuple[str, ...] = ()
    in_shares: bool = False


@dataclass(frozen=True)
class People:
    """People whose points mean the same.

    Attributes:
        points_px: (N, K, 2), NaN where a point is not seen.
        confidence: (N, K) from 0 to 1; 0 where a point is not seen.
        scores: (N,) of the person, from 0 to 1; 1 where the file tells none.
        images: N names or numbers of pictures, or None.
        sizes_px: (N, 2) width and height of the pictures, NaN where the file does not tell.
        names, skeleton, usual, in_shares: as in `Record`.
    """

    points_px: np.ndarray
    confidence: np.ndarray
    scores: np.ndarray
    images: np.ndarray
    sizes_px: np.ndarray
    names: tuple[str, ...] | None = None
    skeleton: str | None = None
    usual: tuple[str, ...] = ()
    in_shares: bool = False

    def __len__(self) -> int:
        return len(self.points_px)

    def select(self, index: np.ndarray) -> "People":
        """Those of an index or mask (M,)."""
        arrays = ("points_px", "confidence", "scores", "images", "sizes_px")
        return replace(self, **{name: getattr(self, name)[index] for name in arrays})

    def scaled(self, factor: np.ndarray) -> "People":
        """The same with coordinates multiplied by (2,) or (N, 1, 2)."""
        return replace(self, points_px=self.points_px * factor)


def gather(records: Iterable[Record]) -> tuple[list[People], list[str]]:
    """People grouped by what their points mean, and what is wrong with each record that is left out."""
    groups: dict[tuple[Any, ...], list[tuple[np.ndarray, Record]]] = {}
    faults = []
    for record in records:
        try:
            table = points_of(record)
            key = (table.shape[1], record.names, record.skeleton, record.usual, record.in_shares)
            groups.setdefault(key, []).append((table, record))
        except ValueError as error:
            faults.append(str(error))
    return [_people(group) for group in groups.values()], faults


def _people(group: list[tuple[np.ndarray, Record]]) -> People:
    counts, first = [len(table) for table, _ in group], group[0][1]
    points_px, confidence = seen(np.concatenate([table for table, _ in group]))
    scores = np.repeat([_unit(record.score) for _, record in group], counts)
    images = np.repeat(np.array([record.image for _, record in group], object), counts)
    sizes = np.array([record.size_px or (np.nan, np.nan) for _, record in group], float)
    return People(points_px, confidence, scores, images, np.repeat(sizes, counts, axis=0),
                  first.names, first.skeleton, first.usual, first.in_shares)  # fmt: skip


def seen(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, K, 2) and confidences (N, K) of a table (N, K, 3), NaN and 0 where a point is not seen.

    A point is not seen at (0, 0) or (-1, -1), where a number is missing or absurd, and where its score is not above 0.
    """
    points_px, confidence = table[..., :2].astype(np.float64), table[..., 2].clip(0, 1)
    hidden = ~(np.abs(points_px) <= LARGEST_PX).all(axis=-1) | ~(confidence > 0)
    hidden |= (points_px == 0).all(axis=-1) | (points_px == -1).all(axis=-1)
    return np.where(hidden[..., None], np.nan, points_px), np.where(hidden, 0.0, confidence)


def points_of(record: Record) -> np.ndarray:
    """(N, K, 3) x, y and score of a record's points.

    Raises:
        ValueError: if they are not points of 2 or 3 numbers.
    """
    if record.values is None:
        raise ValueError("a record has no points")
    table = as_numbers(_without_holes(record.values), "a record")
    if table.size == 0:
        raise ValueError("a record has no points")
    if table.ndim == 1:
        table = _unflat(table, record)
    elif table.ndim == 2 and table.shape[1] not in (2, 3, 4):
        table = np.stack([_unflat(row, record) for row in table])
    table = table[None] if table.ndim == 2 else table
    if table.ndim != 3 or table.shape[2] not in (2, 3, 4):
        raise ValueError(f"a record has shape {table.shape}; wanted are points of x, y and, if wished, a score")
    if record.names and len(record.names) != table.shape[1]:
        raise ValueError(f"a person has {table.shape[1]} points, but the file names {len(record.names)}")
    return _with_scores(table, record.scores)


def _without_holes(values: Any) -> Any:
    """The same with [None, None] for a point that is None altogether."""
    if not isinstance(values, list) or not any(isinstance(value, list) for value in values):
        return values
    width = max(len(value) for value in values if isinstance(value, list))
    return [[None] * width if value is None else value for value in values]


def _unflat(row: np.ndarray, record: Record) -> np.ndarray:
    """(K, 2 or 3) from x, y, x, y ... or x, y, score, x, y, score ...: no two known skeletons fit both."""
    for width in (2,) if record.scores is not None else (3, 2):
        count = len(row) / width
        if count == len(record.names) if record.names else count in COUNTS:
            return row.reshape(-1, width)
    raise ValueError(f"a person has {len(row)} numbers, which are x, y and score of no known skeleton")


def _with_scores(table: np.ndarray, scores: Any) -> np.ndarray:
    """(N, K, 3): scores from apart, from the third number, from the fourth after a depth, or 1."""
    if scores is not None:
        numbers = as_numbers(scores, "the scores of a record")
        if numbers.size != table.shape[0] * table.shape[1]:
            raise ValueError(f"a person has {table.shape[1]} points, but {numbers.size} scores")
        score = numbers.reshape(table.shape[:2])
    elif table.shape[2] == 2:
        score = np.ones(table.shape[:2])
    else:
        score = table[..., -1]
        strange = (score > LARGEST_SCORE) | ((score < LEAST_SCORE) & (table[..., :2] != -1).any(axis=2))
        if strange.mean() > FEW:
            raise ValueError("the last number of a point is neither a score nor a visibility; give x and y alone")
        score = np.where(strange, 0.0, score)
    return np.dstack([table[..., :2], score])


def size_of(width: Any, height: Any) -> tuple[float, float] | None:
    """A picture's size, if these are sizes."""
    is_size = all(isinstance(side, int | float) and 0 < side < LARGEST_PX for side in (width, height))
    return (float(width), float(height)) if is_size else None


def _unit(score: Any) -> float:
    """A person's score from 0 to 1; AlphaPose's reach above."""
    value = score[0] if isinstance(score, list) and len(score) == 1 else score
    return float(min(max(value, 0), 1)) if isinstance(value, int | float) and value == value else 1.0
