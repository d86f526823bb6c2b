"""Procedural people in front of a camera: endless 2D-3D pairs for training, fixed sets for controlled tests.

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
from utils.skeleton import INDEX, JOINTS, MIRROR, NUM_JOINTS, ROOT, SOURCES, joint_weights

from ..poseset import PoseSet
from .body import Bodies
from .postures import POSTURES

INTRINSICS_PX = (1100.0, 1100.0, 500.0, 500.0)
"""The camera of `load_synthetic`: 1000 x 1000 pixels, about 49 degrees wide."""
NEAREST_POINT_MM = 400.0
SIDED = tuple((INDEX[name], MIRROR[INDEX[name]]) for name in JOINTS if name.startswith("right_"))
OUTLIER_POSES, OUTLIER_JOINTS, OUTLIER_SIZE = 0.3, 0.06, 0.35
"""Outliers: the fraction of poses that have any, the fraction of their joints, and how far off these are, as the
standard deviation in mean joint distances."""
SWAP_FRACTION = 0.02
"""How often a joint takes its mirror joint's place."""
MPII_THORAX = 0.89
"""Where MPII's thorax lies on the way from hip to upper neck: the median in its 2D poses."""


class SyntheticPeople:
    """Draws people and cameras.

    Args:
        device: where the poses are made; the generators passed in must live there.
        elevation_deg: mean and standard deviation of the angle by which the ray to the person points down.
        distance_m: nearest and furthest distance of the person's root.
        roll_deg: standard deviation of the camera's roll.
        off_axis_deg: standard deviation of the angles, across and along, between optical axis and root.

    Raises:
        ValueError: for distances that are not increasing or nearer than 0.8 m.
    """

    def __init__(
        self,
        device: str | torch.device = "cpu",
        elevation_deg: tuple[float, float] = (8.0, 6.0),
        distance_m: tuple[float, float] = (3.0, 7.0),
        roll_deg: float = 2.0,
        off_axis_deg: float = 4.0,
    ) -> None:
        if not 0.8 <= distance_m[0] <= distance_m[1]:
            raise ValueError(f"distance_m must be (near, far) with 0.8 <= near <= far, got {distance_m}")
        self.bodies = Bodies(device)
        self.elevation_deg, self.distance_m = elevation_deg, distance_m
        self.roll_deg, self.off_axis_deg = roll_deg, off_axis_deg

    def sample(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """People before a camera that does not look exactly at them.

        Returns:
            (n, 17, 3) camera frame in mm, and indices (n,) into `postures.POSTURES`.
        """
        body_mm, posture = self.bodies.sample(n, generator)
        ray = torch.randn(n, 2, device=body_mm.device, generator=generator) * self.off_axis_deg
        return rotate(self.view(body_mm, generator), turn_to_ray(ray.clamp(-20, 20).deg2rad().tan())), posture

    def view(self, pose_mm: Tensor, generator: Generator) -> Tensor:
        """Root-relative upright poses (n, 17, 3), turned at random and seen by a camera that looks at the root."""
        turn, far = torch.rand(2, len(pose_mm), device=pose_mm.device, generator=generator)
        tilt, roll = torch.randn(2, len(pose_mm), device=pose_mm.device, generator=generator)
        distance = 1000 * (self.distance_m[0] + (self.distance_m[1] - self.distance_m[0]) * far)
        elevation = (self.elevation_deg[0] + self.elevation_deg[1] * tilt).clamp(-80, 80).deg2rad()
        rotation = rotation_z((self.roll_deg * roll).deg2rad()) @ rotation_x(elevation) @ rotation_y(2 * math.pi * turn)
        pose_mm = rotate(pose_mm, rotation)
        distance = distance.maximum(NEAREST_POINT_MM - pose_mm[..., 2].amin(dim=1))
        return pose_mm + torch.nn.functional.pad(distance[:, None], (2, 0))[:, None]


def depth_target(pose_cam: Tensor) -> tuple[Tensor, Tensor]:
    """What a lifter should answer for people whose root is on the optical axis.

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
    """Pairs whose inputs look as a 2D detector's: jitter, a few outliers and swapped sides, points on straight lines.

    Half of the poses get their neck, and half their spine, at the middle of the line between its neighbours, where
    sources without such a point put it (`utils.skeleton.JOINTS_FROM`).

    Args:
        pose_norm: (n, 17, 2).
        offset: (n, 17) depths from `depth_target`.
        level: largest jitter of an average joint, in units of the mean distance of the joints from the root.
        generator: on the poses' device.

    Returns:
        The poses, normalised anew, and the depths in their new units.
    """
    n, device = len(pose_norm), pose_norm.device
    size, rarity = torch.rand(2, n, NUM_JOINTS, 1, device=device, generator=generator)
    noise = torch.randn(2, n, NUM_JOINTS, 2, device=device, generator=generator) / CAMERA_DISTANCE
    coins = torch.rand(n, 4 + len(SIDED), device=device, generator=generator)
    jitter = level * coins[:, 0, None, None] ** 1.5 * (0.4 + 1.2 * size)
    outlier = OUTLIER_SIZE * (rarity < OUTLIER_JOINTS) * (coins[:, 1, None, None] < OUTLIER_POSES)
    pose = pose_norm + jitter * noise[0] + outlier * noise[1]
    for number, (right, left) in enumerate(SIDED):
        swap = coins[:, 4 + number, None] < SWAP_FRACTION
        here, there = pose[:, right], pose[:, left]
        pose[:, right], pose[:, left] = torch.where(swap, there, here), torch.where(swap, here, there)
    for coin, name, (below, above) in ((2, "spine", ("hip", "thorax")), (3, "neck", ("thorax", "head"))):
        middle = (pose[:, INDEX[below]] + pose[:, INDEX[above]]) / 2
        pose[:, INDEX[name]] = torch.where(coins[:, coin, None] < 0.5, middle, pose[:, INDEX[name]])
    renormed, _, scale = pixels_to_norm(pose)
    return renormed, offset / scale[:, None]


def load_synthetic(
    count: int,
    seed: int,
    elevation_deg: tuple[float, float] = (8.0, 6.0),
    noise_px: float = 0.0,
    joints: str = "h36m_17",
    distance_m: tuple[float, float] = (3.0, 7.0),
) -> PoseSet:
    """A fixed set of synthetic people, the same for the same arguments.

    Args:
        count: how many.
        seed: what the set depends on.
        elevation_deg: mean and standard deviation of the camera's elevation.
        noise_px: standard deviation of Gaussian noise on the "detected" 2D poses; without it there are none.
        joints: "h36m_17", or "mpii_17" for 2D points as MPII's annotators define them.
        distance_m: nearest and furthest distance.

    Returns:
        2D poses in pixels of a 1000 x 1000 camera, 3D poses, and the postures as actions.

    Raises:
        ValueError: for another name of joints or a count below 1.
    """
    if count < 1:
        raise ValueError(f"a synthetic set needs at least one pose, got count={count}")
    if joints not in ("h36m_17", "mpii_17"):
        raise ValueError(f"synthetic joints are h36m_17 or mpii_17, got {joints!r}")
    generator = Generator().manual_seed(seed)
    poses_cam_mm, posture = SyntheticPeople("cpu", elevation_deg, distance_m).sample(count, generator)
    intrinsics_px = torch.tensor(INTRINSICS_PX).expand(count, 4)
    points = poses_cam_mm if joints == "h36m_17" else as_mpii(poses_cam_mm)
    poses_px = {"gt": rays_to_pixels(project(points), intrinsics_px)}
    if noise_px > 0:
        noise = torch.randn(poses_px["gt"].shape, generator=generator)
        poses_px["detected"] = poses_px["gt"] + noise_px * noise
    names = tuple(sorted(POSTURES))
    actions = torch.tensor([names.index(name) for name in POSTURES])[posture]
    name = f"{count} synthetic {'person' if count == 1 else 'people'} (seed {seed}, joints {joints})"
    return PoseSet(name, poses_px, poses_cam_mm, intrinsics_px, actions, names)


def as_mpii(pose: Tensor) -> Tensor:
    """Poses (..., 17, 2 or 3) with MPII's points in place of Human3.6M's: the inverse of the table "mpii_17"."""
    names = SOURCES["mpii_17"]
    weights = torch.as_tensor(joint_weights("mpii_17"), dtype=pose.dtype, device=pose.device)
    # Spine and neck follow from the other joints, as two of MPII's points do from its others.
    known = [number for number, joint in enumerate(JOINTS) if joint not in ("spine", "neck")]
    points = pose.clone()
    points[..., known, :] = weights[known][:, known].inverse() @ pose[..., known, :]
    hip, thorax, head = (names.index(name) for name in ("hip", "upper_neck", "head_top"))
    points[..., names.index("mpii_thorax"), :] = points[..., hip, :].lerp(points[..., thorax, :], MPII_THORAX)
    points[..., names.index("mpii_neck"), :] = (points[..., thorax, :] + points[..., head, :]) / 2
    return points
