"""What the benchmark compares with: the same networks and losses in an ordinary Lightning loop.

Its structure is the published implementations': a data set of dictionaries, one a pose, collated by a DataLoader
without workers; one optimizer a network with PyTorch's defaults; losses read and logged at every step.
"""

import torch
from torch.utils.data import DataLoader, Dataset

from losses.adversarial import critic_accuracy, critic_loss
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
        """Lifter, average, critic, log."""
        pose_norm = batch["pose_2d"]
        generator = torch.Generator(self.device).manual_seed(batch_idx)
        lifter_optimizer, critic_optimizer = self.optimizers()

        self.toggle_optimizer(lifter_optimizer)
        cycle = self.cycle(self.lifter, pose_norm, generator)
        terms = self.lifter_losses(pose_norm, cycle, generator)
        total = sum(self.hparams[f"weight_{name}"] * value for name, value in terms.items())
        lifter_optimizer.zero_grad()
        self.manual_backward(total)
        lifter_optimizer.step()
        self.untoggle_optimizer(lifter_optimizer)
        with torch.no_grad():
            for ours, theirs in zip(self.lifter_ema.parameters(), self.lifter.parameters(), strict=True):
                ours.mul_(self.hparams.ema_decay).add_(theirs, alpha=1 - self.hparams.ema_decay)

        self.toggle_optimizer(critic_optimizer)
        real_logit = self.critic(self.blur(pose_norm, generator))
        fake_logit = self.critic(self.blur(cycle.projection_norm.detach(), generator))
        loss = critic_loss(real_logit, fake_logit, self.hparams.gan_loss)
        accuracy = critic_accuracy(real_logit, fake_logit)
        critic_optimizer.zero_grad()
        self.manual_backward(loss)
        if accuracy.item() <= self.hparams.gan_accuracy_cap:
            critic_optimizer.step()
        self.untoggle_optimizer(critic_optimizer)

        values = {f"loss_{name}": value.item() for name, value in terms.items()}
        self.log_dict({**values, "loss_critic": loss.item(), "critic_accuracy": accuracy.item()}, on_step=True)

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """Nothing is put off to the epoch's end."""

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam as it comes."""
        options = self.hparams
        return [
            torch.optim.Adam(self.lifter.parameters(), options.gen_lr, eps=options.gen_eps),
            torch.optim.Adam(self.critic.parameters(), options.dis_lr, eps=options.dis_eps),
        ]
