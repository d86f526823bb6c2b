"""From the data flags to pose sets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.loading import load_data, load_training, load_validation
from utils.config import Config, DataConfig


def resolved(**values):
    """The data settings that a run with these flags ends up with."""
    return load_data(Config().updated({"synthetic_poses": 64, **values}))[0].data


@pytest.fixture
def poses(tmp_path):
    """A folder with a few of MPII's poses."""
    poses = np.random.default_rng(0).normal(500, 100, (5, 34)).astype(np.float32)
    np.save(tmp_path / "mpii_poses.npy", poses)
    return poses


def test_what_lies_in_the_data_folder_is_chosen_and_a_flag_wins(tmp_path, monkeypatch, poses):
    assert resolved(data_dir=tmp_path).train_data == "mpii"
    assert resolved(data_dir=tmp_path, train_data="synthetic").train_data == "synthetic"
    monkeypatch.chdir(tmp_path / "..")
    assert (resolved().train_data, resolved().val_data) == ("synthetic", "synthetic")


def test_a_given_folder_without_what_is_asked_for_is_an_error(tmp_path, poses):
    with pytest.raises(ValueError, match="no folder h36m to validate on"):
        load_validation(DataConfig(data_dir=tmp_path))
    (tmp_path / "mpii_poses.npy").unlink()
    with pytest.raises(ValueError, match="no 2D poses of MPII"):
        resolved(data_dir=tmp_path)


def test_no_validation_pose_is_trained_on():
    train = load_training(DataConfig(train_data="synthetic", synthetic_poses=300), seed=0)
    val = load_validation(DataConfig(val_data="synthetic"))
    distance = torch.cdist(train.poses_px["gt"].flatten(1), val.poses_px["gt"].flatten(1))
    assert len(train) == 300 and distance.min() > 1e-3


def test_mpii_with_raw_and_moved_joints(tmp_path, poses):
    raw, moved = (
        load_training(DataConfig(data_dir=tmp_path, joint_definitions=definitions), 0).poses_px["gt"]
        for definitions in ("raw", "h36m")
    )
    torch.testing.assert_close(raw.flatten(1), torch.from_numpy(poses))
    assert (moved - raw).abs().max() > 1
    own = DataConfig(train_data=str(tmp_path / "mpii_poses.npy"), skeleton="mpii_17")
    torch.testing.assert_close(load_training(own, 0).poses_px["gt"], moved)


@pytest.mark.parametrize(("name", "words"), [("mpii", "no mpii_poses.npy"), ("h36m", "S1"), ("nope.npz", "neither")])
def test_missing_data_is_named(tmp_path, name, words):
    with pytest.raises(ValueError, match=words):
        load_training(DataConfig(data_dir=Path(tmp_path), train_data=name), seed=0)
