"""The system: lifter, critic, losses and optimizers wired together (Chen et al. 2019, figure 2)."""

import math
from copy import deepcopy
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from datasets.poseset import PoseSet
from losses.adversarial import critic_accuracy, critic_loss, deception_loss
from losses.priors import bone_ratio_loss, knee_loss
from losses.self_supervision import pose_distance
from utils.anthropometry import bone_ratios
from utils.geometry import CAMERA_DISTANCE

from .cycle import Cycle, lift_cycle, random_views
from .discriminator import Discriminator
from .lifter import Lifter
from .optimization import mean_over_processes, move_average, share_statistics
from .pseudo_labels import Teacher
from .validation import Validation

LONGEST_GRADIENT = 50.0
"""A few times the usual norm. Early in a run a joint may come close to the camera, whose projection then has gradients
ten thousand times as long; one such step spoils Adam's memory for a thousand others, and a run in eight by 20 mm."""


class PoseGAN(LightningModule):
    """Trains a lifter from 2D poses alone. Every argument is the flag of the same name (see `main.py --help`)."""

    def __init__(
        self,
        gen_lr: float = 0.001,
        dis_lr: float = 0.001,
        gen_eps: float = 1e-8,
        dis_eps: float = 1e-8,
        gan_accuracy_cap: float = 0.9,
        width: int = 1024,
        lifter_blocks: int = 4,
        critic_width: int = 256,
        critic_blocks: int = 3,
        gan_loss: str = "least_squares",
        weight_adversarial: float = 1.0,
        weight_2d: float = 1.0,
        weight_3d: float = 0.1,
        weight_bone: float = 10.0,
        weight_knee: float = 5.0,
        weight_teacher: float = 5.0,
        azimuth_range: float = 180.0,
        elevation_law: str = "normal",
        elevation_mean: float = 8.0,
        elevation_spread: float = 6.0,
        renormalise: bool = True,
        critic_noise: float = 0.05,
        teacher_noise: float = 0.0,
        lifted_share: float = 1.0,
        ema_decay: float = 0.999,
        lr_schedule: str = "cosine",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.automatic_optimization = False
        self.lifter = Lifter(width, lifter_blocks)
        self.lifter_ema = deepcopy(self.lifter).eval().requires_grad_(False)
        self.critic = Discriminator(critic_width, critic_blocks)
        self.register_buffer("bone_ratios", bone_ratios(), persistent=False)
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def on_fit_start(self) -> None:
        """Makes the teacher where the networks are."""
        options = self.hparams
        elevation_deg = (options.elevation_mean, options.elevation_spread)
        self.teacher = Teacher(options.teacher_noise, options.lifted_share, elevation_deg, self.device)

    def views(self, count: int, generator: torch.Generator) -> Tensor:
        """Random rotations (count, 3, 3) to see people anew, drawn in full precision."""
        options = self.hparams
        with torch.autocast(self.device.type, enabled=False):
            return random_views(
                count, options.azimuth_range, options.elevation_law, options.elevation_mean,
                options.elevation_spread, generator,
            )  # fmt: skip

    def cycle(self, lifter: Lifter, pose_norm: Tensor, generator: torch.Generator) -> Cycle:
        """Lift (B, 17, 2), turn, project, lift, turn back, in random views."""
        return lift_cycle(lifter, pose_norm, self.views(len(pose_norm), generator), self.hparams.renormalise)

    def lifter_losses(self, pose_norm: Tensor, cycle: Cycle, generator: torch.Generator) -> dict[str, Tensor]:
        """The lifter's terms, unweighted, by the name of their weight."""
        terms = self.free_losses(pose_norm, cycle)
        if self.hparams.weight_adversarial:
            fake_logit = self.critic(self.blur(cycle.projection_norm, generator))
            terms["adversarial"] = deception_loss(fake_logit, self.hparams.gan_loss)
        return terms

    def free_losses(self, pose_norm: Tensor, cycle: Cycle) -> dict[str, Tensor]:
        """The terms that need neither labels nor a critic; distances in units of the person's size, squared."""
        return {
            "2d": pose_distance(pose_norm * CAMERA_DISTANCE, cycle.reprojection_norm * CAMERA_DISTANCE),
            "3d": pose_distance(cycle.turned, cycle.lifted_again),
            "bone": bone_ratio_loss(cycle.pose, self.bone_ratios),
            "knee": knee_loss(cycle.pose),
        }

    def weighted_sum(self, terms: dict[str, Tensor]) -> Tensor:
        """The terms times their weights, which are named after them."""
        return sum(self.hparams[f"weight_{name}"] * value for name, value in terms.items())

    def blur(self, pose_norm: Tensor, generator: torch.Generator) -> Tensor:
        """Noise on what the critic sees, as a share of the person's size: it must not learn poses by heart."""
        if not self.hparams.critic_noise:
            return pose_norm
        noise = torch.randn(pose_norm.shape, generator=generator, device=pose_norm.device)
        return pose_norm + noise * (self.hparams.critic_noise / CAMERA_DISTANCE)

    def training_step(self, batch: tuple[Tensor, int], batch_idx: int) -> None:
        """One step of the lifter and, unless it is too accurate, one of the critic.

        Args:
            batch: poses (B, 17, 2) normalised, and the seed of this step's random numbers. All randomness of a
                step comes from that seed, which is what makes a resumed run equal to an uninterrupted one.
            batch_idx: the step's number in the epoch.
        """
        pose_norm, seed = batch
        generator = torch.Generator(self.device).manual_seed(seed)
        lifter_optimizer, critic_optimizer = self.optimizers()
        self.set_learning_rates(batch_idx)
        terms, fake_norm = {}, None
        self.critic.requires_grad_(False)
        if self.trains_on_2d:
            cycle = self.cycle(self.lifter, pose_norm, generator)
            terms, fake_norm = self.lifter_losses(pose_norm, cycle, generator), cycle.projection_norm.detach()
        if self.hparams.weight_teacher and self.teacher.has_people(self.progress(batch_idx)):
            people_mm = self.teacher.people(pose_norm, self.progress(batch_idx), self.lifter_ema, generator)
            terms["teacher"] = self.teacher.loss(self.lifter, people_mm, generator)
        lifter_optimizer.zero_grad()
        self.manual_backward(self.weighted_sum(terms))
        self.limit_gradients(lifter_optimizer)
        lifter_optimizer.step()
        share_statistics(self.lifter, self.trainer.world_size)
        self.update_average(self.current_epoch * self.trainer.num_training_batches + batch_idx)
        self.critic.requires_grad_(True)
        if fake_norm is not None and self.hparams.weight_adversarial:
            terms |= self.critic_step(critic_optimizer, pose_norm, fake_norm, generator)
        self.accumulate({f"loss_{name}" if "_" not in name else name: value for name, value in terms.items()})

    def limit_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Has the lifter's next step scale gradients that are longer than `LONGEST_GRADIENT` down to it."""
        length = torch.nn.utils.get_total_norm([weight.grad for weight in self.lifter.parameters()])
        inner = getattr(optimizer, "optimizer", optimizer)
        # A fused step divides by the scale while it reads the gradients; clip_grad_norm_ would read them once more.
        inner.grad_scale, inner.found_inf = (length / LONGEST_GRADIENT).clamp(min=1), torch.zeros_like(length)

    @property
    def trains_on_2d(self) -> bool:
        """Whether any loss needs the 2D poses; a pure teacher needs none."""
        names = ("adversarial", "2d", "3d", "bone", "knee")
        return any(self.hparams[f"weight_{name}"] for name in names)

    def critic_step(
        self, optimizer: torch.optim.Optimizer, real_norm: Tensor, fake_norm: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """One update of the critic, skipped while its accuracy exceeds the cap (Kudo et al. 2018).

        The skip is decided on the device, through the flag by which gradient scalers tell a fused optimizer to
        leave out a step, so that no value has to be read back.
        """
        count = len(real_norm)
        both = self.blur(torch.cat([real_norm, fake_norm]), generator)
        real_logit, fake_logit = self.critic(both).split([count, len(fake_norm)])
        loss = critic_loss(real_logit, fake_logit, self.hparams.gan_loss)
        accuracy = critic_accuracy(real_logit.detach(), fake_logit.detach())
        optimizer.zero_grad()
        self.manual_backward(loss)
        inner = getattr(optimizer, "optimizer", optimizer)
        # All processes must come to the same decision, or they wait for each other for ever.
        decisive = mean_over_processes(accuracy, self.trainer.world_size)
        inner.grad_scale, inner.found_inf = None, (decisive > self.hparams.gan_accuracy_cap).float()
        optimizer.step()
        return {"loss_critic": loss, "critic_accuracy": accuracy}

    def update_average(self, step: int) -> None:
        """Moves the averaged lifter, an exponential moving average; the start weighs less."""
        move_average(self.lifter_ema, self.lifter, 1 - min(self.hparams.ema_decay, step / (step + 10)))

    def set_learning_rates(self, batch_idx: int) -> None:
        """Constant, or a cosine from the flag's value to nothing over the whole run."""
        factor = 1.0
        if self.hparams.lr_schedule == "cosine":
            factor = (1 + math.cos(math.pi * self.progress(batch_idx))) / 2
        for optimizer, rate in zip(self.optimizers(), (self.hparams.gen_lr, self.hparams.dis_lr), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def progress(self, batch_idx: int) -> float:
        """The share of the run that is done, 0 to 1."""
        done = self.current_epoch + batch_idx / self.trainer.num_training_batches
        return min(done / self.trainer.max_epochs, 1.0)

    def accumulate(self, values: dict[str, Tensor]) -> None:
        """Adds to the sums that are logged at the end of the epoch; reads nothing back from the device."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """After an epoch's last step, logs the means of its terms and stops the run if one is not finite."""
        if not self.trainer.is_last_batch:
            return
        # A teacher who waits may join within an epoch.
        means = torch.stack([self.sums[name] / count for name, count in self.counts.items()])
        means = mean_over_processes(means, self.trainer.world_size).tolist()
        means, self.sums, self.counts = dict(zip(self.counts, means, strict=True)), {}, {}
        for name, value in means.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"{name} became {value} in epoch {self.current_epoch + 1}; lower --gen_lr")
        self.check_weights()
        self.log_dict(means, on_step=False, on_epoch=True)

    def check_weights(self) -> None:
        """Raises FloatingPointError if a weight is not finite, as after a step whose loss still was."""
        epoch = self.current_epoch + 1
        for name, value in self.state_dict().items():
            if not value.isfinite().all():
                raise FloatingPointError(f"{name} is no longer finite in epoch {epoch}; lower --gen_lr")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses to replace a good checkpoint by weights that are not finite, as a signal within an epoch would."""
        self.check_weights()

    def on_validation_epoch_start(self) -> None:
        """Readies the averaged lifter for the epoch, and figures without any pose."""
        low = self.trainer.precision.startswith("bf16")
        lifter = self.lifter_ema.for_inference(torch.bfloat16 if low else torch.float32)
        self.validation = Validation(lifter.lift, self.trainer.datamodule.val_set, self.device)

    def validation_step(self, batch: PoseSet | Tensor, batch_idx: int, dataloader_idx: int) -> None:
        """Figures of the averaged lifter on poses with 3D, and its label-free figure on held-out 2D poses."""
        if dataloader_idx == 0:
            self.validation.update(batch)
        else:
            self.log("val_label_free_epoch", self.label_free_loss(batch), add_dataloader_idx=False)

    def label_free_loss(self, pose_norm: Tensor) -> Tensor:
        """The averaged lifter's own loss but for the critic's part, on held-out poses and people not trained on."""
        generator = torch.Generator(self.device).manual_seed(0)
        # Drawn whether they are needed or not, so that the people after them are the same whatever the weights are.
        rotation, terms = self.views(len(pose_norm), generator), {}
        if self.trains_on_2d:
            cycle = lift_cycle(self.lifter_ema, pose_norm, rotation, self.hparams.renormalise)
            terms = self.free_losses(pose_norm, cycle)
        if self.hparams.weight_teacher:
            terms["teacher"] = self.teacher.held_out_loss(self.lifter_ema, pose_norm, generator)
        return self.weighted_sum(terms)

    def on_validation_epoch_end(self) -> None:
        """Logs the figures."""
        self.log_dict(self.validation.figures())

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Fused Adam for both networks."""
        options = self.hparams
        return [
            torch.optim.Adam(self.lifter.parameters(), options.gen_lr, eps=options.gen_eps, fused=True),
            torch.optim.Adam(self.critic.parameters(), options.dis_lr, eps=options.dis_eps, fused=True),
        ]
