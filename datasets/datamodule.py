"""Feeds poses to training: everything lies on the device, and nothing is loaded while training."""

from collections.abc import Iterator
from typing import Any

import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch import Tensor

from utils.geometry import root_relative
from utils.normalization import flip, pixels_to_norm

from .poseset import PoseSet

VALIDATION_BATCH = 4096


class EpochBatches:
    """The batches of one epoch: a pure function of poses, seed, epoch and rank, so a resumed run repeats them.

    Yields (B, 17, 2) normalised poses, or (B, 2, 17, 2) pairs of them, half of them mirrored, and the seed of the
    step's own random numbers. Poses that do not fill a batch wait for another epoch's order. Its position is saved with
    Lightning's checkpoints.
    """

    def __init__(self, poses_norm: Tensor, batch_size: int, seed: int, epoch: int, rank: int = 0, ranks: int = 1):
        self.poses_norm, self.batch_size = poses_norm, batch_size
        self.seed, self.epoch, self.rank, self.ranks = seed, epoch, rank, ranks
        self.position = 0

    def __len__(self) -> int:
        return len(self.poses_norm) // (self.batch_size * self.ranks)

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        generator = torch.Generator().manual_seed(step_seed(self.seed, self.epoch, 0))
        order = torch.randperm(len(self.poses_norm), generator=generator)
        mirrored = torch.rand(len(order), generator=generator) < 0.5
        device = self.poses_norm.device
        order, mirrored = order[self.rank :: self.ranks].to(device), mirrored[self.rank :: self.ranks].to(device)
        start, self.position = self.position, 0
        for step in range(start, len(self)):
            chosen = slice(step * self.batch_size, (step + 1) * self.batch_size)
            poses = self.poses_norm[order[chosen]]
            mirror = mirrored[chosen].reshape(-1, *[1] * (poses.dim() - 1))
            self.position = step + 1
            yield (
                torch.where(mirror, flip(poses), poses),
                step_seed(self.seed, self.epoch, 1 + step * self.ranks + self.rank),
            )
        self.position = 0

    def state_dict(self) -> dict[str, Any]:
        """How many batches of this epoch were given out."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on after that many batches."""
        self.position = int(state["position"])


def step_seed(seed: int, epoch: int, step: int) -> int:
    """A seed of its own for every step of every epoch (splitmix64 of the three numbers), below 2^63."""
    value = (seed * 0x9E3779B97F4A7C15 + epoch * 0xBF58476D1CE4E5B9 + step * 0x94D049BB133111EB) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return (value ^ (value >> 31)) >> 1


def frame_pairs(train: PoseSet, frame_gap: int) -> Tensor:
    """Each pose that has one so many frames later in its video, and that one: (M, 2, 17, 2).

    Both are root-centred and in the scale that normalises the first: their difference is how the joints move against
    the root, and a person who is still has none.

    Raises:
        ValueError: one sentence, if the data has no frames in order, or no video is so long.
    """
    if train.next_frame is None:
        raise ValueError(f"--weight_temporal needs videos whose frames are in order, such as --train_data h36m; which "
                         f"poses follow each other is not known of {train.name}")  # fmt: skip
    # One place more, so that -1 stays -1.
    following = torch.cat([train.next_frame, train.next_frame.new_tensor([-1])])
    later = torch.arange(len(train), device=following.device)
    for _ in range(frame_gap):
        later = following[later]
    (first,) = (later >= 0).nonzero(as_tuple=True)
    if len(first) == 0:
        raise ValueError(f"no video of {train.name} has {frame_gap + 1} frames in a row; give a smaller "
                         "--temporal_stride")  # fmt: skip
    poses_px = train.poses_px["gt"]
    first_norm, _, scale_px = pixels_to_norm(poses_px[first])
    later_norm = root_relative(poses_px[later[first]]) / scale_px[:, None, None]
    return torch.stack([first_norm, later_norm], dim=1)


class Slices:
    """Consecutive slices of a pose set, shared out among processes without overlap."""

    def __init__(self, pose_set: PoseSet, device: torch.device, rank: int, ranks: int) -> None:
        self.pose_set, self.device, self.rank, self.ranks = pose_set, device, rank, ranks
        self.index = torch.arange(len(pose_set)).tensor_split(ranks)[rank]

    def __len__(self) -> int:
        return -(-len(self.index) // VALIDATION_BATCH)

    def __iter__(self) -> Iterator[PoseSet]:
        for part in self.index.split(VALIDATION_BATCH):
            yield self.pose_set.select(part).to(self.device)


class PoseDataModule(LightningDataModule):
    """Training poses, a held-out part of them for unsupervised model selection, and validation poses with 3D.

    Args:
        train: 2D poses to train on; their 3D, if any, is never touched.
        val: poses with 3D.
        batch_size: poses a step and process.
        seed: of the data order and the held-out part.
        frame_gap: if not 0, each training pose comes with the one so many frames later in its video, and poses
            without such a one do not take part.

    Raises:
        ValueError: if the batch is larger than the training data, or pairs are wanted and there are none.
    """

    trainer: Trainer  # set before it asks for data

    def __init__(self, train: PoseSet, val: PoseSet, batch_size: int, seed: int, frame_gap: int = 0) -> None:
        super().__init__()
        self.train_set, self.val_set, self.batch_size, self.seed = train, val, batch_size, seed
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
        held_out = min(len(train) // 20, 1024)
        poses_norm = pixels_to_norm(train.poses_px["gt"])[0]
        self.held_out_norm = poses_norm[order[:held_out]] if held_out else poses_norm[:1]
        self.train_norm = poses_norm[order[held_out:]]
        if frame_gap:
            ordered = PoseSet(train.name, {"gt": train.poses_px["gt"]}, next_frame=train.next_frame)
            self.train_norm = frame_pairs(ordered.select(order[held_out:]), frame_gap)
        if batch_size > len(self.train_norm):
            raise ValueError(
                f"--batch_size {batch_size} is larger than the number of training poses, "
                f"{len(self.train_norm)} of {train.name}; give a smaller one"
            )

    def train_dataloader(self) -> EpochBatches:
        """Made anew every epoch (the Trainer reloads it): its order belongs to the epoch.

        Raises:
            ValueError: if there are too few poses for a batch of each process.
        """
        trainer = self.trainer
        ranks = trainer.world_size
        if self.batch_size * ranks > len(self.train_norm):
            raise ValueError(f"{ranks} processes of --batch_size {self.batch_size} exceed {len(self.train_norm)} poses")
        self.train_norm = self.train_norm.to(trainer.strategy.root_device)
        return EpochBatches(
            self.train_norm, self.batch_size, self.seed, trainer.current_epoch, trainer.global_rank, ranks
        )

    def val_dataloader(self) -> list[Any]:
        """Poses with 3D in slices, then the held-out 2D poses (M, 17, 2), normalised, in one piece."""
        trainer = self.trainer
        device = trainer.strategy.root_device
        slices = Slices(self.val_set, device, trainer.global_rank, trainer.world_size)
        # Of a tensor, its first dimension is gone through: one batch.
        return [slices, self.held_out_norm.to(device)[None]]
