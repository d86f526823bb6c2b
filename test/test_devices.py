"""No batch or step mixes devices, which only a GPU would show: here the device "meta" stands for it."""

from contextlib import nullcontext

import pytest
import torch
from torch.overrides import TorchFunctionMode

from datasets.datamodule import EpochBatches
from losses.adversarial import critic_accuracy, critic_loss
from models.gan import PoseGAN
from models.optimization import move_average
from models.pseudo_labels import Teacher

META = torch.device("meta")
"""Its tensors have shapes, but no content; they meet those of the CPU no more than a GPU's do."""


class Generator(torch.Generator):
    """Says that it is on the device, which has none."""

    device = META


GENERATOR = Generator()


class WithoutGenerators(TorchFunctionMode):
    """Leaves that generator out of all calls."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = {name: value for name, value in (kwargs or {}).items() if value is not GENERATOR}
        return function(*args, **kwargs)


@pytest.fixture(autouse=True)
def without_generators(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *options, **flags: nullcontext())
    with WithoutGenerators():
        yield


def test_tensors_of_two_devices_do_not_meet():
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(3, device=META) + torch.ones(3)


def test_a_step():
    system = PoseGAN(width=16, lifter_blocks=1, critic_width=16, critic_blocks=1, weight_teacher=1.0).to(META)
    teacher, poses_norm = Teacher(0.05, 0.5, device=META), torch.ones(64, 17, 2, device=META)
    cycle = system.cycle(system.lifter, poses_norm, GENERATOR)
    terms = system.lifter_losses(poses_norm, cycle, GENERATOR)
    people_mm = teacher.people(poses_norm, 1.0, system.lifter_ema, GENERATOR)
    terms["teacher"] = teacher.loss(system.lifter, people_mm, GENERATOR)
    system.weighted_sum(terms).backward()
    assert {weight.grad.device for weight in system.lifter.parameters()} == {META}
    move_average(system.lifter_ema, system.lifter, 0.1)
    logits = system.critic(system.blur(cycle.projection_norm.detach(), GENERATOR)).split(32)
    terms["critic"], terms["accuracy"] = critic_loss(*logits, "least_squares"), critic_accuracy(*logits)
    terms["held out"] = teacher.held_out_loss(system.lifter_ema, poses_norm, GENERATOR)
    assert {name: value.device for name, value in terms.items()} == dict.fromkeys(terms, META)


def test_batches():
    batches = EpochBatches(torch.ones(100, 17, 2, device=META), 32, seed=0, epoch=0)
    assert [poses_norm.device for poses_norm, _ in batches] == [META] * 3
