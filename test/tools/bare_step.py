"""PoseGAN's training step without Lightning: what the benchmark times and a CUDA graph holds."""

import torch
from torch import Generator, Tensor

from losses.adversarial import discriminator_terms
from losses.self_supervision import total
from models import optimization
from models.gan import PoseGAN


class BareStep:
    """The same arithmetic in the same order as `PoseGAN.training_step`, on one device.

    Args:
        system: the networks, on their device.
    """

    def __init__(self, system: PoseGAN) -> None:
        system.on_fit_start()
        self.system, self.adams = system, system.configure_optimizers()

    def __call__(
        self, batch_norm: Tensor, progress: float, number: int, generator: Generator, low: bool = False
    ) -> dict[str, Tensor]:
        """One step of all networks.

        Args:
            batch_norm: poses (B, 17, 2), or pairs (B, 2, 17, 2) of frames.
            progress: fraction of the run that is done.
            number: of the step; in the first ones the average of weights follows faster.
            generator: source of randomness, on the device.
            low: multiply matrices in bfloat16, as Lightning does with "bf16-mixed".

        Returns:
            The losses and accuracies, on the device.
        """
        system, losses = self.system, self.system.config.losses
        # Entered and left within the step, so that a graph of it makes bfloat16 copies of the weights at each replay.
        with torch.autocast(system.device.type, torch.bfloat16, enabled=low):
            for discriminator in system.discriminators.values():
                discriminator.requires_grad_(False)
            terms, found = system.lifter_terms(batch_norm, progress, generator)
            self.adams[0].zero_grad()
            total(terms).backward()
            self.adams[0].clip_next_step(optimization.MAX_GRADIENT_NORM)
            self.adams[0].step()
            optimization.update_average(system.lifter_ema, system.lifter, system.config.optimization.ema_decay, number)
            values = {f"loss_{term.name}": term.value.detach() for term in terms}
            for adam, (name, discriminator) in zip(self.adams[1:], system.discriminators.items(), strict=True):
                discriminator.requires_grad_(True)
                if name in found:
                    loss, accuracy = discriminator_terms(discriminator, found[name], losses, generator)
                    adam.zero_grad()
                    loss.backward()
                    adam.skip_next_step_if(accuracy > losses.gan_accuracy_cap)
                    adam.step()
                    values |= {f"loss_{name}": loss.detach(), f"{name}_accuracy": accuracy}
        return values
