"""The one normalisation that training, validation and the demo share, and the horizontal flip."""

import torch
from jaxtyping import Float
from torch import Tensor

from .geometry import (
    CAMERA_DISTANCE,
    Intrinsics,
    PerJoint,
    PerPose,
    Pose,
    Pose2D,
    Rotation,
    joints_of,
    pixels_to_rays,
    root_relative,
    turn_camera_to_root,
)
from .skeleton import MIRROR, NUM_JOINTS, ROOT

EXACT, DETECTED, UNSEEN = 1.0, 0.5, 0.0
"""What a lifter may know of a keypoint, its confidence: it is where the joint is, a detector has found it, or nobody
sees the joint and the keypoint means nothing."""


def pixels_to_norm(
    pose_px: Pose2D, confidence: PerJoint | None = None
) -> tuple[Pose2D, Float[Tensor, "*batch 2"], PerPose]:
    """Root-centred pose whose joints are 1 / c from the root on average (Chen et al. 2019, section 3.1).

    Chen divides by the head-root distance; the mean over all joints (Kudo et al. 2018) varies less with the pose.
    It serves rays as well as pixels: the result has no unit. Joints whose confidence is 0 are left out of the mean;
    the root must be seen.

    Returns:
        `pose_norm` (..., J, 2), `root_px` (..., 2) and `scale_px` (...), such that
        pose_px = root_px + scale_px * pose_norm.
    """
    root_px = pose_px[..., ROOT, :]
    centred = pose_px - root_px[..., None, :]
    scale_px = mean_root_distance(centred, confidence).clamp(min=1e-9) * CAMERA_DISTANCE
    return centred / scale_px[..., None, None], root_px, scale_px


def mean_root_distance(pose: Pose, confidence: PerJoint | None = None) -> PerPose:
    """Mean distance of the other joints from the root (Kudo et al. 2018), of those with a confidence above 0."""
    distance = root_relative(pose).norm(dim=-1)
    if confidence is None:
        return distance.sum(dim=-1) / (NUM_JOINTS - 1)
    seen = (confidence > UNSEEN).to(distance.dtype)
    return (distance * seen).sum(dim=-1) / (seen.sum(dim=-1) - 1).clamp(min=1)


def pixels_to_virtual_norm(
    pose_px: Pose2D, intrinsics_px: Intrinsics, confidence: PerJoint | None = None
) -> tuple[Pose2D, Rotation, PerPose]:
    """With known intrinsics (fx, fy, cx, cy): the normalised pose as a camera that looks at the root sees it.

    `confidence` as in `pixels_to_norm`.

    Returns:
        `pose_norm` (..., J, 2), the rotation (..., 3, 3) that takes the lifted pose back to the real camera, and how
        near the person is (...): c over the root's depth in units of the person's size in the image plane.
    """
    pose_ray, rotation = turn_camera_to_root(pixels_to_rays(pose_px, intrinsics_px))
    pose_norm, _, nearness = pixels_to_norm(pose_ray, confidence)
    return pose_norm, rotation, nearness


def flip(pose: Pose) -> Pose:
    """The mirror image about the root's vertical: x negated, left and right joints swapped. Its own inverse.

    The root must be at x = 0, as it is in normalised and root-relative poses.
    """
    mirrored = joints_of(pose, MIRROR)
    return torch.cat([-mirrored[..., :1], mirrored[..., 1:]], dim=-1)
