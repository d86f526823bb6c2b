"""Cameras and rotations.

Axes, everywhere: x right, y down, z forward, the camera at the origin looking along z.
Points are (..., J, 3) in a camera frame (`_cam`), (..., J, 2) on the image plane at z = 1 (`_norm`, `_ray`) or in
pixels (`_px`). Rotation matrices act on column vectors: `rotate(points, R)` is R p for each point p.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .skeleton import BONES, ROOT

CAMERA_DISTANCE = 10.0
"""c of Chen et al. 2019, section 3.1: the depth of the root joint, in units of the person's size."""
NEAREST_DEPTH = 1.0
"""Depths are clipped from below, z = max(1, c + f(x)) (Chen et al. 2019, section 3.1)."""
SMALLEST_SIZE = 1e-6
"""Joints no further from the root than this are one point, in pixels or whatever unit the poses have."""
LARGEST_SIZE = 1e15
"""Joints further from the root than this are no pose: float32 cannot hold the squares of much more."""

# Shapes that signatures share: any leading dimensions, then the joints.
Pose2D = Float[Tensor, "*batch joint 2"]
Pose3D = Float[Tensor, "*batch joint 3"]
Pose = Float[Tensor, "*batch joint dim"]
"""In 2D or 3D."""
PerJoint = Float[Tensor, "*batch joint"]
PerPose = Float[Tensor, "*batch"]
Rotation = Float[Tensor, "*batch 3 3"]
Intrinsics = Float[Tensor, "*batch 4"]
"""fx, fy, cx, cy."""

_PARENTS = tuple(parent for parent, _ in BONES)
_CHILDREN = tuple(child for _, child in BONES)
_INDICES: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}


def lift_to_camera(pose_norm: Pose2D, depth: PerJoint) -> Pose3D:
    """X = (x z, y z, z): the points at the given depths on the rays of an image (Chen et al. 2019, Eq. 1)."""
    return torch.cat([pose_norm * depth[..., None], depth[..., None]], dim=-1)


def project(pose_cam: Pose3D) -> Pose2D:
    """Perspective projection to the image plane at z = 1. Points must lie in front of the camera."""
    return pose_cam[..., :2] / pose_cam[..., 2:].clamp(min=1e-6)


def rotation_x(angle: PerPose) -> Rotation:
    """Right-handed rotation about x by `angle` radians: with y down and z forward, positive tips y towards z."""
    zero, one, c, s = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return torch.stack([one, zero, zero, zero, c, -s, zero, s, c], dim=-1).unflatten(-1, (3, 3))


def rotation_y(angle: PerPose) -> Rotation:
    """Right-handed rotation about y, the vertical of an upright camera, by `angle` radians."""
    zero, one, c, s = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return torch.stack([c, zero, s, zero, one, zero, -s, zero, c], dim=-1).unflatten(-1, (3, 3))


def rotation_z(angle: PerPose) -> Rotation:
    """Right-handed rotation about z, the optical axis, by `angle` radians."""
    zero, one, c, s = torch.zeros_like(angle), torch.ones_like(angle), angle.cos(), angle.sin()
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], dim=-1).unflatten(-1, (3, 3))


def rotate(points: Pose3D, rotation: Rotation) -> Pose3D:
    """R p for each point p. Written as a sum of products, which autocast leaves in full precision."""
    return (points[..., None, :] * rotation[..., None, :, :]).sum(dim=-1)


def root_relative(pose: Pose) -> Pose:
    """The pose moved so that its root joint is the origin."""
    return pose - pose[..., ROOT : ROOT + 1, :]


def bone_vectors(pose: Pose) -> Float[Tensor, "*batch bone dim"]:
    """From the near to the far end of each of `skeleton.BONES`, in the pose's unit."""
    return joints_of(pose, _CHILDREN) - joints_of(pose, _PARENTS)


def joints_of(pose: Pose, numbers: tuple[int, ...]) -> Float[Tensor, "*batch some dim"]:
    """The joints with the given numbers, in that order."""
    return pose.index_select(-2, _on_device(numbers, pose.device))


