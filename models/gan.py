"""The system: lifter, discriminator, losses and optimizers wired together (Chen et al. 2019, figure 2)."""

from copy import deepcopy
from functools import partial
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Generator, Tensor

from datasets.poseset import PoseSet
from losses.adversarial import Comparison, Comparisons, comparisons, discriminator_terms, first_frames, generator_terms
from losses.self_supervision import SelfSupervision, Terms, random_views, total
from utils.anthropometry import bone_ratios
from utils.config import Config

from . import optimization
from .discriminator import make_discriminators
from .lifter import Lifter
from .pseudo_labels import PSEUDO_LABELS_FROM, LabelledPoses
from .validation import Validation


class PoseGAN(LightningModule):
    """Trains a lifter from 2D poses. All settings of the config are saved with each checkpoint, as plain values.

    Args:
        config: the settings.
        start: a trained lifter of the config's shape to go on from; its pseudo-labels serve from the first step on.
    """

    bone_ratios: Tensor

    def __init__(self, config: Config, start: Lifter | None = None) -> None:
        super().__init__()
        self.save_hyperparameters(config.flat())
        self.automatic_optimization = False
        self.config, network = config, config.network
        self.lifter = Lifter(network.width, network.lifter_blocks, network.corrects_points)
        if start:
            self.lifter.load_state_dict(start.state_dict())
        self.lifter_ema = deepcopy(self.lifter).eval().requires_grad_(False)
        self.discriminators = make_discriminators(config)
        for name, discriminator in self.discriminators.items():
            self.add_module(name, discriminator)
        self.register_buffer("bone_ratios", bone_ratios(), persistent=False)
        self.means = optimization.EpochMeans()

    def on_fit_start(self) -> None:
        """Readies what must live where the networks are."""
        pseudo_labels_from = 0.0 if self.config.run.init else PSEUDO_LABELS_FROM
        self.labelled_poses = LabelledPoses(self.config.losses, self.config.views, self.device, pseudo_labels_from)
        self.self_supervision = SelfSupervision(self.config.losses, self.config.views, self.bone_ratios)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam for each network."""
        options = self.config.optimization
        lifter = optimization.SteeredAdam(self.lifter, options.gen_lr, options.gen_eps)
        others = self.discriminators.values()
        return [lifter, *(optimization.SteeredAdam(one, options.dis_lr, options.dis_eps) for one in others)]

    def training_step(self, batch: tuple[Tensor, int], batch_idx: int) -> None:
        """One step of the lifter and, unless it is too accurate, one of each discriminator.

        Args:
            batch: poses (B, 17, 2) normalised, or pairs (B, 2, 17, 2) of frames, and the seed of all random numbers of
                this step, which is what makes a resumed run equal to an uninterrupted one.
            batch_idx: the step's number in the epoch.
        """
        batch_norm, seed = batch
        generator = Generator(self.device).manual_seed(seed)
        optimizers: Any = self.optimizers()
        progress = optimization.fraction_done(self.trainer, batch_idx)
        optimization.set_learning_rates(optimizers, self.config.optimization, progress)
        for discriminator in self.discriminators.values():
            discriminator.requires_grad_(False)
        terms, found = self.lifter_terms(batch_norm, progress, generator)
        self.step_lifter(optimizers[0], terms, batch_idx)
        values = {f"loss_{term.name}": term.value for term in terms}
        for optimizer, (name, discriminator) in zip(optimizers[1:], self.discriminators.items(), strict=True):
            discriminator.requires_grad_(True)
            if name in found:
                values |= self.step_discriminator(optimizer, name, found[name], generator)
        self.means.add(values)

    def lifter_terms(self, batch_norm: Tensor, progress: float, generator: Generator) -> tuple[Terms, Comparisons]:
        """The lifter's losses on a batch, and what the discriminators are to tell apart."""
        losses, terms, found, pose_norm = self.config.losses, Terms(), {}, first_frames(batch_norm)
        if self.self_supervision.is_active:
            rotation = random_views(len(pose_norm), self.config.views, generator)
            lift = partial(self.lifter.on_rays, confidence=self.lifter.random_confidence(pose_norm, generator))
            cycle, terms = self.self_supervision(lift, pose_norm, rotation)
            found = comparisons(lift, batch_norm, cycle, rotation, losses)
            terms += generator_terms(self.discriminators, found, losses, generator)
        if losses.weight_supervised and self.labelled_poses.available(progress):
            pose_mm = self.labelled_poses.sample(pose_norm, progress, self.lifter_ema, generator)
            terms += self.labelled_poses.terms(self.lifter, pose_mm, generator)
        return terms, found

    def step_lifter(self, optimizer: Any, terms: Terms, batch_idx: int) -> None:
        """One update of the lifter and of its average."""
        optimizer.zero_grad()
        self.manual_backward(total(terms))
        optimizer.optimizer.clip_next_step(optimization.MAX_GRADIENT_NORM)
        optimizer.step()
        optimization.share_statistics(self.lifter, self.trainer.world_size)
        step = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        optimization.update_average(self.lifter_ema, self.lifter, self.config.optimization.ema_decay, step)

    def step_discriminator(self, optimizer: Any, name: str, both: Comparison, generator: Generator) -> dict[str, Any]:
        """One update of a discriminator, skipped while its accuracy exceeds the cap (Kudo et al. 2018)."""
        options = self.config.losses
        loss, accuracy = discriminator_terms(self.discriminators[name], both, options, generator)
        optimizer.zero_grad()
        self.manual_backward(loss)
        # All processes must come to the same decision, or they wait for each other for ever.
        decisive = optimization.mean_over_processes(accuracy, self.trainer.world_size)
        optimizer.optimizer.skip_next_step_if(decisive > options.gan_accuracy_cap)
        optimizer.step()
        return {f"loss_{name}": loss, f"{name}_accuracy": accuracy}

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """After an epoch's last step, logs the means of its losses and stops the run if one is not finite."""
        if self.trainer.is_last_batch:
            means = self.means.pop(self.trainer.world_size)
            optimization.check_finite(self)
            self.log_dict(means, on_step=False, on_epoch=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses to replace a good checkpoint by weights that are not finite."""
        optimization.check_finite(self)

    def on_validation_epoch_start(self) -> None:
        """Readies the averaged lifter for the epoch."""
        lifter = self.lifter_ema.for_inference(torch.bfloat16 if "bf16" in self.trainer.precision else torch.float32)
        data = self.trainer.datamodule  # type: ignore[attr-defined]  # the Trainer sets it in fit
        self.validation = Validation(lifter.lift, data.val_set, self.device)

    def validation_step(self, batch: PoseSet | Tensor, batch_idx: int, dataloader_idx: int) -> None:
        """Errors on poses with 3D, and the loss on held-out 2D poses for unsupervised model selection."""
        if isinstance(batch, PoseSet):
            self.validation.update(batch)
        else:
            self.log("val_unsupervised_epoch", self.unsupervised_loss(batch), add_dataloader_idx=False)

    def unsupervised_loss(self, pose_norm: Tensor) -> Tensor:
        """The averaged lifter's loss without the discriminator's part, on held-out 2D poses and new labelled poses."""
        generator = Generator(self.device).manual_seed(0)
        # Drawn whether they are needed or not, so that the labelled poses are the same whatever the weights are.
        rotation, terms = random_views(len(pose_norm), self.config.views, generator), []
        if self.self_supervision.is_active:
            terms = self.self_supervision(self.lifter_ema.on_rays, pose_norm, rotation)[1]
        if self.config.losses.weight_supervised:
            terms += self.labelled_poses.held_out_terms(self.lifter_ema, pose_norm, generator)
        return total(terms)

    def on_validation_epoch_end(self) -> None:
        """Logs the errors."""
        self.log_dict(self.validation.figures())
