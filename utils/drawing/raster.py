"""Round lines and shaded limbs on NumPy pictures: what the drawings of poses are made of."""

import numpy as np

LIGHT = np.array([-0.45, -0.72, -0.53], dtype=np.float32)
"""Towards the light: from the upper left, on the viewer's side (x right, y down, z away from the viewer)."""
AMBIENT, DIFFUSE, GLOSS = 0.62, 0.50, 0.30


def nearest_on_segment(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray):
    """Where along a segment each point is nearest, 0 to 1, and the offset in x and y from there.

    The shapes of x and y broadcast; they may be a row and a column of a grid.
    """
    along_x, along_y = (end - start).tolist()
    away_x, away_y = x - float(start[0]), y - float(start[1])
    fraction = np.clip((away_x * along_x + away_y * along_y) / max(along_x**2 + along_y**2, 1e-12), 0, 1)
    return fraction, away_x - fraction * along_x, away_y - fraction * along_y


def blend_lines(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, strokes) -> None:
    """Draws smooth lines with round ends over each other into `canvas` (height, width, 3) uint8, in place.

    The strokes are radius in pixels, colour and opacity of each line, the widest first.
    """
    window, x, y = _pixels_around(canvas.shape, start, end, strokes[0][0])
    _, off_x, off_y = nearest_on_segment(x, y, start, end)
    away = np.sqrt(off_x**2 + off_y**2)
    rows, columns = np.nonzero(away < strokes[0][0] + 0.5)
    away, touched = away[rows, columns], canvas[window]
    pixels = touched[rows, columns].astype(np.float32)
    for radius_px, colour, opacity in strokes:
        cover = (np.clip(radius_px + 0.5 - away, 0, 1) * np.float32(opacity))[:, None]
        pixels += (np.asarray(colour, np.float32) - pixels) * cover
    touched[rows, columns] = (pixels + 0.5).astype(np.uint8)


def shade_limb(colour_map, depth_map, start: np.ndarray, end: np.ndarray, radii_px, colour: np.ndarray) -> None:
    """Draws a limb, thicker at one end than at the other and lit from above, where nothing nearer is drawn yet.

    Args:
        colour_map: (side, side, 3) float32, changed in place.
        depth_map: (side, side) float32 of the nearest surface so far, changed in place.
        start, end: (3,) pixels and, in the same unit, the distance away from the viewer.
        radii_px: at the start and at the end.
        colour: (3,) of the unlit limb, 0 to 255.
    """
    window, x, y = _pixels_around(depth_map.shape, start[:2], end[:2], max(radii_px))
    fraction, off_x, off_y = nearest_on_segment(x, y, start[:2], end[:2])
    radius = float(radii_px[0]) + float(radii_px[1] - radii_px[0]) * fraction
    bulge = radius * radius - off_x * off_x - off_y * off_y
    inside = np.nonzero(bulge > 0)
    height = np.sqrt(bulge[inside])
    depth = float(start[2]) + float(end[2] - start[2]) * fraction[inside] - height
    nearer = depth < depth_map[window][inside]
    at = tuple(numbers[nearer] for numbers in inside)
    normal = np.stack([off_x[at], off_y[at], -height[nearer]], axis=-1) / radius[at][:, None]
    facing = np.clip(normal @ LIGHT, 0, 1)[:, None]
    fourth = (facing * facing) ** 2  # by products, the twelfth power takes a tenth of the time
    lit = colour.astype(np.float32) * (AMBIENT + DIFFUSE * facing) + 255 * GLOSS * fourth * fourth * fourth
    colour_map[window][at] = np.minimum(lit, 255)
    depth_map[window][at] = depth[nearer]


def halve(picture: np.ndarray) -> np.ndarray:
    """A float picture (height, width, ...) of even sides at half its size, each pixel the mean of four."""
    rows = picture[::2] + picture[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) / 4


def _pixels_around(shape, start: np.ndarray, end: np.ndarray, radius: float):
    """The part of a picture that a line can touch: its slices, a row of x (1, n) and a column of y (m, 1)."""
    low = np.floor(np.minimum(start, end) - radius - 1).astype(int).clip(0)
    high = np.ceil(np.maximum(start, end) + radius + 2).astype(int).clip(0, (shape[1], shape[0]))
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    y, x = np.ogrid[window]
    return window, x.astype(np.float32), y.astype(np.float32)
