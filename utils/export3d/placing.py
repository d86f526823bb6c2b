"""Where somebody of known size is, from where their joints are in the picture."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

TO_Y_UP = np.array([1.0, -1.0, -1.0])
"""From the camera's axes (y down, z away from it) half a turn about x: who faces the camera faces +Z."""
DISTANCE_SMOOTHED_S = 0.25
"""Distance comes from apparent size, which wavers, so it is averaged over about so long."""


def rays_of(joints_px: np.ndarray, intrinsics_px: tuple[float, ...], tilt_deg: float) -> np.ndarray:
    """Directions (17, 3) from the camera to joints (17, 2) in its picture: Y up, -Z level and away from the camera.

    Args:
        joints_px: pixels.
        intrinsics_px: fx, fy, cx, cy.
        tilt_deg: how far the camera looks down.
    """
    fx, fy, cx, cy = intrinsics_px
    x, y = ((joints_px - [cx, cy]) / [fx, fy]).T
    cosine, sine = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    rays = np.stack([x, cosine * y + sine, cosine - sine * y], axis=-1) * TO_Y_UP
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def hips_seen(joints_m: np.ndarray, rays: np.ndarray, seen: np.ndarray, rate: float) -> np.ndarray:
    """Where the hips (T, 3) are from the camera: there the joints are nearest to their rays, in least squares.

    The distance of a joint p from its ray r is |M p|, M = 1 - r r'. So the hips h minimise the sum of |M (p + h)|^2.

    Args:
        joints_m: (T, 17, 3) relative to the hips.
        rays: (T, 17, 3) of length 1.
        seen: (T, 17) which joints count.
        rate: frames a second.
    """
    across = (np.eye(3) - rays[..., None] * rays[..., None, :]) * seen[..., None, None]
    total, pull = across.sum(axis=1), -(across @ joints_m[..., None]).sum(axis=1)
    z = gaussian_filter1d(np.linalg.solve(total, pull)[:, 2], DISTANCE_SMOOTHED_S * rate, axis=0, mode="nearest")
    # At that distance, the best place across.
    xy = np.linalg.solve(total[:, :2, :2], pull[:, :2] - total[:, :2, 2:] * z[..., None])
    return np.concatenate([xy[..., 0], z], axis=-1)
