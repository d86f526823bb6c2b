"""Pictures of poses, drawn with NumPy alone: the 2D overlay, the 3D pose from any side, the turntable.

A 3D pose is a set of round limbs over a ground plane, seen from slightly above by a viewer without perspective, so
that all axes are equal. Left limbs are blue, right limbs red, the trunk is dark.

Masks (17,) of bool tell the joints that were guessed (`filled`), which are drawn hollow and their limbs paler, and
those that are not drawn, nor are their limbs (`left_out`).
"""

import functools

import numpy as np

from ..skeleton import BONES, JOINTS, NUM_JOINTS, ROOT, SIDE_COLOURS, SIDES
from .raster import blend_lines, halve, nearest_on_segment, shade_limb

VIEW_FROM_ABOVE_DEG = 12.0
_COS, _SIN = np.cos(np.radians(VIEW_FROM_ABOVE_DEG)), np.sin(np.radians(VIEW_FROM_ABOVE_DEG))
TIP = np.array([[1, 0, 0], [0, _COS, -_SIN], [0, _SIN, _COS]])
"""Rotation about x into the frame of a viewer who looks down by that angle."""
GROUND_HEIGHT = 0.86
"""Where the ground's origin lies in the picture, from the top."""
GROUND_REACH = 1.0
"""Radius of the ground's disc; half the picture's side is 1."""
GRID_CELL = 0.25
BACKGROUND_TOP, BACKGROUND_BOTTOM = (np.array(rgb, np.float32) for rgb in ((250, 251, 253), (226, 230, 237)))
GRID_COLOUR, SHADOW_COLOUR = (np.array(rgb, np.float32) for rgb in ((176, 184, 198), (70, 78, 96)))
FOG = 0.25
"""How much of the background's colour the farthest limb takes."""
FILLED_FADE = 0.55
"""How much paler a limb is whose joint was guessed."""

# Radii at the near and far end of each bone, in fractions of the pose's mean root-joint distance.
_RADII = {
    "hip": (0.11, 0.11), "knee": (0.11, 0.085), "foot": (0.085, 0.055), "spine": (0.12, 0.13),
    "thorax": (0.13, 0.09), "neck": (0.07, 0.08), "head": (0.13, 0.18),
    "shoulder": (0.08, 0.085), "elbow": (0.085, 0.065), "wrist": (0.065, 0.045),
}  # fmt: skip
BONE_RADII = np.array([_RADII[JOINTS[child].split("_")[-1]] for _, child in BONES])
SIDE_RGB = {side: np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)]) for side, text in SIDE_COLOURS.items()}
WHITE = np.full(3, 255.0)
NONE = np.zeros(NUM_JOINTS, bool)
"""No joint at all."""


def draw_pose_2d(
    image: np.ndarray, joints_px: np.ndarray, filled: np.ndarray = NONE, left_out: np.ndarray = NONE
) -> np.ndarray:
    """A copy of a picture (height, width, 3) uint8 RGB with one pose (17, 2) in its pixels drawn over it."""
    canvas = image.copy()
    shown_px = joints_px[~left_out]
    middle = shown_px.mean(axis=0) if left_out.any() else joints_px[ROOT]
    width = max(0.035 * float(np.linalg.norm(shown_px - middle, axis=1).mean()), 1.2)
    for parent, child in shown_bones(left_out):
        colour, opacity = SIDE_RGB[SIDES[child]], 0.4 if filled[child] else 0.95
        strokes = ((width * 1.5, WHITE, opacity * 0.75), (width, colour, opacity))
        blend_lines(canvas, joints_px[parent], joints_px[child], strokes)
    for joint in np.flatnonzero(~left_out):
        strokes = ((width * 1.5, SIDE_RGB[SIDES[joint]], 1.0), (width * (1.05 if filled[joint] else 0.7), WHITE, 1.0))
        blend_lines(canvas, joints_px[joint], joints_px[joint], strokes)
    return canvas


def shown_bones(left_out: np.ndarray) -> list[tuple[int, int]]:
    """The bones of which both ends are seen."""
    return [(parent, child) for parent, child in BONES if not (left_out[parent] or left_out[child])]


def draw_pose_3d(
    pose_rel: np.ndarray,
    azimuth_deg: float = 0.0,
    size_px: int = 480,
    filled: np.ndarray = NONE,
    left_out: np.ndarray = NONE,
) -> np.ndarray:
    """A 3D pose seen from one side, as a square picture of uint8 RGB.

    Args:
        pose_rel: (17, 3), x right, y down, z forward, any unit: the picture is scaled to the pose, alike for all
            azimuths.
        azimuth_deg: how far the pose is turned about the vertical; 0 is the view of the camera that lifted it.

    Raises:
        ValueError: for a pose of another shape or with NaN or infinity.
    """
    pose = np.asarray(pose_rel, dtype=np.float64)
    if pose.shape != (NUM_JOINTS, 3) or not np.isfinite(pose).all():
        raise ValueError(f"expected a finite pose of shape ({NUM_JOINTS}, 3), got {pose.shape}")
    scene, unit = _stand_on_ground(pose, left_out)
    turned, bones = scene @ _turn(azimuth_deg).T, shown_bones(left_out)
    canvas = _backdrop(size_px, round(azimuth_deg % 90, 3)).copy()
    _add_shadow(canvas, turned, unit, bones)
    _add_limbs(canvas, turned @ TIP.T, unit, filled, bones)
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def turntable(pose_rel: np.ndarray, frames: int = 40, size_px: int = 320, **marks: np.ndarray) -> list[np.ndarray]:
    """Pictures (size_px, size_px, 3) of one full turn, the first as the camera saw the pose; marks as above."""
    return [draw_pose_3d(pose_rel, 360 * frame / frames, size_px, **marks) for frame in range(frames)]


