"""The losses of lifter and discriminators on projections in random views (Chen et al. 2019, section 3.3).

One discriminator sees poses. The temporal one sees motions: how the joints move in the image from one frame of a video
to a later one, and how they do where both frames are lifted, turned to the same random view and projected.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from utils.config import LossConfig
from utils.geometry import CAMERA_DISTANCE, place_at_distance, project, rotate
from utils.normalization import pixels_to_norm

from .self_supervision import Cycle, Term, Terms

Kind = Literal["non_saturating", "least_squares"]
"""The values of --gan_loss."""
Network = Callable[[Tensor], Tensor]
"""A discriminator: logits (n) of normalised 2D poses or motions (n, 17, 2), positive for real."""


class Comparison(NamedTuple):
    """What a discriminator is to tell apart, (B, 17, 2) each: poses, or motions."""

    loss_name: str
    weight: float
    """Name and weight of the lifter's loss."""
    real_norm: Tensor
    fake_norm: Tensor


Comparisons = dict[str, Comparison]
"""By the discriminators' names."""


def comparisons(
    lift: Callable[[Tensor], Tensor], batch_norm: Tensor, cycle: Cycle, rotation: Tensor, options: LossConfig
) -> Comparisons:
    """What each discriminator is to tell apart.

    Args:
        lift: root-relative 3D poses (B, 17, 3) of normalised poses (B, 17, 2).
        batch_norm: (B, 17, 2) poses or (B, 2, 17, 2) pairs of frames, both in the scale that normalises the first.
        cycle: of the poses, or of the pairs' first frames.
        rotation: (B, 3, 3) its random views.
        options: which losses have a weight.
    """
    found = {}
    if options.weight_adversarial:
        found["discriminator"] = Comparison(
            "adversarial", options.weight_adversarial, first_frames(batch_norm), cycle.projection_norm
        )
    if options.weight_temporal:
        first_norm, later_norm = batch_norm.unbind(dim=1)
        fake = projected_motion(cycle.rotated, rotate(lift(later_norm), rotation))
        found["temporal_discriminator"] = Comparison("temporal", options.weight_temporal, later_norm - first_norm, fake)
    return found


def first_frames(batch_norm: Tensor) -> Tensor:
    """(B, 17, 2) of a batch of poses, or of pairs (B, 2, 17, 2)."""
    return batch_norm if batch_norm.dim() == 3 else batch_norm[:, 0]


def projected_motion(
    rotated: Float[Tensor, "batch joint 3"], later_rotated: Float[Tensor, "batch joint 3"]
) -> Float[Tensor, "batch joint 2"]:
    """How the joints move in the image between two root-relative poses, in the scale that normalises the first."""
    first_norm, _, scale = pixels_to_norm(project(place_at_distance(rotated)))
    return project(place_at_distance(later_rotated)) / scale[:, None, None] - first_norm


def generator_terms(
    discriminators: Mapping[str, Network], found: Comparisons, options: LossConfig, generator: torch.Generator
) -> Terms:
    """The lifter's loss against each discriminator, on its projections in random views."""
    terms = []
    for name, comparison in found.items():
        seen_norm = add_noise(comparison.fake_norm, options.discriminator_noise, generator)
        loss = generator_loss(discriminators[name](seen_norm), options.gan_loss)
        terms.append(Term(comparison.loss_name, comparison.weight, loss))
    return terms


def discriminator_terms(
    discriminator: Network, comparison: Comparison, options: LossConfig, generator: torch.Generator
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """A discriminator's loss on real and projected poses or motions, without gradients for the lifter; its accuracy."""
    both = torch.cat([comparison.real_norm, comparison.fake_norm.detach()])
    real_logit, fake_logit = discriminator(add_noise(both, options.discriminator_noise, generator)).chunk(2)
    loss = discriminator_loss(real_logit, fake_logit, options.gan_loss)
    return loss, discriminator_accuracy(real_logit.detach(), fake_logit.detach())


def discriminator_loss(
    real_logit: Float[Tensor, " n"], fake_logit: Float[Tensor, " m"], kind: Kind
) -> Float[Tensor, ""]:
    """What the discriminator minimises: logits should be positive for real poses, negative for projections.

    "non_saturating" is Goodfellow et al. 2014 (log 2 for each half at logit 0). "least_squares" is Mao et al. 2017
    with targets +1 and -1, divided by four, which equals their coding with 0 and 1.
    """
    if kind == "non_saturating":
        return softplus(-real_logit).mean() + softplus(fake_logit).mean()
    return ((real_logit - 1).square().mean() + (fake_logit + 1).square().mean()) / 4


def generator_loss(fake_logit: Float[Tensor, " n"], kind: Kind) -> Float[Tensor, ""]:
    """What the lifter minimises: its projections should be taken for real poses."""
    if kind == "non_saturating":
        return softplus(-fake_logit).mean()
    return (fake_logit - 1).square().mean() / 4


def discriminator_accuracy(real_logit: Float[Tensor, " n"], fake_logit: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """Fraction of right decisions; real poses and projections weigh the same."""
    return ((real_logit > 0).float().mean() + (fake_logit <= 0).float().mean()) / 2


def add_noise(
    pose_norm: Float[Tensor, "batch joint 2"], std: float, generator: torch.Generator
) -> Float[Tensor, "batch joint 2"]:
    """Gaussian noise on what a discriminator sees: it must not learn poses by heart.

    Args:
        pose_norm: normalised poses or motions.
        std: standard deviation, as a fraction of a person's size; 0 for none.
        generator: source of randomness.
    """
    if not std:
        return pose_norm
    return pose_norm + (std / CAMERA_DISTANCE) * torch.randn(
        pose_norm.shape, generator=generator, device=pose_norm.device
    )
