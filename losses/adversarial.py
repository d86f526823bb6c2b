"""The game between the lifter's projections and the 2D pose critic (Chen et al. 2019, section 3.3)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

Kind = Literal["non_saturating", "least_squares"]
"""What --gan_loss may be."""


def critic_loss(real_logit: Float[Tensor, " n"], fake_logit: Float[Tensor, " m"], kind: Kind) -> Float[Tensor, ""]:
    """What the critic minimises: positive logits for real poses, negative ones for projections.

    "non_saturating" is Goodfellow et al. 2014 (log 2 for each half at logit 0); "least_squares" is Mao et al. 2017
    with targets +1 and -1, quartered, which is their 0-1 coding.
    """
    if kind == "non_saturating":
        return softplus(-real_logit).mean() + softplus(fake_logit).mean()
    return ((real_logit - 1).square().mean() + (fake_logit + 1).square().mean()) / 4


def deception_loss(fake_logit: Float[Tensor, " n"], kind: Kind) -> Float[Tensor, ""]:
    """What the lifter minimises: its projections should be taken for real poses."""
    if kind == "non_saturating":
        return softplus(-fake_logit).mean()
    return (fake_logit - 1).square().mean() / 4


def critic_accuracy(real_logit: Float[Tensor, " n"], fake_logit: Float[Tensor, " m"]) -> Float[Tensor, ""]:
    """Share of right decisions, both halves weighing the same."""
    return ((real_logit > 0).float().mean() + (fake_logit <= 0).float().mean()) / 2
