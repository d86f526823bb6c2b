"""What happens around training: progress, signals, pictures."""

import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.exceptions import SIGTERMException

from .visualization import draw_pose_3d

VIEWS_DEG = (0, 45, 90, 180)


class Progress(Callback):
    """One line an epoch with losses and validation figures; on a terminal also a running count of steps."""

    def __init__(self) -> None:
        self.started = self.drawn = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the epoch's clock."""
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Draws the count over itself, at most four times a second."""
        if trainer.is_global_zero and sys.stderr.isatty() and time.monotonic() - self.drawn > 0.25:
            self.drawn = time.monotonic()
            print(f"\r{self._epoch(trainer)}  step {batch[-1] + 1}/{trainer.num_training_batches}", end=" ",
                  file=sys.stderr, flush=True)  # fmt: skip

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's line. Validation has run by now."""
        if not trainer.is_global_zero:
            return
        shown = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = "  ".join(f"{_short(name)} {value:.4g}" for name, value in sorted(shown.items()))
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{clear}{self._epoch(trainer)}  {line}  {time.monotonic() - self.started:.1f} s",
              file=sys.stderr, flush=True)  # fmt: skip

    @staticmethod
    def _epoch(trainer: Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _short(name: str) -> str:
    return name.removeprefix("loss_").removesuffix("_epoch")


class SaveOnSignal(Callback):
    """Ctrl-C and SIGTERM end the run after the current step with a checkpoint to go on from.

    A second Ctrl-C stops at once.

    Args:
        path: the checkpoint to write.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.saved = path, False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets Ctrl-C take the way of SIGTERM, which Lightning raises between two steps."""

        def interrupt(*_: Any) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\nstopping after this step; Ctrl-C again stops at once", file=sys.stderr, flush=True)
            signal.raise_signal(signal.SIGTERM)

        signal.signal(signal.SIGINT, interrupt)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Saves where the run stands; steps are whole, so resuming is exact."""
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.path)
            self.saved = True


class PosePictures(Callback):
    """Pictures of a few validation poses turning, for the loggers that take pictures.

    Args:
        val_set: poses to show, evenly spread over the set.
        every_n_epochs: how often.
        people: how many.
    """

    def __init__(self, val_set: Any, every_n_epochs: int = 10, people: int = 4) -> None:
        self.every_n_epochs = every_n_epochs
        step = max(len(val_set) // people, 1)
        self.poses_px = val_set.poses_px["gt"][::step][:people]

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lifts the poses and hands one picture of them to each logger."""
        last = trainer.current_epoch + 1 == trainer.max_epochs
        if (
            not trainer.is_global_zero
            or not trainer.loggers
            or (trainer.current_epoch % self.every_n_epochs and not last)
        ):
            return
        poses = pl_module.lifter_ema.lift(self.poses_px).cpu().numpy()
        rows = [np.concatenate([draw_pose_3d(pose, angle, 240) for angle in VIEWS_DEG], axis=1) for pose in poses]
        picture = np.concatenate(rows, axis=0)
        for logger in trainer.loggers:
            log_picture(logger, "poses", picture, trainer.current_epoch)


def log_picture(logger: Any, name: str, picture: Any, epoch: int) -> None:
    """A uint8 (H, W, 3) picture to TensorBoard or MLflow."""
    if hasattr(logger.experiment, "add_image"):
        logger.experiment.add_image(name, picture, epoch, dataformats="HWC")
    elif hasattr(logger.experiment, "log_image"):
        logger.experiment.log_image(logger.run_id, picture, artifact_file=f"{name}/epoch_{epoch:04d}.png")
