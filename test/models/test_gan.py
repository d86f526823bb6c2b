"""The system: one step by hand, one seed twice, resuming, the cap."""

import copy
import signal
from dataclasses import replace

import pytest
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch.utils._python_dispatch import TorchDispatchMode

from datasets.datamodule import EpochBatches, PoseDataModule
from datasets.synthetic.people import load_synthetic
from losses.adversarial import add_noise, discriminator_accuracy, discriminator_loss, generator_loss
from losses.self_supervision import SelfSupervision, Term, random_views, total
from models import optimization
from models.gan import PoseGAN
from models.lifter import Lifter
from models.pseudo_labels import LabelledPoses
from utils.config import Config
from utils.training.callbacks import SaveOnSignal

TINY = {"width": 16, "lifter_blocks": 1, "discriminator_blocks": 1}
SYNTHETIC = {"weight_supervised": 1.0, "pseudo_label_fraction": 0.0, **dict.fromkeys(
    ("weight_adversarial", "weight_2d", "weight_3d", "weight_bone", "weight_knee"), 0.0)}  # fmt: skip
POSES = 400


@pytest.fixture(scope="module")
def people():
    """Made-up people, in the order of made-up videos of 40 frames."""
    number = torch.arange(POSES)
    next_frame = torch.where((number + 1) % 40 == 0, -1, number + 1)
    return replace(load_synthetic(POSES, seed=1), next_frame=next_frame), load_synthetic(64, seed=2)


def fit(people, folder, epochs=2, resume=None, callbacks=(), **options):
    """Trains a tiny system; returns it and its trainer."""
    seed_everything(3, verbose=False)
    system = PoseGAN(Config().updated({**TINY, **options}))
    trainer = Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[ModelCheckpoint(folder, "best", "val_mpjpe_epoch", save_last=True), *callbacks],
        reload_dataloaders_every_n_epochs=1, num_sanity_val_steps=0,
    )  # fmt: skip
    data = PoseDataModule(*people, batch_size=64, seed=3, frame_gap=system.config.losses.frame_gap)
    trainer.fit(system, data, ckpt_path=resume, weights_only=True)
    return system, trainer


def assert_equal(first: PoseGAN, second: PoseGAN) -> None:
    for (name, ours), theirs in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    for ours, theirs in zip(first.optimizers(), second.optimizers(), strict=True):
        for one, two in zip(ours.state.values(), theirs.state.values(), strict=True):
            assert all(torch.equal(one[key], two[key]) for key in one)


def test_one_seed_twice_gives_equal_weights(people, tmp_path):
    assert_equal(fit(people, tmp_path / "1")[0], fit(people, tmp_path / "2")[0])


