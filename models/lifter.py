"""The lifter: a 2D pose in, a depth a joint out (Chen et al. 2019, section 3.1)."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_linear_bn_eval

from utils.geometry import CAMERA_DISTANCE, NEAREST_DEPTH, lift_to_camera, root_relative, rotate, usable
from utils.normalization import flip, pixels_to_norm, pixels_to_virtual_norm
from utils.skeleton import NUM_JOINTS, ROOT

from .blocks import ResidualBlock, residual_network

START_FACTOR = 0.01
"""Factor on the last layer's first weights: adversarial training from random depths ends in mirrored people."""


class Lifter(nn.Module):
    """Martinez network from a normalised 2D pose to depths. It starts near zero depth.

    Args:
        width: units a layer.
        blocks: residual blocks.
    """

    def __init__(self, width: int = 1024, blocks: int = 4) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        self.network = residual_network(NUM_JOINTS * 2, width, blocks, NUM_JOINTS, batch_norm=True)
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(START_FACTOR)

    def forward(self, pose_norm: Tensor) -> Tensor:
        """Depths z_j = max(1, c + f(x)_j), the root's offset pinned to 0.

        Args:
            pose_norm: (..., 17, 2), root-centred, mean root-joint distance 1 / c.

        Returns:
            Depths (..., 17) in units of the person's size.

        Raises:
            ValueError: for poses of another shape.
        """
        if pose_norm.shape[-2:] != (NUM_JOINTS, 2):
            raise ValueError(f"expected poses of shape (..., {NUM_JOINTS}, 2), got {tuple(pose_norm.shape)}")
        flat = pose_norm.reshape(-1, NUM_JOINTS * 2) * CAMERA_DISTANCE
        flat = flat.to(next(self.network.parameters()).dtype)
        offset = self.network(flat).float()
        depth = (CAMERA_DISTANCE + offset - offset[:, ROOT : ROOT + 1]).clamp(min=NEAREST_DEPTH)
        return depth.reshape(pose_norm.shape[:-1])

    def for_inference(self, dtype: torch.dtype = torch.float32) -> "Lifter":
        """A copy for lifting only: batch norm merged into the linear layers, these in the given precision.

        With `torch.bfloat16` processors that can multiply such numbers lift several times as fast. Everything but
        the network, and what it returns, stays float32.
        """
        lifter = deepcopy(self).eval().requires_grad_(False)
        lifter.network = without_batch_norm(lifter.network).to(dtype)
        return lifter

    def lift_norm(self, pose_norm: Tensor, average_flip: bool = True) -> Tensor:
        """Root-relative 3D pose (..., 17, 3) of a normalised one, in units of the person's size."""
        pose = root_relative(lift_to_camera(pose_norm, self(pose_norm)))
        if not average_flip:
            return pose
        mirrored = flip(pose_norm)
        return (pose + flip(root_relative(lift_to_camera(mirrored, self(mirrored))))) / 2

    @torch.no_grad()
    def lift(self, pose_2d_px, intrinsics=None, average_flip: bool = True) -> Tensor:
        """The 3D poses of keypoints in an image.

        Args:
            pose_2d_px: (..., 17, 2) pixels in the joints of `utils.skeleton.JOINTS`; a tensor or an array.
            intrinsics: (fx, fy, cx, cy) in pixels, one for all or (..., 4). If given, the turn between the optical
                axis and the ray to the person is undone; without it the camera is taken to look at the person.
            average_flip: also lift the mirror image and take the mean of both.

        Returns:
            (..., 17, 3) float32, root-relative, camera axes (x right, y down, z forward). The scale is unknown:
            the joints are about 1 from the root on average.

        Raises:
            ValueError: for a wrong shape, a non-finite coordinate, or a person of no size or of one beyond float32.
        """
        reference = next(self.parameters())
        pose_px = torch.as_tensor(pose_2d_px, dtype=torch.float32, device=reference.device)
        if pose_px.shape[-2:] != (NUM_JOINTS, 2):
            raise ValueError(f"expected keypoints of shape (..., {NUM_JOINTS}, 2), got {tuple(pose_px.shape)}")
        if not torch.isfinite(pose_px).all():
            raise ValueError("the keypoints contain NaN or infinity: fill or drop the missing joints first")
        if not usable(pose_px).all():
            raise ValueError("a person has no size, all 17 keypoints being the same, or one that float32 cannot hold")
        if intrinsics is None:
            return self.lift_norm(pixels_to_norm(pose_px)[0], average_flip)
        camera = torch.as_tensor(intrinsics, dtype=torch.float32, device=reference.device)
        if camera.shape[-1:] != (4,) or not torch.isfinite(camera).all() or (camera[..., :2] <= 0).any():
            raise ValueError("intrinsics must be (fx, fy, cx, cy) in pixels with positive focal lengths")
        pose_norm, rotation = pixels_to_virtual_norm(pose_px, camera.expand(*pose_px.shape[:-2], 4))
        return rotate(self.lift_norm(pose_norm, average_flip), rotation)


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