def _on_device(numbers: tuple[int, ...], device: torch.device) -> Tensor:
    """The numbers as a tensor, made once a device: a copy at every step would make the GPU's queue run empty."""
    index = _INDICES.get((numbers, device))
    if index is None:
        with torch.inference_mode(False):
            index = torch.tensor(numbers, device=device)
        # While a network is exported, tensors are stand-ins of another class, which are worthless afterwards.
        if type(index) is Tensor:
            _INDICES[numbers, device] = index
    return index


def usable(pose: Pose) -> Bool[Tensor, "*batch"]:
    """Mask (...) of poses that are finite, not all one point, and not so large that their squares overflow."""
    size = root_relative(pose).abs().amax(dim=(-2, -1))  # NaN compares as false.
    return (size > SMALLEST_SIZE) & (size < LARGEST_SIZE)


def place_at_distance(pose_rel: Pose3D) -> Pose3D:
    """A root-relative pose put in front of the camera, its root on the optical axis, depths clipped as the lift's."""
    depth = (pose_rel[..., 2:] + CAMERA_DISTANCE).clamp(min=NEAREST_DEPTH)
    return torch.cat([pose_rel[..., :2], depth], dim=-1)


def turn_to_ray(ray: Float[Tensor, "*batch 2"]) -> Rotation:
    """The smallest rotation that takes the optical axis (0, 0, 1) to the direction (x, y, 1) of a ray."""
    forward = torch.cat([ray, torch.ones_like(ray[..., :1])], dim=-1)
    forward = forward / forward.norm(dim=-1, keepdim=True)
    x, y, z = forward.unbind(-1)
    # Rodrigues about (-y, x, 0) with cosine z; 1 / (1 + z) is safe since z > 0.
    k = 1 / (1 + z)
    rows = [1 - x * x * k, -x * y * k, x, -x * y * k, 1 - y * y * k, y, -x, -y, z]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def turn_camera_to_root(pose_ray: Pose2D) -> tuple[Pose2D, Rotation]:
    """The image as a camera that looks straight at the root would see it.

    Returns:
        The rays (..., J, 2) in that camera, whose root is at (0, 0), and the rotation (..., 3, 3) that takes
        its frame back to the real camera's.
    """
    rotation = turn_to_ray(pose_ray[..., ROOT, :])
    directions = torch.cat([pose_ray, torch.ones_like(pose_ray[..., :1])], dim=-1)
    return project(rotate(directions, rotation.mT)), rotation


def pixels_to_rays(points_px: Pose2D, intrinsics_px: Intrinsics) -> Pose2D:
    """Pixels to the image plane at z = 1. `intrinsics_px` is (fx, fy, cx, cy); lens distortion is left as it is."""
    focal, centre = intrinsics_px[..., None, :2], intrinsics_px[..., None, 2:]
    return (points_px - centre) / focal


def rays_to_pixels(points_ray: Pose2D, intrinsics_px: Intrinsics) -> Pose2D:
    """Inverse of `pixels_to_rays`."""
    focal, centre = intrinsics_px[..., None, :2], intrinsics_px[..., None, 2:]
    return points_ray * focal + centre


def distort(
    points_ray: Float[Tensor, "*batch 2"], radial: Float[Tensor, " 3"], tangential: Float[Tensor, " 2"]
) -> Float[Tensor, "*batch 2"]:
    """Brown's lens model on the image plane at z = 1, as Human3.6M's cameras use it.

    Args:
        points_ray: (..., 2) undistorted.
        radial: k1, k2, k3 of r^2, r^4 and r^6.
        tangential: p1, p2.
    """
    square = (points_ray**2).sum(dim=-1, keepdim=True)
    radial_gain = 1 + radial[0] * square + radial[1] * square**2 + radial[2] * square**3
    tangential_gain = 2 * (tangential[0] * points_ray[..., 1:] + tangential[1] * points_ray[..., :1])
    return points_ray * (radial_gain + tangential_gain) + tangential.flip(-1) * square


def world_to_camera(
    points: Float[Tensor, "*batch 3"], rotation: Float[Tensor, "3 3"], centre: Float[Tensor, " 3"]
) -> Float[Tensor, "*batch 3"]:
    """R (X - centre), the camera's rotation R and its centre in the world's unit."""
    return (points - centre) @ rotation.mT
