"""The order of the training poses, and what is held out."""

import pytest
import torch

from datasets.datamodule import EpochBatches, PoseDataModule, step_seed
from datasets.synthetic.people import load_synthetic
from utils.normalization import flip, pixels_to_norm

POSES = pixels_to_norm(load_synthetic(50, seed=1).poses_px["gt"])[0]


def rows(batches):
    """Index of each pose given out, and whether it came mirrored."""
    poses = torch.cat([pose for pose, _ in batches])
    both = torch.cat([POSES, flip(POSES)]).flatten(1)
    nearest = torch.cdist(poses.flatten(1), both).argmin(dim=1)
    return (nearest % len(POSES)).tolist(), (nearest >= len(POSES)).tolist()


def test_an_epoch_gives_each_pose_once_and_about_half_mirrored():
    index, mirrored = rows(EpochBatches(POSES, 10, seed=0, epoch=0))
    assert sorted(index) == list(range(50)) and 10 < sum(mirrored) < 40
    assert rows(EpochBatches(POSES, 10, seed=0, epoch=1))[0] != index


def test_an_epoch_goes_on_where_it_was_saved():
    whole = list(EpochBatches(POSES, 8, seed=3, epoch=2))
    first = EpochBatches(POSES, 8, seed=3, epoch=2)
    walk = iter(first)
    for _ in range(2):
        next(walk)
    second = EpochBatches(POSES, 8, seed=3, epoch=2)
    second.load_state_dict(first.state_dict())
    rest = list(second)
    assert len(whole) == len(first) == 6 and len(rest) == 4
    for (ours, seed), (theirs, other) in zip(whole[2:], rest, strict=True):
        assert torch.equal(ours, theirs) and seed == other


def test_processes_share_an_epoch_without_overlap():
    shares = [rows(EpochBatches(POSES, 5, seed=0, epoch=0, rank=rank, ranks=2))[0] for rank in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == 25 and not set(shares[0]) & set(shares[1])


def test_seeds_of_steps_do_not_repeat():
    seeds = {step_seed(seed, epoch, step) for seed in range(10) for epoch in range(10) for step in range(100)}
    assert len(seeds) == 10_000 and all(0 <= seed < 2**63 for seed in seeds)


def test_held_out_poses_are_not_trained_on():
    people = load_synthetic(100, seed=1)
    data = PoseDataModule(people, people, batch_size=95, seed=0)
    assert (len(data.train_norm), len(data.held_out_norm)) == (95, 5)
    assert torch.cdist(data.train_norm.flatten(1), data.held_out_norm.flatten(1)).min() > 1e-4
    with pytest.raises(ValueError, match="--batch_size 96 is larger than the number of training poses, 95 of"):
        PoseDataModule(people, people, batch_size=96, seed=0)
