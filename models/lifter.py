"""The lifter: a 2D pose in, a 3D pose out (Chen et al. 2019, section 3.1), with corrections and their uncertainty."""

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_linear_bn_eval

from utils.geometry import CAMERA_DISTANCE, NEAREST_DEPTH, lift_to_camera, root_relative, rotate, usable
from utils.normalization import DETECTED, EXACT, UNSEEN, flip, pixels_to_norm, pixels_to_virtual_norm
from utils.skeleton import MIRROR, NUM_JOINTS, ROOT

from .blocks import ResidualBlock, residual_network

START_FACTOR = 0.01
"""Factor on the last layer's first weights: adversarial training from random depths ends in mirrored people."""
START_SCALE, SCALE_RANGE = 0.05, 4.0
"""The first scale of a joint's error, in units of the person's size, and the most by which its logarithm changes."""
RADIUS_90 = 5.32
"""Within so many scales b a joint lies nine times in ten: distances e of density exp(-e / b) / (8 pi b^3) in space
have a gamma distribution of shape 3."""


class Lifted(NamedTuple):
    """Lifted poses."""

    pose: Tensor
    """(..., 17, 3) root-relative, in units of the person's size."""
    scale: Tensor | None
    """(..., 17) of each joint's distance from where it truly is, in the same unit; None from depths alone."""


