"""Where in a picture people are: the squares that a network looks at, and people who were found twice."""

import numpy as np
from PIL import Image

from utils.keypoints import KeyPoints as Keypoints

CROP_SCALE = 1.25
"""A person's crop is larger by this than the square around the circle of hips and rim (MediaPipe's graph)."""
BODY_POINTS = slice(11, 33)
"""Of BlazePose's points, the first are on the face and say little about a body; those from 33 on are on no body."""
SAME_POINTS = 0.1
"""Mean distance of keypoints, in the person's size, under which two findings are one person."""
SAME_BOX, LESS_SURE = 0.7, 0.8
"""So are findings of which one lies in the other's box by this share and is less sure by this factor."""


def whole_window(image: np.ndarray) -> np.ndarray:
    """The square (left, top, side) around a picture."""
    height, width = image.shape[:2]
    side = max(height, width)
    return np.array([(width - side) / 2, (height - side) / 2, side])


def near_windows(image: np.ndarray) -> list[np.ndarray]:
    """Squares (left, top, side) of half the picture's longer side that cover it, each half over the next."""
    height, width = image.shape[:2]
    side = max(height, width) / 2
    lefts, tops = (np.unique(np.linspace(0, max(length - side, 0), 3)) for length in (width, height))
    return [np.array([left, top, side]) for top in tops for left in lefts]


def crop_matrix(hips_px: np.ndarray, rim_px: np.ndarray, size: int) -> np.ndarray:
    """(2, 3) affine from a crop of `size` pixels a side to the image: the person upright, hips in the middle."""
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


def reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """The picture at 1 / factor of its size, each pixel a mean."""
    return np.asarray(Image.fromarray(image).reduce(factor))


def sureness(person: Keypoints) -> float:
    """How far to trust a person's keypoints: the median confidence of the body's, if there is a person at all."""
    return person.score * float(np.median(person.confidence[BODY_POINTS]))


def distinct(people: list[Keypoints]) -> list[Keypoints]:
    """The people without those that are another one again, the surest first."""
    kept: list[Keypoints] = []
    for person in sorted(people, key=sureness, reverse=True):
        if not any(is_same(person, other) for other in kept):
            kept.append(person)
    return kept


def is_same(person: Keypoints, surer: Keypoints) -> bool:
    """Whether a person is a surer one again: the same points, or much less sure points within the same box."""
    away = np.linalg.norm(person.points_px - surer.points_px, axis=1).mean() / surer.size_px
    low, high = (np.stack([edge(one.points_px, axis=0) for one in (person, surer)]) for edge in (np.min, np.max))
    shared = (high.min(axis=0) - low.max(axis=0)).clip(min=0).prod() / max((high - low).prod(axis=1).min(), 1e-9)
    return away < SAME_POINTS or (shared > SAME_BOX and sureness(person) < LESS_SURE * sureness(surer))
