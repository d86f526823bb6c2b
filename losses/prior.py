"""What is known about people without any 3D pose."""

import torch
from jaxtyping import Float
from torch import Tensor

from utils.skeleton import BONES

_PARENT = [parent for parent, _ in BONES]
_CHILD = [child for _, child in BONES]


def bone_lengths(pose: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch bone"]:
    """Lengths of `skeleton.BONES`, in the pose's unit."""
    return (pose[..., _CHILD, :] - pose[..., _PARENT, :]).square().sum(dim=-1).clamp(min=1e-12).sqrt()


def bone_ratio_loss(pose: Float[Tensor, "*batch joint 3"], ratios: Float[Tensor, " bone"]) -> Float[Tensor, ""]:
    """Mean squared deviation of a pose's bone lengths, over their mean, from published ratios (ElePose, Eq. 8)."""
    lengths = bone_lengths(pose)
    return (lengths / lengths.mean(dim=-1, keepdim=True) - ratios).square().mean()


def depth_loss(depth: Float[Tensor, "*batch joint"], target: Float[Tensor, "*batch joint"]) -> Float[Tensor, ""]:
    """Mean absolute depth error: supervision by procedurally generated people, whose depths are known."""
    return torch.nn.functional.l1_loss(depth, target)
