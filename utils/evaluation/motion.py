"""Two figures of videos that errors in mm do not tell: whether a person leans, and whether the pose trembles.

Poses are (frame, joint, 3), x right, y down, z forward. As for the other figures, a prediction's scale and position do
not matter.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .alignment import best_rotation


def tilt_deg(pred: Float[Tensor, "frame joint 3"], target: Float[Tensor, "frame joint 3"]) -> Float[Tensor, " frame"]:
    """By how many degrees a person leans: the angle by which P-MPJPE's rotation turns the camera's vertical.

    A wrong heading, which is a turn about the vertical, does not count.
    """
    # The vertical turned is the rotation's second row, and its part along the vertical is the angle's cosine.
    cosine = best_rotation(pred, target)[..., 1, 1]
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))


def acceleration_error(pred: Float[Tensor, "frame joint 3"], target: Float[Tensor, "frame joint 3"]) -> float:
    """The mean distance of the joints' accelerations from the true ones, in target units per frame squared.

    An acceleration is the second difference of three consecutive frames. The prediction gets one least-squares scale
    for the whole video: scales of each frame would add a trembling of their own.

    Args:
        pred: root-relative, NaN in frames without a prediction: a triple with one of these is left out.
        target: root-relative.

    Returns:
        NaN if no three consecutive frames have a prediction.
    """
    found = pred.isfinite().flatten(1).all(dim=1)
    seen, truth = pred[found], target[found]
    scaled = pred * (seen * truth).sum() / seen.square().sum()
    triples = found[:-2] & found[1:-1] & found[2:]
    difference = (_acceleration(scaled) - _acceleration(target))[triples]
    return float(difference.norm(dim=-1).mean())


def _acceleration(poses: Tensor) -> Tensor:
    return poses[2:] - 2 * poses[1:-1] + poses[:-2]