class Transfers(TorchDispatchMode):
    """Names of the operations that, on a GPU, would copy numbers to it or read them back."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = operation.overloadpacket.__name__
        if name in ("index", "index_put", "index_put_"):
            # Only masks are read back, as the count of their elements is not known beforehand.
            waits = any(index is not None and index.dtype == torch.bool for index in args[1])
        else:
            waits = name in ("lift_fresh", "_local_scalar_dense", "nonzero", "masked_select", "equal")
        if waits:
            self.found.append(name)
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {**SYNTHETIC, "pseudo_label_fraction": 0.5},
        {"corrects_points": True, "pseudo_label_fraction": 0.5},
        {"weight_temporal": 1.0},
    ],
)
def test_a_step_copies_nothing_to_or_from_the_device(people, tmp_path, monkeypatch, options):
    spy, step = Transfers(), PoseGAN.training_step

    def watched(self, batch, batch_idx):
        if self.current_epoch == 0:
            # Tables are put on the device once.
            return step(self, batch, batch_idx)
        with spy:
            return step(self, batch, batch_idx)

    monkeypatch.setattr(PoseGAN, "training_step", watched)
    fit(people, tmp_path, epochs=2, **options)
    assert spy.found == []
    with spy:
        torch.ones(3)[torch.tensor([True, False, True])].sum().item()
    assert spy.found == ["lift_fresh", "index", "_local_scalar_dense"]


def test_resuming_after_an_epoch_equals_an_uninterrupted_run(people, tmp_path):
    # Nothing that depends on how many epochs there will be.
    options = {"lr_schedule": "constant", "pseudo_label_fraction": 0.0}
    whole, _ = fit(people, tmp_path / "whole", epochs=3, **options)
    fit(people, tmp_path / "part", epochs=1, **options)
    resumed, _ = fit(people, tmp_path / "rest", epochs=3, resume=tmp_path / "part" / "last.ckpt", **options)
    assert_equal(whole, resumed)


class Interrupt(Callback):
    """Presses Ctrl-C at the start of one step."""

    def __init__(self, epoch, step):
        self.when = (epoch, step)

    def on_train_batch_start(self, trainer, system, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == self.when:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (2, 0.0), (4, 0.0), (1, 1.0)])
def test_resuming_after_a_signal_within_an_epoch_equals_an_uninterrupted_run(people, tmp_path, step, weight):
    whole, _ = fit(people, tmp_path / "whole", epochs=3, weight_temporal=weight)
    saved = tmp_path / "stopped.ckpt"
    with pytest.raises(SIGTERMException):
        stop = [SaveOnSignal(saved), Interrupt(1, step)]
        fit(people, tmp_path / "part", epochs=3, callbacks=stop, weight_temporal=weight)
    resumed, _ = fit(people, tmp_path / "rest", epochs=3, resume=saved, weight_temporal=weight)
    assert_equal(whole, resumed)


def test_the_discriminator_rests_while_it_is_too_accurate(people, tmp_path):
    seed_everything(3, verbose=False)
    start = PoseGAN(Config().updated(TINY))
    before = copy.deepcopy(start.discriminator.state_dict())
    system, _ = fit(people, tmp_path, epochs=1, gan_accuracy_cap=0.0)
    for name, value in system.discriminator.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not torch.equal(next(system.lifter.parameters()), next(start.lifter.parameters()))
    system, _ = fit(people, tmp_path, epochs=1, gan_accuracy_cap=1.0)
    assert not torch.equal(next(system.discriminator.parameters()), next(iter(before.values())))


def test_the_temporal_discriminator_is_beside_the_other_and_learns_motions(people, tmp_path):
    seed_everything(3, verbose=False)
    without = PoseGAN(Config().updated(TINY))
    seed_everything(3, verbose=False)
    start = PoseGAN(Config().updated({**TINY, "weight_temporal": 1.0}))
    added = start.state_dict().keys() - without.state_dict().keys()
    assert added == {f"temporal_{name}" for name in start.state_dict() if name.startswith("discriminator.")}
    assert all(torch.equal(value, start.state_dict()[name]) for name, value in without.state_dict().items())
    weights = {weight: fit(people, tmp_path, epochs=1, weight_temporal=weight) for weight in (1e-3, 1.0)}
    (weak, trainer), (strong, _) = weights.values()
    assert not torch.equal(next(weak.lifter.parameters()), next(strong.lifter.parameters()))
    moved = [
        not torch.equal(*pair)
        for pair in zip(
            start.temporal_discriminator.parameters(), weak.temporal_discriminator.parameters(), strict=True
        )
    ]
    assert all(moved)
    shown = {"loss_temporal", "loss_temporal_discriminator", "temporal_discriminator_accuracy"}
    assert shown <= trainer.callback_metrics.keys()
    options = {**SYNTHETIC, "weight_supervised": 0.0, "weight_temporal": 1.0, "gan_accuracy_cap": 0.0}
    alone, trainer = fit(people, tmp_path, epochs=1, **options)
    assert trainer.callback_metrics["loss_temporal"] > 0 and "loss_adversarial" not in trainer.callback_metrics
    for name, discriminator in start.discriminators.items():
        for before, after in zip(discriminator.parameters(), alone.discriminators[name].parameters(), strict=True):
            assert torch.equal(before, after), "each rests"


def test_the_lifters_step_leaves_no_gradient_in_the_discriminator(people, tmp_path):
    system, _ = fit(people, tmp_path, epochs=1, weight_adversarial=0.0)
    assert all(parameter.grad is None for parameter in system.discriminator.parameters())


def plain_fit(people, epochs: int, **options) -> PoseGAN:
    """What the Trainer's run amounts to, written plainly: ordinary Adam, an if for the cap, a loop for the average."""
    seed_everything(3, verbose=False)
    config = Config().updated({**TINY, **options})
    system, data = PoseGAN(config), PoseDataModule(*people, batch_size=64, seed=3)
    networks, noise = (system.lifter, system.discriminator), options["discriminator_noise"]
    criterion = SelfSupervision(config.losses, config.views, system.bone_ratios)
    adams = [
        torch.optim.Adam(network.parameters(), 0.001, eps=options["gen_eps"], foreach=False, fused=False)
        for network in networks
    ]
    for epoch in range(epochs):
        for batch, (pose_norm, seed) in enumerate(EpochBatches(data.train_norm, 64, seed=3, epoch=epoch)):
            step = epoch * (len(data.train_norm) // 64) + batch
            decay = min(options["ema_decay"], step / (step + 10))
            generator = torch.Generator().manual_seed(seed)
            cycle, terms = criterion(system.lifter.on_rays, pose_norm, random_views(64, config.views, generator))
            fake_logit = system.discriminator(add_noise(cycle.projection_norm, noise, generator))
            (total(terms) + generator_loss(fake_logit, "least_squares")).backward()
            torch.nn.utils.clip_grad_norm_(system.lifter.parameters(), optimization.MAX_GRADIENT_NORM)
            adams[0].step()
            for ours, theirs in zip(system.lifter_ema.parameters(), system.lifter.parameters(), strict=True):
                ours.data = decay * ours + (1 - decay) * theirs.data
            adams[1].zero_grad()
            both = add_noise(torch.cat([pose_norm, cycle.projection_norm.detach()]), noise, generator)
            real_logit, fake_logit = system.discriminator(both).chunk(2)
            discriminator_loss(real_logit, fake_logit, "least_squares").backward()
            if discriminator_accuracy(real_logit, fake_logit) <= options["gan_accuracy_cap"]:
                adams[1].step()
            for adam in adams:
                adam.zero_grad()
    return system


def test_the_fast_step_equals_a_plain_one(people, tmp_path, monkeypatch):
    lengths, measure = [], torch.nn.utils.get_total_norm
    monkeypatch.setattr(torch.nn.utils, "get_total_norm", lambda some: lengths.append(measure(some)) or lengths[-1])
    monkeypatch.setattr(optimization, "MAX_GRADIENT_NORM", 2.0)
    # Biases before batch norm have gradients of rounding alone; a small epsilon would make whole steps of them.
    options = {"lr_schedule": "constant", "discriminator_noise": 0.05, "ema_decay": 0.9, "gan_accuracy_cap": 0.5,
               "weight_supervised": 0.0, "gen_eps": 1e-3, "dis_eps": 1e-3}  # fmt: skip
    fast, plain = fit(people, tmp_path, epochs=2, **options)[0], plain_fit(people, epochs=2, **options)
    assert min(lengths) < 2 < max(lengths), "some steps are limited"
    for (name, ours), theirs in zip(fast.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5, msg=name)


def test_a_loss_that_is_not_finite_stops_the_run_by_name(people, tmp_path):
    with pytest.raises(FloatingPointError, match="loss_2d became nan"):
        fit(people, tmp_path, epochs=1, gen_lr=1e25)


def test_terms_that_begin_within_an_epoch_are_averaged_over_their_own_steps(people, tmp_path, monkeypatch):
    poses_px = people[0].poses_px["gt"][:2]
    value = lambda lifter: lifter(poses_px).pose.mean() * 0 + 3  # noqa: E731
    monkeypatch.setattr(LabelledPoses, "terms", lambda self, lifter, *_: [Term("supervised", 1.0, value(lifter))])
    _, trainer = fit(people, tmp_path, epochs=1)
    assert trainer.callback_metrics["loss_supervised"].item() == 3


def test_average_follows_the_lifter(people, tmp_path):
    system, _ = fit(people, tmp_path, epochs=1, ema_decay=0.0)
    for ours, theirs in zip(system.lifter_ema.parameters(), system.lifter.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_supervision_by_synthetic_poses_teaches_depth(people, tmp_path):
    """A few hundred supervised steps on synthetic poses beat the zero-depth baseline."""
    early, late = (fit(people, tmp_path, epochs=epochs, ema_decay=0.9, width=64, **SYNTHETIC)[1] for epochs in (1, 30))
    assert late.callback_metrics["val_p_mpjpe_epoch"] < 0.8 * early.callback_metrics["val_p_mpjpe_epoch"]


@pytest.mark.parametrize("options", [{"weight_supervised": 0.0}, SYNTHETIC], ids=["2D poses", "synthetic poses"])
def test_what_weighs_nothing_is_not_computed(people, tmp_path, monkeypatch, options):
    """Neither for training nor for the unsupervised selection loss, which is a weighted sum of the rest."""
    unused = (SelfSupervision, "__call__") if options["weight_supervised"] else (LabelledPoses, "terms")
    monkeypatch.setattr(*unused, lambda *arguments: pytest.fail(f"{unused[1]} was computed"))
    _, trainer = fit(people, tmp_path, epochs=1, **options)
    assert trainer.callback_metrics["val_unsupervised_epoch"] > 0


def test_a_run_begins_with_the_weights_that_it_is_given(people):
    start = Lifter(width=16, blocks=1)
    system = PoseGAN(Config().updated({**TINY, **start.shape()}), start)
    for lifter in (system.lifter, system.lifter_ema):
        assert all(
            torch.equal(ours, theirs) for ours, theirs in zip(lifter.parameters(), start.parameters(), strict=True)
        )
