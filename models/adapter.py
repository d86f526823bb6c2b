"""The 2D domain adapter of Chen et al. 2019: makes the 2D poses of one data set look like another's, before training.

Data sets mark joints at different places. A small network C moves the points x of training poses to x + C(x) so that
a discriminator takes them for poses of the target data; how far it moves them is penalised, so that each pose stays the
pose that it was. Both data sets are 2D poses; no depth enters.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from datasets.loading import load_training
from datasets.poseset import PoseSet
from losses.adversarial import Comparison, discriminator_terms, generator_terms
from losses.self_supervision import Term, pose_distance, total
from utils.config import Config
from utils.geometry import CAMERA_DISTANCE, root_relative
from utils.messages import print_note
from utils.normalization import flip, pixels_to_norm
from utils.skeleton import NUM_JOINTS

from .blocks import residual_network
from .discriminator import Discriminator
from .lifter import START_FACTOR

WIDTH, BLOCKS = 256, 2
STEPS, BATCH = 2000, 256
LEARNING_RATE = 3e-4
MOVE_WEIGHT = 10.0
"""Weight of the squared distance by which joints move, in units of a person's size, beside the adversarial loss."""


class Adapter(nn.Module):
    """Moves the points of a normalised pose; at first hardly at all."""

    def __init__(self) -> None:
        super().__init__()
        self.network = residual_network(NUM_JOINTS * 2, WIDTH, BLOCKS, NUM_JOINTS * 2, batch_norm=False)
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(START_FACTOR)

    def forward(self, pose_norm: Float[Tensor, "batch joint 2"]) -> Float[Tensor, "batch joint 2"]:
        """Normalised poses (B, 17, 2), root-centred still, as they would be marked in the target data."""
        moves = self.network(pose_norm.flatten(1) * CAMERA_DISTANCE).reshape(pose_norm.shape)
        return root_relative(pose_norm + moves / CAMERA_DISTANCE)


def adapted(config: Config, train: PoseSet) -> PoseSet:
    """The training poses, made to look like those of --adapt_to if it is given; their order stays.

    Raises:
        ValueError: one sentence, if there are no such poses.
    """
    if config.data.adapt_to is None:
        return train
    print_note("a network learns to make the training poses look like those of --adapt_to; this takes about a minute")
    target = _target(config)
    poses_norm, root_px, scale_px = pixels_to_norm(train.poses_px["gt"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        adapter = train_adapter(poses_norm, pixels_to_norm(target.poses_px["gt"])[0], config)
    with torch.no_grad():
        moved_px = root_px[:, None] + scale_px[:, None, None] * adapter(poses_norm)
    name = f"{train.name}, adapted to {target.name}"
    return replace(train, name=name, poses_px={"gt": moved_px})


def _target(config: Config) -> PoseSet:
    """The poses of --adapt_to; flags about points are about those of --train_data."""
    data = replace(config.data, train_data=config.data.adapt_to, skeleton=None, train_2d="gt", joint_definitions="h36m")
    try:
        return load_training(data, config.run.seed)
    except ValueError as error:
        raise ValueError(str(error).replace("--train_data", "--adapt_to")) from error


def train_adapter(source_norm: Tensor, target_norm: Tensor, config: Config) -> Adapter:
    """The network that makes poses (N, 17, 2) look like others (M, 17, 2), both normalised."""
    adapter, discriminator = Adapter(), Discriminator(config.network.discriminator_width)
    optimizers = [torch.optim.Adam(network.parameters(), LEARNING_RATE) for network in (adapter, discriminator)]
    generator = torch.Generator().manual_seed(config.run.seed)
    for _ in range(STEPS):
        source, target = (_draw(poses_norm, generator) for poses_norm in (source_norm, target_norm))
        moved = adapter(source)
        comparison = Comparison("adapter", 1.0, target, pixels_to_norm(moved)[0])
        discriminator.requires_grad_(False)
        terms = generator_terms({"adapter": discriminator}, {"adapter": comparison}, config.losses, generator)
        distance = pose_distance(moved * CAMERA_DISTANCE, source * CAMERA_DISTANCE)
        _step(optimizers[0], total([*terms, Term("moves", MOVE_WEIGHT, distance)]))
        discriminator.requires_grad_(True)
        loss, accuracy = discriminator_terms(discriminator, comparison, config.losses, generator)
        if accuracy <= config.losses.gan_accuracy_cap:
            _step(optimizers[1], loss)
    return adapter.eval().requires_grad_(False)


def _draw(poses_norm: Tensor, generator: torch.Generator) -> Tensor:
    """A batch of poses, half of them mirrored."""
    chosen = poses_norm[torch.randint(len(poses_norm), (BATCH,), generator=generator)]
    return torch.where(torch.rand(BATCH, 1, 1, generator=generator) < 0.5, flip(chosen), chosen)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
