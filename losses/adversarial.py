"""The losses of lifter and discriminator on projections in random views (Chen et al. 2019, section 3.3)."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from utils.config import LossConfig
from utils.geometry import CAMERA_DISTANCE

Kind = Literal["non_saturating", "least_squares"]
"""The values of --gan_loss."""
Judge = Callable[[Tensor], Tensor]
"""The discriminator: logits (n) of normalised 2D poses (n, 17, 2), positive for real."""


def generator_term(
    judge: Judge, fake_norm: Float[Tensor, "batch joint 2"], options: LossConfig, generator: torch.Generator
) -> Float[Tensor, ""]:
    """The lifter's loss on its projections in random views."""
    fake_logit = judge(add_noise(fake_norm, options.discriminator_noise, generator))
    return generator_loss(fake_logit, options.gan_loss)


def discriminator_terms(
    judge: Judge,
    real_norm: Float[Tensor, "real joint 2"],
    fake_norm: Float[Tensor, "fake joint 2"],
    options: LossConfig,
    generator: torch.Generator,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The discriminator's loss on real poses and on projections, and its accuracy."""
    both = add_noise(torch.cat([real_norm, fake_norm]), options.discriminator_noise, generator)
    real_logit, fake_logit = judge(both).split([len(real_norm), len(fake_norm)])
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
