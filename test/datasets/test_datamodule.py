"""The order of the training poses, and what is held out."""

import pytest
import torch
from samples_motions import videos, walking

from datasets.datamodule import EpochBatches, PoseDataModule, frame_pairs, step_seed
from datasets.synthetic.people import load_synthetic
from utils.geometry import rotation_y
from utils.normalization import flip, mean_root_distance, pixels_to_norm

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


def walkers():
    """Thirty frames of a person in front of two cameras, 60 in all."""
    return videos(torch.from_numpy(walking(30)).float(), rotation_y(torch.tensor([0.4, 2.0])))


def test_pairs_are_of_one_video_and_in_the_first_frame_s_scale():
    people = walkers()
    pairs = frame_pairs(people, 5)
    assert pairs.shape == (50, 2, 17, 2)
    poses_px = people.poses_px["gt"]
    centred = poses_px - poses_px[:, :1]
    scale = 10 * mean_root_distance(poses_px)[:, None, None]
    first = torch.tensor([start + frame for start in (0, 30) for frame in range(25)])
    torch.testing.assert_close(pairs[:, 0], centred[first] / scale[first])
    torch.testing.assert_close(pairs[:, 1], centred[first + 5] / scale[first])


def test_pairs_lead_over_no_gap_in_a_video():
    people = walkers()
    pairs = frame_pairs(people.select(torch.arange(60) != 10), 5)
    assert len(pairs) == (5 + 14) + 25


def test_a_still_person_has_no_motion_wherever_in_the_image():
    still = videos(torch.from_numpy(walking(1)).float().expand(30, 17, 3), rotation_y(torch.tensor([0.4])))
    still.poses_px["gt"].add_(torch.arange(30.0)[:, None, None])
    pairs = frame_pairs(still, 5)
    torch.testing.assert_close(pairs[:, 0], pairs[:, 1], atol=1e-6, rtol=0)


def test_both_frames_of_a_pair_are_mirrored_or_none():
    pairs = frame_pairs(walkers(), 5)
    found = torch.cat([batch for batch, _ in EpochBatches(pairs, 10, seed=0, epoch=0)])
    both = torch.cat([pairs, flip(pairs)]).flatten(1)
    distance, nearest = torch.cdist(found.flatten(1), both).min(dim=1)
    assert distance.max() < 1e-3 and 10 < (nearest >= len(pairs)).sum() < 40


def test_held_out_poses_are_in_no_pair_and_poses_without_a_later_one_take_no_part():
    people = walkers()
    data = PoseDataModule(people, people, batch_size=10, seed=0, frame_gap=1)
    assert data.train_norm.shape[1:] == (2, 17, 2) and len(data.held_out_norm) == 3
    # Each held-out pose ends one pair and begins another, but at the ends of videos.
    assert 58 - 6 <= len(data.train_norm) <= 58 - 3
    held_out = data.held_out_norm.flatten(1)
    for frame in range(2):
        poses_norm = pixels_to_norm(data.train_norm[:, frame])[0]
        assert torch.cdist(poses_norm.flatten(1), held_out).min() > 1e-4


def test_data_without_order_or_of_short_videos_has_no_pairs():
    people = load_synthetic(100, seed=1)
    with pytest.raises(ValueError, match=r"--weight_temporal needs videos whose frames are in order, .* 100 synthetic"):
        PoseDataModule(people, people, batch_size=10, seed=0, frame_gap=5)
    with pytest.raises(ValueError, match="no video of videos has 31 frames in a row; give a smaller --temporal_stride"):
        frame_pairs(walkers(), 30)
