"""Where people are: squares that a network looks at, how they are cut out, and who was found twice."""

import functools

import numpy as np
from PIL import Image

from utils.keypoints import Keypoints
from utils.skeleton import SOURCES, mirrored_name

CROP_SCALE = 1.25
"""A person's crop is larger by this than the square around the circle of hips and rim (MediaPipe's graph)."""
LARGEST_SIDE = 1280
"""Larger pictures are reduced by a whole factor, so that bilinear sampling does not alias."""
OVER_THE_EDGE = 0.25
"""Small windows reach over the picture's edge by this fraction of their side: the detector likes people centred."""
SUREST_POINTS, ALIKE = 12, 0.65
"""Likeness is judged by so many points. On photos without people, a cat among them, it stayed below 0.61; of people
seen from the waist up it was 0.75 or more, of whole people 0.9."""
SAME_POINTS = 0.1
"""Mean distance of keypoints, in the person's size, under which two findings are one person."""
SAME_BOX, LESS_SURE = 0.7, 0.8
"""So are findings of which one lies in the other's box by this fraction and is less sure by this factor."""
BODY_POINTS = slice(11, 33)
"""Of BlazePose's points, the first are on the face and say little about a body."""


def windows(image: np.ndarray, fraction: float) -> list[np.ndarray]:
    """Squares (left, top, side) that cover a picture, each half over the next.

    Their side is a fraction of the picture's longer one; 1 gives one square around all of it.
    """
    height, width = image.shape[:2]
    side = max(height, width) * fraction

    def starts(length: int) -> np.ndarray:
        if length <= side:
            return np.array([(length - side) / 2])
        first, last = -OVER_THE_EDGE * side, length - (1 - OVER_THE_EDGE) * side
        return np.linspace(first, last, int(np.ceil((last - first) / (side / 2))) + 1)

    return [np.array([left, top, side]) for top in starts(height) for left in starts(width)]


def crop_matrix(circle_px: np.ndarray, size: int) -> np.ndarray:
    """(2, 3) affine from a crop of `size` pixels a side to the image: the person upright, hips in the middle.

    A person's circle (2, 2) is the middle of the hips and a point of its rim.
    """
    hips_px, rim_px = circle_px
    up = rim_px - hips_px
    pixel = 2 * CROP_SCALE * np.linalg.norm(up) / size
    down = -up / max(np.linalg.norm(up), 1e-9) * pixel
    linear = np.array([[down[1], down[0]], [-down[0], down[1]]])
    return np.column_stack([linear, hips_px - linear @ np.full(2, size / 2)])


def sample(image: np.ndarray, matrix: np.ndarray, size: int, repeat_border: bool = True) -> np.ndarray:
    """(size, size, 3) float32 picture whose pixel p is the image at `matrix` p, bilinear; black outside if asked."""
    height, width = image.shape[:2]
    steps = np.arange(size, dtype=np.float32)
    x, y = (row[0] * steps[None] + row[1] * steps[:, None] + row[2] for row in matrix.astype(np.float32))
    left, top = np.floor(x), np.floor(y)
    share_x, share_y = (x - left)[..., None], (y - top)[..., None]
    columns, rows = ([(low + step).clip(0, end - 1).astype(np.intp) for step in (0, 1)]
                     for low, end in ((left, width), (top, height)))  # fmt: skip
    flat = np.ascontiguousarray(image).reshape(-1, 3)
    corners = [[flat.take(row * width + column, axis=0) for column in columns] for row in rows]
    upper, lower = (first + (second.astype(np.float32) - first) * share_x for first, second in corners)
    pixels = upper + (lower - upper) * share_y
    if not repeat_border:
        pixels[(x < 0) | (y < 0) | (x > width - 1) | (y > height - 1)] = 0
    return pixels


def within_limit(image: np.ndarray) -> tuple[np.ndarray, int]:
    """The image with no side over the limit, and by how much its sides were divided."""
    shrink = -(-max(image.shape[:2]) // LARGEST_SIDE)
    return (image if shrink == 1 else np.asarray(Image.fromarray(image).reduce(shrink))), shrink


def likeness(person: Keypoints) -> float:
    """How much a finding is like a person, 0 to 1: by its surest points, so that half a person can be one."""
    return person.score * float(np.sort(person.confidence)[-SUREST_POINTS:].mean())


def sureness(person: Keypoints) -> float:
    """How far to trust all of a person's keypoints: the median confidence of the body's, if there is a person."""
    return person.score * float(np.median(person.confidence[BODY_POINTS]))


def distinct(people: list[Keypoints]) -> list[Keypoints]:
    """The people without those that are another one again: of these the first stays, or one that is much surer."""
    kept: list[Keypoints] = []
    for person in people:
        same = [other for other in kept if is_same(person, other)]
        if all(LESS_SURE * sureness(person) > sureness(other) for other in same):
            kept = [other for other in kept if not any(other is one for one in same)] + [person]
    return kept


@functools.cache
def mirrored(source: str) -> list[int]:
    """For each point of a skeleton, the number of the one on the other side."""
    return [SOURCES[source].index(mirrored_name(name)) for name in SOURCES[source]]


def is_same(one: Keypoints, other: Keypoints) -> bool:
    """Whether two findings are one person: the same points, or much less sure points within the other's box."""
    unsure, sure = sorted((one, other), key=sureness)
    trust = one.confidence * other.confidence + 1e-9
    # A network may take left for right, in the whole body or in the legs alone.
    apart = np.minimum(*(np.linalg.norm(points - sure.points_px, axis=1)
                         for points in (unsure.points_px, unsure.points_px[mirrored(one.source)])))  # fmt: skip
    away = np.average(apart, weights=trust) / max(sure.size_px, 1e-9)
    low, high = (np.stack([edge(each.points_px, axis=0) for each in (one, other)]) for edge in (np.min, np.max))
    shared = (high.min(axis=0) - low.max(axis=0)).clip(min=0).prod() / max((high - low).prod(axis=1).min(), 1e-9)
    return away < SAME_POINTS or (shared > SAME_BOX and sureness(unsure) < LESS_SURE * sureness(sure))
