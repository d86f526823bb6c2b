"""No batch or step mixes devices, which only a GPU would show: here the device "meta" stands for it."""

from contextlib import nullcontext

import pytest
import torch
from torch.overrides import TorchFunctionMode

from datasets.datamodule import EpochBatches
from losses.adversarial import add_noise, discriminator_accuracy, discriminator_loss
from losses.self_supervision import SelfSupervision, random_views, total
from models.gan import PoseGAN
from models.optimization import update_average
from models.pseudo_labels import LabelledPoses
from utils.config import Config

META = torch.device("meta")
"""Its tensors have shapes, but no content; they meet those of the CPU no more than a GPU's do."""


class Generator(torch.Generator):
    """Says that it is on the device, which has none."""

    device = META


GENERATOR = Generator()


class WithoutGenerators(TorchFunctionMode):
    """Leaves that generator out of all calls; nothing on the device is float64, which Apple's GPUs do not have."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = {name: value for name, value in (kwargs or {}).items() if value is not GENERATOR}
        result = function(*args, **kwargs)
        assert not (isinstance(result, torch.Tensor) and result.device == META and result.dtype == torch.float64)
        return result


@pytest.fixture(autouse=True)
def without_generators(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *options, **flags: nullcontext())
    with WithoutGenerators():
        yield


def test_tensors_of_two_devices_do_not_meet():
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(3, device=META) + torch.ones(3)


def test_a_step():
    sizes = {"width": 16, "lifter_blocks": 1, "discriminator_width": 16, "discriminator_blocks": 1}
    config = Config().updated({**sizes, "pseudo_label_fraction": 0.5})
    system = PoseGAN(config).to(META)
    labelled, poses_norm = LabelledPoses(config.losses, config.views, META, 0.5), torch.ones(64, 17, 2, device=META)
    criterion = SelfSupervision(config.losses, config.views, system.bone_ratios)
    cycle, terms = criterion(system.lifter.on_rays, poses_norm, random_views(64, config.views, GENERATOR))
    pose_mm = labelled.sample(poses_norm, 1.0, system.lifter_ema, GENERATOR)
    terms += labelled.terms(system.lifter, pose_mm, GENERATOR)
    total(terms).backward()
    assert {weight.grad.device for weight in system.lifter.parameters()} == {META}
    update_average(system.lifter_ema, system.lifter, 0.9, 10)
    logits = system.discriminator(add_noise(cycle.projection_norm.detach(), 0.05, GENERATOR)).split(32)
    values = [term.value for term in terms]
    values += [discriminator_loss(*logits, "least_squares"), discriminator_accuracy(*logits)]
    values += [term.value for term in labelled.held_out_terms(system.lifter_ema, poses_norm, GENERATOR)]
    assert {value.device for value in values} == {META}


def test_batches():
    batches = EpochBatches(torch.ones(100, 17, 2, device=META), 32, seed=0, epoch=0)
    assert [poses_norm.device for poses_norm, _ in batches] == [META] * 3
