"""From the flags' words to pose sets."""

import numpy as np
import pytest
import torch

from datasets.loading import choose_train_data, choose_val_data, load_train, load_val


def test_what_lies_in_the_data_folder_is_chosen_and_a_word_wins(tmp_path):
    assert choose_train_data(None, tmp_path) == choose_val_data(None, tmp_path / "gone") == "synthetic"
    (tmp_path / "h36m").mkdir()
    (tmp_path / "mpii_poses.npy").touch()
    assert (choose_train_data(None, tmp_path), choose_val_data(None, tmp_path)) == ("mpii", "h36m")
    assert (choose_train_data("x.npz", tmp_path), choose_val_data("synthetic", tmp_path)) == ("x.npz", "synthetic")


def test_nobody_is_trained_on_who_is_validated_on(tmp_path):
    train, val = load_train("synthetic", tmp_path, "h36m", 300, seed=0), load_val("synthetic", tmp_path, stride=1)
    distance = torch.cdist(train.poses_px["gt"].flatten(1), val.poses_px["gt"].flatten(1))
    assert len(train) == 300 and distance.min() > 1e-3


def test_a_file_of_ones_own_and_mpii(tmp_path):
    poses = np.random.default_rng(0).normal(500, 100, (5, 34)).astype(np.float32)
    np.save(tmp_path / "mpii_poses.npy", poses)
    np.save(tmp_path / "own.npy", poses)
    raw, moved = (load_train("mpii", tmp_path, definitions, 0, 0).poses_px["gt"] for definitions in ("raw", "h36m"))
    torch.testing.assert_close(raw.flatten(1), torch.from_numpy(poses))
    assert (moved - raw).abs().max() > 1
    assert len(load_train(str(tmp_path / "own.npy"), tmp_path, "h36m", 0, 0)) == 5
    stated = load_train(str(tmp_path / "own.npy"), tmp_path, "h36m", 0, 0, skeleton="mpii_17").poses_px["gt"]
    torch.testing.assert_close(stated, moved)


@pytest.mark.parametrize(("name", "words"), [("mpii", "no mpii_poses.npy"), ("h36m", "S1"), ("nope.npz", "neither")])
def test_missing_data_is_named(tmp_path, name, words):
    with pytest.raises(ValueError, match=words):
        load_train(name, tmp_path, "h36m", 0, 0)
