"""The loop of the training tool, on the CPU: it learns, and its lifter can be read."""

from dataclasses import replace

import pytest
import torch
import train_cuda_graph

from datasets.loading import load_training
from models import load_lifter

TINY = ["--gpus", "0", "--train_data", "synthetic", "--synthetic_poses", "600", "--width", "16", "--lifter_blocks", "1"]


def in_order(*options):
    """Training poses as the frames of one video."""
    people = load_training(*options)
    return replace(people, next_frame=torch.cat([torch.arange(1, len(people)), torch.tensor([-1])]))


@pytest.mark.parametrize(
    "flags", [["--recipe", "both"], ["--recipe", "synthetic", "--corrects_points"], ["--weight_temporal", "1"]]
)
def test_a_lifter_is_trained_and_written(tmp_path, capsys, monkeypatch, flags):
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


def test_bf16_is_what_the_networks_compute_with_and_what_they_learn_from(monkeypatch):
    kinds, weights = {}, {}
    for precision in ("32", "bf16"):
        flags = [*TINY, "--recipe", "both", "--corrects_points", "--weight_temporal", "1", "--precision", precision]
        monkeypatch.setattr(train_cuda_graph, "load_training", in_order)
        training = train_cuda_graph.Training(train_cuda_graph.parse_config(flags))
        system, seen = training.system, kinds.setdefault(precision, {})
        for name in ("lifter", "lifter_ema", *system.discriminators):
            layer = getattr(system, name).network[0]
            layer.register_forward_hook(lambda *about, name=name, seen=seen: seen.update({name: about[-1].dtype}))
        values = training.step(progress=1.0, number=0)
        weights[precision] = {name: value.clone() for name, value in system.named_parameters()}
        assert {value.dtype for value in values.values()} == {value.dtype for value in weights[precision].values()}
    assert set(kinds["32"].values()) == {torch.float32} and set(kinds["bf16"].values()) == {torch.bfloat16}
    assert kinds["32"].keys() == kinds["bf16"].keys() == {"lifter", "lifter_ema", *system.discriminators}
    for network in ("lifter", *system.discriminators):
        assert any(not torch.equal(value, weights["bf16"][name]) for name, value in weights["32"].items()
                   if name.startswith(f"{network}.")), network  # fmt: skip
