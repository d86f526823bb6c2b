"""Lifters from files: round trips, and files that are refused."""

import os
import random

import pytest
import torch

from models.gan import PoseGAN
from models.lifter import Lifter
from models.weights import EMA_PREFIX, check_resumable, load_lifter, read_checkpoint, save_lifter
from utils.config import Config

TINY = {"width": 8, "lifter_blocks": 1, "discriminator_blocks": 1}
LOOPS = {"fit_loop": {"epoch_progress": {"current": {"processed": 3}}}}


@pytest.fixture
def system():
    torch.manual_seed(0)
    return PoseGAN(Config().updated(TINY))


@pytest.fixture
def checkpoint(system, tmp_path):
    path = tmp_path / "last.ckpt"
    content = {"state_dict": system.state_dict(), "hyper_parameters": dict(system.hparams), "loops": LOOPS}
    torch.save(content, path)
    return path


def test_a_training_checkpoint_gives_the_averaged_lifter_bit_for_bit(system, checkpoint):
    with torch.no_grad():
        system.lifter_ema.network[0].weight.add_(1)
    torch.save({**torch.load(checkpoint, weights_only=True), "state_dict": system.state_dict()}, checkpoint)
    lifter = load_lifter(checkpoint)
    assert not lifter.training and not any(parameter.requires_grad for parameter in lifter.parameters())
    for name, value in lifter.state_dict().items():
        assert torch.equal(value, system.state_dict()[EMA_PREFIX + name]), name


def test_a_small_file_gives_the_lifter_to_half_precision(system, tmp_path):
    save_lifter(system.lifter, tmp_path / "small.pt", note="where from")
    pose_px = torch.rand(4, 17, 2) * 300
    lifted = load_lifter(tmp_path / "small.pt").lift(pose_px)
    assert lifted.dtype == torch.float32
    torch.testing.assert_close(lifted, system.lifter.eval().lift(pose_px), atol=5e-3, rtol=0)
    assert read_checkpoint(tmp_path / "small.pt")["note"] == "where from"


class Command:
    def __reduce__(self):
        return os.system, ("touch executed",)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "x": Command()}, "evil.ckpt")
    with pytest.raises(ValueError, match=r"evil\.ckpt is refused"):
        load_lifter("evil.ckpt")
    assert not (tmp_path / "executed").exists()


def test_a_flipped_bit_is_refused_or_changes_nothing(checkpoint, system):
    content, generator, refused = checkpoint.read_bytes(), random.Random(0), 0
    ours = load_lifter(checkpoint).state_dict()
    for _ in range(60):
        damaged = bytearray(content)
        damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        checkpoint.write_bytes(damaged)
        try:
            theirs = load_lifter(checkpoint).state_dict()
            assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        except ValueError:
            refused += 1
    assert refused > 20


def test_truncated_missing_and_foreign_files_are_named(checkpoint, tmp_path):
    whole = torch.load(checkpoint, weights_only=True)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    for path, words in ((checkpoint, "damaged"), (tmp_path / "none", "there is no"), (tmp_path, "there is no")):
        with pytest.raises(ValueError, match=words):
            load_lifter(path)
    options = whole["hyper_parameters"]
    for content, words in (
        ([1], "it holds a list"),
        ({"model": 1}, "does not hold a lifter"),
        ({**whole, "hyper_parameters": {**options, "width": 16}}, "does not hold a lifter"),
        ({**whole, "hyper_parameters": {**options, "width": 10**12}}, "does not hold a lifter"),
        ({**whole, "hyper_parameters": {**options, "width": "wide"}}, "does not hold a lifter"),
        ({**whole, "hyper_parameters": {**options, "lifter_blocks": 10**9}}, "does not hold a lifter"),
        ({**whole, "hyper_parameters": {}}, "does not hold a lifter"),
        ({"state_dict": {"net.weight": torch.zeros(2)}, "hyper_parameters": options}, "does not hold a lifter"),
    ):
        torch.save(content, checkpoint)
        with pytest.raises(ValueError, match=words) as caught:
            load_lifter(checkpoint)
        assert "\n" not in str(caught.value)


def test_only_a_training_checkpoint_of_the_same_networks_with_epochs_left_resumes(checkpoint, system, tmp_path):
    assert check_resumable(checkpoint, system, max_epochs=4)["width"] == 8
    with pytest.raises(ValueError, match="finished its 3 epochs"):
        check_resumable(checkpoint, system, max_epochs=3)
    with pytest.raises(ValueError, match="other networks"):
        check_resumable(checkpoint, PoseGAN(Config().updated({**TINY, "discriminator_blocks": 2})), max_epochs=4)
    save_lifter(Lifter(8, 1), tmp_path / "small.pt")
    with pytest.raises(ValueError, match="a lifter alone"):
        check_resumable(tmp_path / "small.pt", system, max_epochs=4)
    torch.save({"state_dict": {}}, checkpoint)
    with pytest.raises(ValueError, match="not a training checkpoint"):
        check_resumable(checkpoint, system, max_epochs=4)


def test_weights_that_are_not_numbers_are_refused(system, tmp_path):
    lifter = Lifter(8, 1)
    with torch.no_grad():
        lifter.network[-1].bias[3] = torch.nan
    save_lifter(lifter, tmp_path / "nan.pt")
    with pytest.raises(ValueError, match="give no finite pose"):
        load_lifter(tmp_path / "nan.pt")
