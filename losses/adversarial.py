"""The losses of lifter and discriminator on projections in random views (Chen et al. 2019, section 3.3)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from utils.geometry import CAMERA_DISTANCE

Kind = Literal["non_saturating", "least_squares"]
"""The values of --gan_loss."""


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
    """Gaussian noise on what the discriminator sees: it must not learn poses by heart.

    Args:
        pose_norm: normalised poses.
        std: standard deviation, as a fraction of a person's size; 0 for none.
        generator: source of randomness.
    """
    if not std:
        return pose_norm
    return pose_norm + (std / CAMERA_DISTANCE) * torch.randn(
        pose_norm.shape, generator=generator, device=pose_norm.device
    )