class Lifter(nn.Module):
    """Martinez network from a normalised 2D pose to a 3D pose. It starts near zero depth.

    From x and y of each joint it gives the depth, as in the paper; one that `corrects_points` takes the confidence as
    well, and gives also the correction of x and y, and the logarithm of the scale of its error.
    """

    def __init__(self, width: int = 1024, blocks: int = 4, corrects_points: bool = False) -> None:
        super().__init__()
        self.width, self.blocks, self.corrects_points = width, blocks, corrects_points
        self.inputs, self.outputs = (3, 4) if corrects_points else (2, 1)
        self.network = residual_network(NUM_JOINTS * self.inputs, width, blocks, NUM_JOINTS * self.outputs, True)
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(START_FACTOR)

    def shape(self) -> dict[str, Any]:
        """The settings of `utils.config.NetworkConfig` that describe it."""
        return {"width": self.width, "lifter_blocks": self.blocks, "corrects_points": self.corrects_points}

    def forward(self, pose_norm: Tensor, confidence: Tensor | None = None, correct: bool = True) -> Lifted:
        """X_j = (x_j z_j, y_j z_j, z_j) - X_root with z_j = max(1, c + f(x)_j), the root's offset pinned to 0 (Eq. 1).

        Args:
            pose_norm: (..., 17, 2), root-centred, mean distance of the seen joints from the root 1 / c.
            confidence: (..., 17), see `lift`; all points are exact if None.
            correct: move the points as the network says; else each joint stays on its ray.

        Raises:
            ValueError: for poses of another shape.
        """
        if pose_norm.shape[-2:] != (NUM_JOINTS, 2):
            raise ValueError(f"expected poses of shape (..., {NUM_JOINTS}, 2), got {tuple(pose_norm.shape)}")
        if not self.corrects_points:
            offset = self._outputs(pose_norm * CAMERA_DISTANCE)[..., 0]
            return Lifted(_on_rays(pose_norm, offset), None)
        if confidence is None:
            confidence = torch.ones_like(pose_norm[..., 0])
        seen_norm = pose_norm * (confidence > UNSEEN)[..., None]
        output = self._outputs(torch.cat([seen_norm * CAMERA_DISTANCE, confidence[..., None]], dim=-1))
        if correct:
            moves = output[..., 1:3] - output[..., ROOT : ROOT + 1, 1:3]
            seen_norm = seen_norm + moves / CAMERA_DISTANCE
        # Bounded: a scale near 0 makes likelihoods explode.
        scale = START_SCALE * (SCALE_RANGE * (output[..., 3] / SCALE_RANGE).tanh()).exp()
        return Lifted(_on_rays(seen_norm, output[..., 0]), scale)

    def on_rays(self, pose_norm: Tensor, confidence: Tensor | None = None) -> Tensor:
        """The poses (..., 17, 3) whose joints stay where the points say, at the network's depths, as in the paper."""
        return self(pose_norm, confidence, correct=False).pose

    def random_confidence(self, pose_norm: Tensor, generator: torch.Generator) -> Tensor | None:
        """EXACT or DETECTED for each of some poses, as (n, 17): who marked the points of a data set is not known."""
        if not self.corrects_points:
            return None
        coin = torch.rand(len(pose_norm), 1, device=pose_norm.device, generator=generator)
        return torch.where(coin < 0.5, EXACT, DETECTED).expand(pose_norm.shape[:-1])

    def _outputs(self, features: Tensor) -> Tensor:
        """(..., 17, outputs) in float32 for (..., 17, inputs)."""
        flat = features.reshape(-1, NUM_JOINTS * self.inputs).to(next(self.network.parameters()).dtype)
        return self.network(flat).float().reshape(*features.shape[:-1], self.outputs)

    def for_inference(self, dtype: torch.dtype = torch.float32) -> "Lifter":
        """A copy for lifting only: batch norm merged into the linear layers, these in the given precision.

        With `torch.bfloat16` processors that can multiply such numbers lift several times as fast. Everything but
        the network, and what it returns, stays float32.
        """
        lifter = deepcopy(self).eval().requires_grad_(False)
        lifter.network = without_batch_norm(lifter.network).to(dtype)
        return lifter

    def lift_norm(self, pose_norm: Tensor, confidence: Tensor | None = None, average_flip: bool = True) -> Lifted:
        """What `forward` gives, or the mean of it and of what it gives for the mirror image."""
        lifted = self(pose_norm, confidence)
        if not average_flip:
            return lifted
        mirrored = self(flip(pose_norm), None if confidence is None else confidence[..., MIRROR])
        pose = (lifted.pose + flip(mirrored.pose)) / 2
        return Lifted(pose, None if lifted.scale is None else (lifted.scale + mirrored.scale[..., MIRROR]) / 2)

    def in_perspective(self, pose: Tensor, nearness: Tensor) -> Tensor:
        """Root-relative poses (..., 17, 3) as far from the camera as they are, instead of c sizes of the person.

        A joint at the depth z behind the root lies on its ray at (x (c + n z), y (c + n z)), n being the nearness (...)
        of `pixels_to_virtual_norm`. A lifter that `corrects_points` does not keep to rays, and learns this on average.
        """
        if self.corrects_points:
            return pose
        behind = pose[..., 2:]
        depth = (CAMERA_DISTANCE + nearness[..., None, None] * behind).clamp(min=NEAREST_DEPTH)
        return torch.cat([pose[..., :2] * depth / (CAMERA_DISTANCE + behind), behind], dim=-1)

    def lift(self, pose_2d_px, intrinsics=None, confidence=None, average_flip: bool = True) -> Tensor:
        """The 3D poses of keypoints in an image.

        Args:
            pose_2d_px: (..., 17, 2) pixels in the joints of `utils.skeleton.JOINTS`; a tensor or an array.
            intrinsics: (fx, fy, cx, cy) in pixels, one for all or (..., 4). If given, the turn between the optical
                axis and the ray to the person is undone; without it the camera is taken to look at the person.
            confidence: (..., 17) or one for all: 1 for points that are exact, 0.5 for those that a detector found
                (what None means), 0 for joints that nobody sees, wherever their points are. The hip is always seen.
                A lifter of depths alone (`corrects_points` is false) takes every point for seen and exact.
            average_flip: also lift the mirror image and take the mean of both.

        Returns:
            (..., 17, 3) float32, root-relative, camera axes (x right, y down, z forward). The scale is unknown:
            the joints are about 1 from the root on average.

        Raises:
            ValueError: for a wrong shape, a non-finite coordinate, or a person of no size or of one beyond float32.
        """
        return self.lift_with_uncertainty(pose_2d_px, intrinsics, confidence, average_flip)[0]

    @torch.no_grad()
    def lift_with_uncertainty(
        self, pose_2d_px, intrinsics=None, confidence=None, average_flip: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """As `lift`, and how uncertain each joint is.

        Returns:
            The poses (..., 17, 3), and radii (..., 17) in their unit: nine times in ten a joint lies within. None from
            a lifter of depths alone.
        """
        pose_px, camera, confidence = self._checked(pose_2d_px, intrinsics, confidence)
        if camera is None:
            pose, scale = self.lift_norm(pixels_to_norm(pose_px, confidence)[0], confidence, average_flip)
        else:
            pose_norm, rotation, nearness = pixels_to_virtual_norm(pose_px, camera, confidence)
            pose, scale = self.lift_norm(pose_norm, confidence, average_flip)
            pose = rotate(self.in_perspective(pose, nearness), rotation)
        return pose, None if scale is None else RADIUS_90 * scale

    def _checked(self, pose_2d_px, intrinsics, confidence) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The arguments of `lift` as tensors of full shape; the confidence of a lifter of depths alone is None."""
        device = next(self.parameters()).device
        pose_px = torch.as_tensor(pose_2d_px, dtype=torch.float32, device=device)
        if pose_px.shape[-2:] != (NUM_JOINTS, 2):
            raise ValueError(f"expected keypoints of shape (..., {NUM_JOINTS}, 2), got {tuple(pose_px.shape)}")
        if not torch.isfinite(pose_px).all():
            raise ValueError("the keypoints contain NaN or infinity: fill or drop the missing joints first")
        if not usable(pose_px).all():
            raise ValueError("a person has no size, all 17 keypoints being the same, or one that float32 cannot hold")
        if not self.corrects_points:
            confidence = None
        else:
            trust = torch.as_tensor(DETECTED if confidence is None else confidence, dtype=torch.float32, device=device)
            if trust.shape not in ((), (NUM_JOINTS,), pose_px.shape[:-1]) or not ((trust >= 0) & (trust <= 1)).all():
                raise ValueError(f"confidence must be (..., {NUM_JOINTS}) between 0 and 1")
            confidence = trust.expand(pose_px.shape[:-1])
        if intrinsics is None:
            return pose_px, None, confidence
        camera = torch.as_tensor(intrinsics, dtype=torch.float32, device=device)
        if camera.shape[-1:] != (4,) or not torch.isfinite(camera).all() or (camera[..., :2] <= 0).any():
            raise ValueError("intrinsics must be (fx, fy, cx, cy) in pixels with positive focal lengths")
        return pose_px, camera.expand(*pose_px.shape[:-2], 4), confidence


def _on_rays(pose_norm: Tensor, offset: Tensor) -> Tensor:
    """Root-relative poses (..., 17, 3) with joints at the depths c + offset, the root's offset pinned to 0."""
    depth = (CAMERA_DISTANCE + offset - offset[..., ROOT : ROOT + 1]).clamp(min=NEAREST_DEPTH)
    return root_relative(lift_to_camera(pose_norm, depth))


def without_batch_norm(layers: nn.Sequential) -> nn.Sequential:
    """The same function as `layers` in evaluation mode; the residual blocks among them are changed in place."""
    merged: list[Any] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d):
            merged[-1] = fuse_linear_bn_eval(merged[-1], layer)
            continue
        if isinstance(layer, ResidualBlock):
            layer.layers = without_batch_norm(layer.layers)
        merged.append(layer)
    return nn.Sequential(*merged)
