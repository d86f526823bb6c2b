"""Geometric self-consistency: lift, turn, project, lift, turn back (Chen et al. 2019, section 3.2)."""

from jaxtyping import Float
from torch import Tensor


def pose_distance(
    first: Float[Tensor, "*batch joint dim"], second: Float[Tensor, "*batch joint dim"]
) -> Float[Tensor, ""]:
    """Mean squared distance between the joints of two poses, in the square of their unit.

    L3D (Eq. 4) when both are 3D poses in the turned view, L2D (Eq. 5) when they are the input and the final
    projection in the first view.
    """
    return (first - second).square().sum(dim=-1).mean()
