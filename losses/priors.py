"""What is known about people without any 3D pose."""

import torch
from jaxtyping import Float
from torch import Tensor

from utils.geometry import bone_vectors
from utils.skeleton import INDEX

KNEE_TOLERANCE = 0.1
"""Sine of the angle, 6 degrees, by which a knee may seem to bend forward: joints are marked that inexactly."""


def bone_ratio_loss(pose: Float[Tensor, "*batch joint 3"], ratios: Float[Tensor, " bone"]) -> Float[Tensor, ""]:
    """Mean squared deviation of a pose's bone lengths, over their mean, from published ratios (ElePose, Eq. 8)."""
    lengths = bone_vectors(pose).square().sum(dim=-1).clamp(min=1e-12).sqrt()
    return (lengths / lengths.mean(dim=-1, keepdim=True) - ratios).square().mean()


def knee_loss(pose: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, ""]:
    """Knees do not bend forward.

    With unit vectors along thigh t, shank s and from right to left hip h, (t x s) . h is the sine of the knee's
    flexion: positive for a knee that bends as knees do, whatever the view. Costs the square of what is beyond
    `KNEE_TOLERANCE`. A depth flip mirrors the person and turns the sign, so this is what tells front from back.
    """
    across = _direction(pose, "right_hip", "left_hip")
    cost = pose.new_zeros(pose.shape[:-2])
    for side in ("left", "right"):
        thigh = _direction(pose, f"{side}_hip", f"{side}_knee")
        shank = _direction(pose, f"{side}_knee", f"{side}_foot")
        flexion = (torch.linalg.cross(thigh, shank) * across).sum(dim=-1)
        cost = cost + (-KNEE_TOLERANCE - flexion).clamp(min=0).square()
    return cost.mean()


def _direction(pose: Tensor, start: str, end: str) -> Tensor:
    vector = pose[..., INDEX[end], :] - pose[..., INDEX[start], :]
    return vector / (vector.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()


def pose_loss(pose: Float[Tensor, "*batch joint dim"], target: Float[Tensor, "*batch joint dim"]) -> Float[Tensor, ""]:
    """Sum over the coordinates of the mean absolute errors: supervision by synthetic poses and pseudo-labels."""
    return (pose - target).abs().sum(dim=-1).mean()


def scale_loss(error: Float[Tensor, "*batch joint"], scale: Float[Tensor, "*batch joint"]) -> Float[Tensor, ""]:
    """Negative log-likelihood, but for a constant, of distances under the density exp(-e / b) / (8 pi b^3) in space.

    Args:
        error: distances e of predicted from true joints.
        scale: b, as predicted, in the same unit.
    """
    return (error / scale + 3 * scale.log()).mean()
