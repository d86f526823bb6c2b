"""Synthetic people in front of a camera: pairs of 2D and 3D poses without end for training, fixed sets for validation.

Bodies come from `body`, which knows anatomy and Human3.6M's definitions of the joints, but no captured 3D pose.
"""

import math

import torch
from torch import Generator, Tensor

from utils.geometry import (
    CAMERA_DISTANCE,
    NEAREST_DEPTH,
    project,
    rays_to_pixels,
    rotate,
    rotation_x,
    rotation_y,
    rotation_z,
    turn_to_ray,
)
from utils.normalization import mean_root_distance, pixels_to_norm
from utils.skeleton import INDEX, JOINTS, MIRROR, NUM_JOINTS, ROOT

from ..poseset import PoseSet
from .body import Bodies
from .postures import POSTURES

INTRINSICS_PX = (1100.0, 1100.0, 500.0, 500.0)
"""The camera of `load_synthetic`: 1000 x 1000 pixels, about 49 degrees wide."""
NEAREST_M, FURTHEST_M = 3.0, 7.0
"""Distances of the person's root from the camera."""
NEAREST_POINT_MM = 400.0
"""No joint comes closer to the camera, in depth."""
ROLL_STD_DEG = 2.0
OFF_AXIS_STD_DEG = 4.0
"""Standard deviation of the angles, across and along, between the optical axis and the ray to the root."""
SIDED = tuple((INDEX[name], MIRROR[INDEX[name]]) for name in JOINTS if name.startswith("right_"))
OUTLIER_POSES, OUTLIER_JOINTS, OUTLIER_SIZE = 0.3, 0.06, 0.35
"""Outliers of a detector: the fraction of poses that have any, the fraction of their joints, and the standard
deviation of their errors in mean joint distances."""
SWAPPED_JOINTS = 0.02
"""The fraction of joints that a detector confuses with their mirror joints."""


