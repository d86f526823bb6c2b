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


def test_training_goes_on_from_a_lifter_with_its_pseudo_labels_from_the_first_step_on(tmp_path):
    before, after = tmp_path / "before.pt", tmp_path / "after.pt"
    small = [flag for flag in TINY if flag not in ("--width", "16", "--lifter_blocks", "1")]
    assert train_cuda_graph.main([str(before), "--steps", "4", *TINY, "--recipe", "both", "--corrects_points"]) == 0
    flags = ["--steps", "1", "--init", str(before), "--gen_lr", "1e-6", "--recipe", "both"]
    assert train_cuda_graph.main([str(after), *flags, *small]) == 0
    first, second = load_lifter(before), load_lifter(after)
    assert second.shape() == first.shape()
    poses = torch.rand(20, 17, 2)
    torch.testing.assert_close(second.lift(poses), first.lift(poses), atol=0.02, rtol=0)
    training = train_cuda_graph.Training(train_cuda_graph.parse_config(["--init", str(before), *small]))
    assert training.labels_from == training.system.labelled_poses.pseudo_labels_from == 0
