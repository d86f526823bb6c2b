"""Checkpoint files are whole or not there; signals and progress are tested with main.py."""

import pytest
import torch

from utils.training.callbacks import WholeFiles


def test_a_failed_write_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "new" / "last.ckpt"
    WholeFiles().save_checkpoint({"step": 1}, path)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        WholeFiles().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(path.parent.iterdir()) == [path]