class SyntheticPeople:
    """Draws people and cameras.

    Args:
        device: where the poses are made; the generators passed in must live there.
        elevation_deg: mean and standard deviation of the angle by which the ray to the person points down.
    """

    def __init__(self, device: str | torch.device = "cpu", elevation_deg: tuple[float, float] = (8.0, 6.0)) -> None:
        self.bodies, self.elevation_deg = Bodies(device), elevation_deg

    def sample(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """People in front of a camera that looks past them by a few degrees.

        Returns:
            (n, 17, 3) camera frame in mm, and indices (n,) into `postures.POSTURES`.
        """
        body_mm, posture = self.bodies.sample(n, generator)
        ray = torch.randn(n, 2, device=body_mm.device, generator=generator) * OFF_AXIS_STD_DEG
        return rotate(self.view(body_mm, generator), turn_to_ray(ray.clamp(-20, 20).deg2rad().tan())), posture

    def view(self, pose_mm: Tensor, generator: Generator) -> Tensor:
        """Root-relative upright poses (n, 17, 3), turned at random and seen by a camera that looks at the root."""
        turn, far = torch.rand(2, len(pose_mm), device=pose_mm.device, generator=generator)
        tilt, roll = torch.randn(2, len(pose_mm), device=pose_mm.device, generator=generator)
        distance = 1000 * (NEAREST_M + (FURTHEST_M - NEAREST_M) * far)
        elevation = (self.elevation_deg[0] + self.elevation_deg[1] * tilt).clamp(-80, 80).deg2rad()
        rotation = rotation_z((ROLL_STD_DEG * roll).deg2rad()) @ rotation_x(elevation) @ rotation_y(2 * math.pi * turn)
        pose_mm = rotate(pose_mm, rotation)
        distance = distance.maximum(NEAREST_POINT_MM - pose_mm[..., 2].amin(dim=1))
        return pose_mm + torch.nn.functional.pad(distance[:, None], (2, 0))[:, None]


def depth_target(pose_cam: Tensor) -> tuple[Tensor, Tensor]:
    """The depths that a lifter should give people whose root is on the optical axis.

    With rays x_j = X_j / Z_j, the input is p_j = x_j / s, where s brings the mean distance of the joints to 1 / c.
    The person in the lifter's units is T_j = c / (s Z_root) (X_j - X_root). The lift can only place joint j on its
    ray, at (p_j z_j, z_j - c) from the root. The point on it that is nearest to T_j has
    z_j = (p_j . T_j,xy + c + T_j,z) / (1 + |p_j|^2).
    That is exact for s = 1, a person at ten times its mean joint distance, and leaves a few mm from 3 to 7 m.

    Args:
        pose_cam: (..., 17, 3) camera frame, the root at (0, 0, Z_root), in any unit.

    Returns:
        Normalised 2D poses (..., 17, 2) and depth offsets z_j - c (..., 17).
    """
    ray = project(pose_cam)
    scale = mean_root_distance(ray)[..., None, None] * CAMERA_DISTANCE
    pose_norm = ray / scale
    root = pose_cam[..., ROOT : ROOT + 1, :]
    target = CAMERA_DISTANCE / (scale * root[..., 2:]) * (pose_cam - root)
    along = (pose_norm * target[..., :2]).sum(dim=-1) + CAMERA_DISTANCE + target[..., 2]
    depth = (along / (1 + pose_norm.square().sum(dim=-1))).clamp(min=NEAREST_DEPTH)
    return pose_norm, depth - CAMERA_DISTANCE


def as_detected(pose_norm: Tensor, offset: Tensor, level: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Makes 2D poses look like a detector's: with jitter, a few outliers, and joints that swap sides.

    Half of the poses get their neck, and half their spine, in the middle between its neighbours, as skeletons
    without such a point have it (`utils.skeleton.JOINTS_FROM`).

    Args:
        pose_norm: (n, 17, 2).
        offset: (n, 17) depths from `depth_target`.
        level: the largest jitter of an average joint, in mean distances of the joints from the root.
        generator: on the poses' device.

    Returns:
        The poses, normalised again, and the depths in their new unit.
    """
    n, device = len(pose_norm), pose_norm.device
    size, rarity = torch.rand(2, n, NUM_JOINTS, 1, device=device, generator=generator)
    noise = torch.randn(2, n, NUM_JOINTS, 2, device=device, generator=generator) / CAMERA_DISTANCE
    coins = torch.rand(n, 4 + len(SIDED), device=device, generator=generator)
    jitter = level * coins[:, 0, None, None] ** 1.5 * (0.4 + 1.2 * size)
    outlier = OUTLIER_SIZE * (rarity < OUTLIER_JOINTS) * (coins[:, 1, None, None] < OUTLIER_POSES)
    pose = pose_norm + jitter * noise[0] + outlier * noise[1]
    for number, (right, left) in enumerate(SIDED):
        swap = coins[:, 4 + number, None] < SWAPPED_JOINTS
        here, there = pose[:, right], pose[:, left]
        pose[:, right], pose[:, left] = torch.where(swap, there, here), torch.where(swap, here, there)
    for coin, name, (below, above) in ((2, "spine", ("hip", "thorax")), (3, "neck", ("thorax", "head"))):
        middle = (pose[:, INDEX[below]] + pose[:, INDEX[above]]) / 2
        pose[:, INDEX[name]] = torch.where(coins[:, coin, None] < 0.5, middle, pose[:, INDEX[name]])
    renormed, _, scale = pixels_to_norm(pose)
    return renormed, offset / scale[:, None]


def load_synthetic(count: int, seed: int) -> PoseSet:
    """A fixed set of synthetic people, the same for the same arguments.

    Returns:
        2D poses in pixels of a 1000 x 1000 camera, 3D poses, and the postures as actions.
    """
    generator = Generator().manual_seed(seed)
    poses_cam_mm, posture = SyntheticPeople().sample(count, generator)
    intrinsics_px = torch.tensor(INTRINSICS_PX).expand(count, 4)
    poses_px = {"gt": rays_to_pixels(project(poses_cam_mm), intrinsics_px)}
    names = tuple(sorted(POSTURES))
    actions = torch.tensor([names.index(name) for name in POSTURES])[posture]
    return PoseSet(f"{count} synthetic people (seed {seed})", poses_px, poses_cam_mm, intrinsics_px, actions, names)
