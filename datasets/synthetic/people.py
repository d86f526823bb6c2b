"""Synthetic people in front of a camera: pairs of 2D and 3D poses without end for training, fixed sets for validation.

Bodies come from `body`, which knows anatomy and Human3.6M's definitions of the joints, but no captured 3D pose.
"""

import math

import torch
from torch import Generator, Tensor

from utils.geometry import (
    CAMERA_DISTANCE,
    NEAREST_DEPTH,
    lift_to_camera,
    project,
    rays_to_pixels,
    root_relative,
    rotate,
    rotation_x,
    rotation_y,
    rotation_z,
    turn_to_ray,
)
from utils.normalization import mean_root_distance
from utils.skeleton import ROOT

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
UNUSUAL_ELEVATION = 2.5
"""Factor on the deviation of the elevation, for views by cameras that are held at an unusual angle."""
OFF_AXIS_STD_DEG = 4.0
"""Standard deviation of the angles, across and along, between the optical axis and the ray to the root."""


class SyntheticPeople:
    """Draws people and cameras.

    Args:
        device: where the poses are made; the generators passed in must live there.
        elevation_deg: mean and standard deviation of the angle by which the ray to the person points down.
        unusual_views: fraction of the cameras that are held at an unusual angle.
    """

    def __init__(
        self,
        device: str | torch.device = "cpu",
        elevation_deg: tuple[float, float] = (8.0, 6.0),
        unusual_views: float = 0.0,
    ) -> None:
        self.bodies, self.elevation_deg, self.unusual_views = Bodies(device), elevation_deg, unusual_views

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
        if self.unusual_views:
            unusual = torch.rand(tilt.shape, device=tilt.device, generator=generator) < self.unusual_views
            tilt = torch.where(unusual, UNUSUAL_ELEVATION * tilt, tilt)
        distance = 1000 * (NEAREST_M + (FURTHEST_M - NEAREST_M) * far)
        elevation = (self.elevation_deg[0] + self.elevation_deg[1] * tilt).clamp(-80, 80).deg2rad()
        rotation = rotation_z((ROLL_STD_DEG * roll).deg2rad()) @ rotation_x(elevation) @ rotation_y(2 * math.pi * turn)
        pose_mm = rotate(pose_mm, rotation)
        distance = distance.maximum(NEAREST_POINT_MM - pose_mm[..., 2].amin(dim=1))
        return pose_mm + torch.nn.functional.pad(distance[:, None], (2, 0))[:, None]


def lifter_target(pose_cam: Tensor) -> tuple[Tensor, Tensor]:
    """What a lifter should make of people whose root is on the optical axis.

    With rays x_j = X_j / Z_j, the input is p_j = x_j / s, where s brings the mean distance of the joints to 1 / c.
    The person in the lifter's units is T_j = c / (s Z_root) (X_j - X_root).

    Args:
        pose_cam: (..., 17, 3) camera frame, the root at (0, 0, Z_root), in any unit.

    Returns:
        Normalised 2D poses (..., 17, 2) and T (..., 17, 3).
    """
    ray = project(pose_cam)
    scale = mean_root_distance(ray)[..., None, None] * CAMERA_DISTANCE
    root = pose_cam[..., ROOT : ROOT + 1, :]
    return ray / scale, CAMERA_DISTANCE / (scale * root[..., 2:]) * (pose_cam - root)


def nearest_on_rays(pose_norm: Tensor, target: Tensor) -> Tensor:
    """The poses (..., 17, 3) nearest to `target` among those whose joints lie on the rays of `pose_norm` (..., 17, 2).

    A lifter of depths alone can only place joint j at (p_j z_j, z_j - c) from the root. The point that is nearest to
    T_j has z_j = (p_j . T_j,xy + c + T_j,z) / (1 + |p_j|^2). That is T_j itself for a person at ten times its mean
    joint distance, and a few mm off from 3 to 7 m.
    """
    along = (pose_norm * target[..., :2]).sum(dim=-1) + CAMERA_DISTANCE + target[..., 2]
    depth = (along / (1 + pose_norm.square().sum(dim=-1))).clamp(min=NEAREST_DEPTH)
    return root_relative(lift_to_camera(pose_norm, depth))


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
