"""Bringing a predicted pose to the size, or the place, of the true one.

Poses are (..., J, 3). The scales are of root-relative poses whose largest coordinate is about 1 in the prediction
(`metrics` sees to that), or whose joints are all one point; they are shaped (..., 1, 1) to multiply poses.
Sums of products stand in for matrix products here: autocast and TensorFloat32 would keep only three digits of those.
"""

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry import PerJoint, Pose3D, Rotation

Scale = Float[Tensor, "*batch 1 1"]


def distances(pred: Pose3D, target: Pose3D) -> PerJoint:
    """Distance of each joint from the true one, in the poses' unit."""
    return _length(pred - target)


def in_plane_scale(pred: Pose3D, target: Pose3D) -> Scale:
    """The scale that gives the prediction the true mean root-joint distance in the image plane (x, y)."""
    return _ratio(_length(target[..., :2]).mean(dim=-1), _length(pred[..., :2]).mean(dim=-1))


def least_squares_scale(pred: Pose3D, target: Pose3D) -> Scale:
    """The scale with the least sum of squared distances, but never a negative one: that would mirror the person."""
    product = (pred * target).flatten(-2).sum(dim=-1).clamp(min=0)
    return _ratio(product, pred.square().flatten(-2).sum(dim=-1))


def norm_scale(pred: Pose3D, target: Pose3D) -> Scale:
    """The ratio of the two poses' norms."""
    return _ratio(target.flatten(-2).norm(dim=-1), pred.flatten(-2).norm(dim=-1))


def depth_flip(pose: Pose3D) -> Pose3D:
    """The pose with z negated, which looks the same in an image without perspective."""
    return pose * pose.new_tensor([1.0, 1.0, -1.0])


def procrustes_distances(pred: Pose3D, target: Pose3D) -> tuple[PerJoint, PerJoint]:
    """Distances of the joints after the best rotation, translation and scale (Umeyama 1991).

    Returns:
        Without reflections, and with a reflection wherever it fits better. Both come from one singular value
        decomposition.
    """
    pred, target = _centred(pred), _centred(target)
    u, singular, vh = torch.linalg.svd(_covariance(pred, target))
    handedness = _determinant(u) * _determinant(vh)
    variance = pred.square().flatten(-2).sum(dim=-1)
    results = []
    for last in (handedness.sign(), torch.ones_like(handedness)):
        signs = torch.stack([torch.ones_like(last), torch.ones_like(last), last], dim=-1)
        rotation = _product(u * signs[..., None, :], vh)
        scale = _ratio((singular * signs).sum(dim=-1), variance)
        results.append(distances(_product(pred, rotation * scale), target))
    return results[0], results[1]


def best_rotation(pred: Pose3D, target: Pose3D) -> Rotation:
    """The rotation of the alignment without reflections, as a matrix that row vectors are multiplied by."""
    u, _, vh = torch.linalg.svd(_covariance(_centred(pred), _centred(target)))
    last = (_determinant(u) * _determinant(vh)).sign()
    signs = torch.stack([torch.ones_like(last), torch.ones_like(last), last], dim=-1)
    return _product(u * signs[..., None, :], vh)


def _centred(pose: Tensor) -> Tensor:
    return pose - pose.mean(dim=-2, keepdim=True)


def _covariance(pred: Tensor, target: Tensor) -> Tensor:
    return torch.stack([(pred[..., i : i + 1] * target).sum(dim=-2) for i in range(3)], dim=-2)


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length over the last axis, summed by component: several times faster than `norm` over 3 numbers."""
    return reduce(torch.add, [component.square() for component in vectors.unbind(-1)]).sqrt()


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """One number for each pose, shaped to multiply it; finite even for a prediction of no size."""
    return (numerator / denominator.clamp(min=1e-6))[..., None, None]


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    """(..., n, 3) times (..., 3, 3), as a sum of products."""
    return reduce(torch.add, [rows[..., i : i + 1] * matrix[..., i : i + 1, :] for i in range(3)])


def _determinant(matrix: Tensor) -> Tensor:
    first, second, third = matrix.unbind(-2)
    return (torch.linalg.cross(first, second) * third).sum(dim=-1)
