"""The loop of the training tool, on the CPU: it learns, and its lifter can be read."""

from dataclasses import replace

import pytest
import torch
import train_cuda_graph

from datasets.loading import load_training
from models import load_lifter

TINY = ["--gpus", "0", "--train_data", "synthetic", "--synthetic_poses", "600", "--width", "16", "--lifter_blocks", "1"]


@pytest.mark.parametrize(
    "flags", [["--recipe", "both"], ["--recipe", "synthetic", "--corrects_points"], ["--weight_temporal", "1"]]
)
def test_a_lifter_is_trained_and_written(tmp_path, capsys, monkeypatch, flags):
    def in_order(*options):
        people = load_training(*options)
        return replace(people, next_frame=torch.cat([torch.arange(1, len(people)), torch.tensor([-1])]))

    monkeypatch.setattr(train_cuda_graph, "load_training", in_order)
    assert train_cuda_graph.main([str(tmp_path / "lifter.pt"), "--steps", "12", *TINY, *flags]) == 0
    shown = capsys.readouterr().out
    assert "12: " in shown and ("temporal_discriminator_accuracy" in shown) == ("--weight_temporal" in flags)
    lifter = load_lifter(tmp_path / "lifter.pt")
    assert lifter.corrects_points == ("--corrects_points" in flags)
    assert lifter.lift(torch.rand(2, 17, 2)).isfinite().all()
