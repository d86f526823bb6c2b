"""What the benchmark compares with: the same networks and losses in an ordinary Lightning loop.

Its structure is the published implementations': a data set of dictionaries, one a pose, collated by a DataLoader
without workers; one optimizer a network with PyTorch's defaults; losses read and logged at every step.
"""

import torch
from torch.utils.data import DataLoader, Dataset

from losses.adversarial import add_noise, discriminator_accuracy, discriminator_loss
from losses.self_supervision import total
from models.gan import PoseGAN
from utils.normalization import flip, pixels_to_norm


class PoseDictionaries(Dataset):
    """Pixels in, {"pose_2d": (17, 2) normalised and mirrored at random} out."""

    def __init__(self, poses_px: torch.Tensor) -> None:
        self.poses_px = poses_px

    def __len__(self) -> int:
        return len(self.poses_px)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        pose_norm = pixels_to_norm(self.poses_px[index])[0]
        return {"pose_2d": flip(pose_norm) if torch.rand(()) < 0.5 else pose_norm}


def loader(poses_px: torch.Tensor, batch_size: int) -> DataLoader:
    """The ordinary DataLoader."""
    return DataLoader(PoseDictionaries(poses_px), batch_size, shuffle=True, num_workers=0, drop_last=True)


class OrdinaryGAN(PoseGAN):
    """Takes networks, random views and losses from PoseGAN, and nothing else."""

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        """Lifter, average, discriminator, log."""
        pose_norm = batch["pose_2d"]
        generator = torch.Generator(self.device).manual_seed(batch_idx)
        lifter_optimizer, discriminator_optimizer = self.optimizers()

        self.toggle_optimizer(lifter_optimizer)
        terms, comparisons = self.lifter_terms(pose_norm, 0.0, generator)
        lifter_optimizer.zero_grad()
        self.manual_backward(total(terms))
        lifter_optimizer.step()
        self.untoggle_optimizer(lifter_optimizer)
        decay = self.config.optimization.ema_decay
        with torch.no_grad():
            for ours, theirs in zip(self.lifter_ema.parameters(), self.lifter.parameters(), strict=True):
                ours.mul_(decay).add_(theirs, alpha=1 - decay)

        losses = self.config.losses
        self.toggle_optimizer(discriminator_optimizer)
        fake_norm = comparisons["discriminator"].fake_norm.detach()
        real_logit = self.discriminator(add_noise(pose_norm, losses.discriminator_noise, generator))
        fake_logit = self.discriminator(add_noise(fake_norm, losses.discriminator_noise, generator))
        loss = discriminator_loss(real_logit, fake_logit, losses.gan_loss)
        accuracy = discriminator_accuracy(real_logit, fake_logit)
        discriminator_optimizer.zero_grad()
        self.manual_backward(loss)
        if accuracy.item() <= losses.gan_accuracy_cap:
            discriminator_optimizer.step()
        self.untoggle_optimizer(discriminator_optimizer)

        values = {f"loss_{term.name}": term.value.item() for term in terms}
        values |= {"loss_discriminator": loss.item(), "discriminator_accuracy": accuracy.item()}
        self.log_dict(values, on_step=True)

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """Nothing is put off to the epoch's end."""

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam as it comes."""
        options = self.config.optimization
        return [
            torch.optim.Adam(self.lifter.parameters(), options.gen_lr, eps=options.gen_eps),
            torch.optim.Adam(self.discriminator.parameters(), options.dis_lr, eps=options.dis_eps),
        ]
