"""Squares cut out of pictures for a network: where, and how they are sampled."""

import numpy as np
from PIL import Image

CROP_SCALE = 1.25
"""A person's crop is larger by this than the square around the circle of hips and rim (MediaPipe's graph)."""


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
