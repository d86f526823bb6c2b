"""Geometric self-consistency: lift, turn, project, lift, turn back (Chen et al. 2019, section 3.2)."""

from jaxtyping import Float
from torch import Tensor


def pose_distance(first: Float[Tensor, "*batch joint dim"], second: Float[Tensor, "*batch joint dim"]):
    """Mean squared distance between the joints of two poses, in the square of their unit.

    L3D (Eq. 4) when both are 3D poses in the turned view, L2D (Eq. 5) when they are the input and the final
    projection in the first view.
    """
    return (first - second).square().sum(dim=-1).mean()


def deformation_distance(
    first: Float[Tensor, "batch joint dim"], second: Float[Tensor, "batch joint dim"]
) -> Float[Tensor, ""]:
    """Difference between two people must survive the cycle as well as each person does (ElePose, Eq. 9).

    Compares pose_i - pose_j, j the next person of the batch, of both sides.
    """
    change = first - first.roll(1, dims=0)
    return pose_distance(change, second - second.roll(1, dims=0))
