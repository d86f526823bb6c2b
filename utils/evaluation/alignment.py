"""Bringing a predicted pose to the size, or the place, of the true one.

Predictions have no unit: their largest coordinate is 1 (`metrics` sees to that), or all their joints are one point.
Scales are of root-relative poses (..., J, 3), and shaped (..., 1, 1) to multiply them. Sums stand for matrix
products here: autocast and TF32 would leave only three digits of a matmul.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def distances(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch joint"]:
    """Distance (..., J) of each joint from the true one, in the poses' unit."""
    return _length(pred - target)


def in_plane_scale(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch 1 1"]:
    """What makes the mean root-joint distance in the image plane (x, y) the true one's."""
    return _ratio(_length(target[..., :2]).mean(dim=-1), _length(pred[..., :2]).mean(dim=-1))


def least_squares_scale(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch 1 1"]:
    """What makes the sum of squared distances least. Never negative: that would turn the person inside out."""
    product = (pred * target).flatten(-2).sum(dim=-1).clamp(min=0)
    return _ratio(product, pred.square().flatten(-2).sum(dim=-1))


def norm_scale(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> Float[Tensor, "*batch 1 1"]:
    """The ratio of the two poses' norms."""
    return _ratio(target.flatten(-2).norm(dim=-1), pred.flatten(-2).norm(dim=-1))


def depth_flip(pose: Float[Tensor, "*batch joint 3"]) -> Float[Tensor, "*batch joint 3"]:
    """The pose with z negated: what an image without perspective cannot tell from it."""
    return pose * pose.new_tensor([1.0, 1.0, -1.0])


def procrustes_distances(
    pred: Float[Tensor, "*batch joint 3"], target: Float[Tensor, "*batch joint 3"]
) -> tuple[Float[Tensor, "*batch joint"], Float[Tensor, "*batch joint"]]:
    """Distances (..., J) after the best rotation, translation and scale (Umeyama 1991).

    Returns:
        Those without reflections, and those where a reflection is allowed if it fits better; both from one singular
        value decomposition.
    """
    pred, target = pred - pred.mean(dim=-2, keepdim=True), target - target.mean(dim=-2, keepdim=True)
    covariance = torch.stack([(pred[..., i : i + 1] * target).sum(dim=-2) for i in range(3)], dim=-2)
    u, singular, vh = torch.linalg.svd(covariance)
    handedness = _determinant(u) * _determinant(vh)
    variance = pred.square().flatten(-2).sum(dim=-1)
    results = []
    for last in (handedness.sign(), torch.ones_like(handedness)):
        signs = torch.stack([torch.ones_like(last), torch.ones_like(last), last], dim=-1)
        turn = _product(u * signs[..., None, :], vh)
        scale = _ratio((singular * signs).sum(dim=-1), variance)
        results.append(distances(_product(pred, turn * scale), target))
    return results[0], results[1]


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the last axis, summed by component: several times faster than `norm` over 3 numbers."""
    return sum(component.square() for component in vectors.unbind(-1)).sqrt()


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Of numbers a pose, shaped to multiply poses; finite even for a prediction of no size."""
    return (numerator / denominator.clamp(min=1e-6))[..., None, None]


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    """(..., n, 3) times (..., 3, 3), as a sum of products."""
    return sum(rows[..., i : i + 1] * matrix[..., i : i + 1, :] for i in range(3))


def _determinant(matrix: Tensor) -> Tensor:
    first, second, third = matrix.unbind(-2)
    return (torch.linalg.cross(first, second) * third).sum(dim=-1)
