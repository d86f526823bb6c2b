"""Geometric self-supervision: the method of Chen et al. 2019 on one page.

    2D pose -> lift -> 3D pose -> rotate to a random view -> project -> 2D pose -> lift -> rotate back -> project
       |                  |                                      |           |                            |
       |                  |                                discriminator     |                            |
       |                  '-------------------- L3D, both lifts agree -------'                            |
       '----------------------------------- L2D, the input is found again --------------------------------'

Section 3.2 and figure 2 of the paper. The adversarial loss on the random views is in `losses.adversarial`, what is
known about bodies in `losses.priors`; `models.gan` adds them all up.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from utils.config import LossConfig, ViewConfig
from utils.geometry import CAMERA_DISTANCE, place_at_distance, project, rotate, rotation_x, rotation_y
from utils.normalization import pixels_to_norm

from .priors import bone_ratio_loss, knee_loss


class Term(NamedTuple):
    """One part of a loss."""

    name: str
    weight: float
    value: Tensor
    """A scalar, without its weight."""


Terms = list[Term]


def total(terms: Terms) -> Tensor:
    """The weighted sum of some terms."""
    first, *others = (term.weight * term.value for term in terms)
    return sum(others, first)


class Cycle(NamedTuple):
    """What one round of the method yields. 3D poses are root-relative, in units of the person's size."""

    pose: Tensor
    """(B, 17, 3) the first lift."""
    rotated: Tensor
    """(B, 17, 3) the first lift in the random view."""
    projection_norm: Tensor
    """(B, 17, 2) the projection in the random view, normalised: what the discriminator sees."""
    relifted: Tensor
    """(B, 17, 3) the second lift, in the random view and in the scale of `rotated`."""
    reprojection_norm: Tensor
    """(B, 17, 2) the second lift rotated back and projected in the first view."""


def random_views(count: int, views: ViewConfig, generator: torch.Generator) -> Float[Tensor, "count 3 3"]:
    """Rotations R = Rx(new elevation) Ry(azimuth) Rx(-mean elevation) about the root: the paper's R = Rx Ry.

    Cameras look down at people. The factor Rx(-mean) puts the person upright before the rotation about the vertical.
    Without it (mean 0) every camera is taken to be level, and the lifted person leans.

    Args:
        count: number of rotations.
        views: distributions of azimuth and elevation.
        generator: source of randomness; the rotations live on its device, in full precision.
    """
    device = generator.device
    azimuth = (torch.rand(count, generator=generator, device=device) * 2 - 1) * views.azimuth_range
    if views.elevation_distribution == "normal":
        deviation = torch.randn(count, generator=generator, device=device)
    else:
        deviation = torch.rand(count, generator=generator, device=device) * 2 - 1
    elevation = views.elevation_mean + views.elevation_std * deviation
    level = rotation_x(torch.full_like(azimuth, -math.radians(views.elevation_mean)))
    with torch.autocast(device.type, enabled=False):
        return rotation_x(elevation.deg2rad()) @ rotation_y(azimuth.deg2rad()) @ level


def lift_cycle(
    lift: Callable[[Tensor], Tensor],
    pose_norm: Float[Tensor, "batch joint 2"],
    rotation: Float[Tensor, "batch 3 3"],
    renormalise: bool,
) -> Cycle:
    """Lift, rotate, project, lift, rotate back, project (figure 2).

    Args:
        lift: root-relative 3D poses (B, 17, 3) of normalised poses (B, 17, 2).
        pose_norm: normalised 2D poses.
        rotation: one random view for each.
        renormalise: give the projections the size that all real poses have. A person seen from elsewhere is larger
            or smaller in the image, and a discriminator that sees the size need not look at the pose.
    """
    pose = lift(pose_norm)
    rotated = rotate(pose, rotation)
    projection_norm, scale = project(place_at_distance(rotated)), rotated.new_ones(len(rotated))
    if renormalise:
        projection_norm, _, scale = pixels_to_norm(projection_norm)
    relifted = lift(projection_norm) * scale[:, None, None]
    returned = rotate(relifted, rotation.mT)
    return Cycle(pose, rotated, projection_norm, relifted, project(place_at_distance(returned)))


def pose_distance(
    first: Float[Tensor, "*batch joint dim"], second: Float[Tensor, "*batch joint dim"]
) -> Float[Tensor, ""]:
    """Mean squared distance between the joints of two poses, in the square of their unit (Eqs. 4 and 5)."""
    return (first - second).square().sum(dim=-1).mean()


class SelfSupervision:
    """The losses of one batch that need neither labels nor a discriminator.

    Args:
        losses: the weights.
        views: distribution of the random views.
        bone_ratios: (16,) published lengths of `skeleton.BONES` over their mean.
    """

    def __init__(self, losses: LossConfig, views: ViewConfig, bone_ratios: Tensor) -> None:
        self.losses, self.views, self.bone_ratios = losses, views, bone_ratios

    @property
    def is_active(self) -> bool:
        """Whether any loss needs the 2D poses; supervision by synthetic poses alone does not."""
        losses = self.losses
        weights = (losses.weight_adversarial, losses.weight_temporal, losses.weight_2d, losses.weight_3d)
        return any(weights) or bool(losses.weight_bone or losses.weight_knee)

    def __call__(self, lift: Callable[[Tensor], Tensor], pose_norm: Tensor, rotation: Tensor) -> tuple[Cycle, Terms]:
        """The cycle and its terms; distances are squared, in units of the person's size.

        Args:
            lift: root-relative 3D poses (B, 17, 3) of normalised poses (B, 17, 2).
            pose_norm: (B, 17, 2).
            rotation: (B, 3, 3) from `random_views`.
        """
        losses = self.losses
        cycle = lift_cycle(lift, pose_norm, rotation, losses.renormalise)
        l2d = pose_distance(pose_norm * CAMERA_DISTANCE, cycle.reprojection_norm * CAMERA_DISTANCE)
        return cycle, [
            Term("2d", losses.weight_2d, l2d),
            Term("3d", losses.weight_3d, pose_distance(cycle.rotated, cycle.relifted)),
            Term("bone", losses.weight_bone, bone_ratio_loss(cycle.pose, self.bone_ratios)),
            Term("knee", losses.weight_knee, knee_loss(cycle.pose)),
        ]