def _stand_on_ground(pose: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, float]:
    """The pose over the origin of the ground plane y = 0, scaled to fit a picture of side 2, and its unit length."""
    size = np.linalg.norm(pose - pose[ROOT], axis=1).mean() + 1e-9
    low, high = pose[~left_out].min(axis=0), pose[~left_out].max(axis=0)
    centred = pose - np.array([(low[0] + high[0]) / 2, high[1] + 0.06 * size, (low[2] + high[2]) / 2])
    reach = np.linalg.norm(centred[~left_out][:, [0, 2]], axis=1).max() + 0.15 * size
    tall = high[1] - low[1] + 0.3 * size
    scale = 1 / max(tall / 1.62, reach / 0.88)
    return centred * scale, size * scale


def _turn(azimuth_deg: float) -> np.ndarray:
    """Right-handed rotation about y."""
    c, s = np.cos(np.radians(azimuth_deg)), np.sin(np.radians(azimuth_deg))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _ground_points(size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The ground's x (size,) and z (size,) under each column and row of the picture."""
    pixels = (np.arange(size_px) + 0.5) / size_px
    return ((pixels - 0.5) * 2).astype(np.float32), ((GROUND_HEIGHT - pixels) * 2 / TIP[2, 1]).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _backdrop(size_px: int, azimuth_deg: float) -> np.ndarray:
    """Backdrop, ground disc and grid, (size, size, 3) float32. Shared by all calls: copy it before drawing."""
    fraction = np.linspace(0, 1, size_px, dtype=np.float32)[:, None, None]
    canvas = np.repeat(BACKGROUND_TOP * (1 - fraction) + BACKGROUND_BOTTOM * fraction, size_px, axis=1)
    x, z = _ground_points(size_px)
    disc = np.clip((GROUND_REACH - np.hypot(x[None, :], z[:, None])) / 0.35, 0, 1)[..., None]
    canvas += disc * 0.75 * (255 - canvas)
    c, s = _turn(azimuth_deg)[0, [0, 2]]
    pixel_x, pixel_z = 2 / size_px, 2 / size_px / TIP[2, 1]
    lines = np.zeros((size_px, size_px))
    for along_x, along_z in ((c, -s), (s, c)):
        cells = (along_x * x[None, :] + along_z * z[:, None]) / GRID_CELL
        away = np.abs(cells - np.round(cells)) * GRID_CELL / np.hypot(along_x * pixel_x, along_z * pixel_z)
        lines = np.maximum(lines, np.clip(1.1 - away, 0, 1))
    canvas += 0.8 * lines[..., None] * disc * (GRID_COLOUR - canvas)
    return canvas.astype(np.float32)


def _add_shadow(canvas: np.ndarray, turned: np.ndarray, unit: float, bones) -> None:
    """Darkens the ground under the limbs: sharper and darker the nearer they are to it."""
    x, z = _ground_points(len(canvas))
    step = max(len(canvas) // 160, 1)
    rows = np.flatnonzero(np.abs(z) < GROUND_REACH)
    if not len(rows):
        # A picture of a few pixels has no row of ground.
        return
    first, last = rows[0], rows[-1] + 1
    x, z = x[None, ::step], z[first:last:step, None]
    shadow = np.zeros((z.size, x.size), np.float32)
    for parent, child in bones:
        start, end = turned[parent], turned[child]
        fraction, off_x, off_z = nearest_on_segment(x, z, start[[0, 2]], end[[0, 2]])
        height = float(-start[1]) + float(start[1] - end[1]) * fraction
        blur = 0.10 * unit + 0.22 * height
        shadow = np.maximum(shadow, 0.6 * np.exp(-(off_x**2 + off_z**2) / blur**2) / (1 + 3.5 * height))
    shadow = shadow.repeat(step, axis=0).repeat(step, axis=1)[: last - first, : len(canvas), None]
    canvas[first:last] += shadow * (SHADOW_COLOUR - canvas[first:last])


def _add_limbs(canvas: np.ndarray, view: np.ndarray, unit: float, filled: np.ndarray, bones) -> None:
    """Draws the limbs at twice the size, then blends their mean into the canvas, so that edges are smooth."""
    side = len(canvas) * 2
    pixels = view * side / 2 + np.array([0.5 * side, GROUND_HEIGHT * side, 0])
    drawn = sorted({joint for bone in bones for joint in bone})
    # Only the part that limbs can reach, from an even pixel on.
    margin = BONE_RADII.max() * unit * side / 2 + 4
    low = (np.floor(pixels[drawn, :2].min(axis=0) - margin).astype(int).clip(0, side) // 2) * 2
    high = (np.ceil(pixels[drawn, :2].max(axis=0) + margin).astype(int).clip(low, side) // 2) * 2
    pixels[:, :2] -= low
    width, height = high - low
    colours, depths = np.zeros((height, width, 3), np.float32), np.full((height, width), np.inf, np.float32)
    near, far = view[drawn, 2].min(), view[drawn, 2].max() + 1e-9
    for parent, child in bones:
        radii = BONE_RADII[BONES.index((parent, child))]
        haze = FOG * (view[[parent, child], 2].mean() - near) / (far - near)
        pale = 1 - (1 - haze) * (1 - FILLED_FADE * filled[child])
        colour = SIDE_RGB[SIDES[child]] * (1 - pale) + BACKGROUND_BOTTOM * pale
        shade_limb(colours, depths, pixels[parent], pixels[child], radii * unit * side / 2, colour)
    part = canvas[low[1] // 2 : high[1] // 2, low[0] // 2 : high[0] // 2]
    part *= 1 - halve(np.isfinite(depths).astype(np.float32))[..., None]
    part += halve(colours)
