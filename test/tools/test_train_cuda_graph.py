"""The loop of the training tool, on the CPU: it learns, and its lifter can be read."""

import pytest
import torch
import train_cuda_graph

from models import load_lifter

TINY = ["--gpus", "0", "--train_data", "synthetic", "--synthetic_poses", "600", "--width", "16", "--lifter_blocks", "1"]


@pytest.mark.parametrize("flags", [["--recipe", "both"], ["--recipe", "synthetic", "--corrects_points"]])
def test_a_lifter_is_trained_and_written(tmp_path, capsys, flags):
    assert train_cuda_graph.main([str(tmp_path / "lifter.pt"), "--steps", "12", *TINY, *flags]) == 0
    assert "12: " in capsys.readouterr().out
    lifter = load_lifter(tmp_path / "lifter.pt")
    assert lifter.corrects_points == ("--corrects_points" in flags)
    assert lifter.lift(torch.rand(2, 17, 2)).isfinite().all()
