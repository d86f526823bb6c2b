"""The heart of the method: lift, turn, project, lift, turn back (Chen et al. 2019, section 3.2, figure 2)."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from utils.geometry import lift_to_camera, place_at_distance, project, root_relative, rotate, rotation_x, rotation_y
from utils.normalization import pixels_to_norm


class Cycle(NamedTuple):
    """One round. 3D poses are root-relative, in units of the person's size."""

    pose: Tensor
    """(B, 17, 3) the first lift."""
    turned: Tensor
    """(B, 17, 3) the first lift in the random view."""
    projection_norm: Tensor
    """(B, 17, 2) what the random view sees, normalised: what the critic judges."""
    lifted_again: Tensor
    """(B, 17, 3) the second lift, in the random view and in the scale of `turned`."""
    reprojection_norm: Tensor
    """(B, 17, 2) the second lift turned back and projected in the first view."""


def random_views(
    count: int, azimuth_range: float, elevation_law: str, mean: float, spread: float, generator: torch.Generator
) -> Tensor:
    """Rotations R = Rx(new elevation) Ry(azimuth) Rx(-mean elevation) about the root, as Chen's R = Rx Ry.

    Cameras look down at people. The factor Rx(-mean) puts the person upright before turning it about the vertical;
    without it (mean 0) every camera is taken to be level, and the lifted person leans.

    Args:
        count: how many.
        azimuth_range: the azimuth is uniform within this many degrees either way.
        elevation_law: "normal" or "uniform".
        mean: of the camera's elevation, degrees, positive looking down.
        spread: standard deviation of a normal elevation, or the half width of a uniform one, degrees.
        generator: of the random numbers; the rotations live on its device.

    Returns:
        (count, 3, 3).
    """
    device = generator.device
    azimuth = (torch.rand(count, generator=generator, device=device) * 2 - 1) * azimuth_range
    if elevation_law == "normal":
        law = torch.randn(count, generator=generator, device=device)
    else:
        law = torch.rand(count, generator=generator, device=device) * 2 - 1
    elevation = mean + spread * law
    level = rotation_x(torch.full_like(azimuth, -math.radians(mean)))
    return rotation_x(elevation.deg2rad()) @ rotation_y(azimuth.deg2rad()) @ level


def lift_cycle(lifter: Callable[[Tensor], Tensor], pose_norm: Tensor, rotation: Tensor, renormalise: bool) -> Cycle:
    """Lifts poses (B, 17, 2), turns them by (B, 3, 3), projects, lifts again, turns back and projects.

    Args:
        lifter: depths (B, 17) of normalised poses.
        pose_norm: the poses.
        rotation: the random views.
        renormalise: give the projections the size that all other poses have. The person seen from elsewhere is
            larger or smaller in the image, and a critic that sees the size needs no pose.
    """
    pose = root_relative(lift_to_camera(pose_norm, lifter(pose_norm)))
    turned = rotate(pose, rotation)
    projection_norm, scale = project(place_at_distance(turned)), turned.new_ones(len(turned))
    if renormalise:
        projection_norm, _, scale = pixels_to_norm(projection_norm)
    lifted_again = root_relative(lift_to_camera(projection_norm, lifter(projection_norm))) * scale[:, None, None]
    returned = rotate(lifted_again, rotation.mT)
    return Cycle(pose, turned, projection_norm, lifted_again, project(place_at_distance(returned)))
