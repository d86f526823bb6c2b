"""The discriminators: does a 2D pose or motion come from the data, or is it the projection of what was lifted?"""

import torch
from torch import Tensor, nn

from utils.config import Config
from utils.geometry import CAMERA_DISTANCE, bone_vectors
from utils.skeleton import BONES, NUM_JOINTS

from .blocks import residual_network


class Discriminator(nn.Module):
    """Martinez network without batch norm (Chen et al. 2019, section 3.3) from a normalised 2D pose to a logit.

    Besides the joints it sees the bones' vectors, so that limb proportions need not be learnt as differences.

    Args:
        width: units a layer.
        blocks: residual blocks.
    """

    def __init__(self, width: int = 1024, blocks: int = 3) -> None:
        super().__init__()
        self.network = residual_network((NUM_JOINTS + len(BONES)) * 2, width, blocks, 1, batch_norm=False)

    def forward(self, pose_norm: Tensor) -> Tensor:
        """Logit (...) of normalised poses, or of differences of two, (..., 17, 2): positive means real.

        Raises:
            ValueError: for poses of another shape.
        """
        if pose_norm.shape[-2:] != (NUM_JOINTS, 2):
            raise ValueError(f"expected poses of shape (..., {NUM_JOINTS}, 2), got {tuple(pose_norm.shape)}")
        features = torch.cat([pose_norm, bone_vectors(pose_norm)], dim=-2).flatten(-2) * CAMERA_DISTANCE
        return self.network(features.reshape(-1, features.shape[-1])).float().reshape(pose_norm.shape[:-2])


def make_discriminators(config: Config) -> dict[str, Discriminator]:
    """The discriminator of poses and, if its loss has a weight, that of motions, by their names."""
    names = ["discriminator", *(["temporal_discriminator"] if config.losses.weight_temporal else [])]
    network = config.network
    return {name: Discriminator(network.discriminator_width, network.discriminator_blocks) for name in names}
