"""What happens around training: progress lines, signals, checkpoint files, pictures."""

import functools
import io
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities.exceptions import SIGTERMException

from ..drawing.poses import draw_pose_3d
from ..files import write_whole
from ..normalization import EXACT

PICTURE_PEOPLE, PICTURE_EVERY_EPOCHS = 4, 10
VIEWS_DEG = (0, 45, 90, 180)
SHOWN = {"val_mpjpe_epoch": "MPJPE", "val_p_mpjpe_epoch": "P-MPJPE", "val_unsupervised_epoch": "unsupervised"}
"""Which validation figures the terminal shows; the loggers get all."""


class Progress(Callback):
    """One line an epoch with losses and validation figures; on a terminal also a running count of steps.

    Lightning's progress bars keep no such lines, and show nothing where standard error is a file.
    """

    def __init__(self) -> None:
        # A run that is resumed within an epoch does not see that epoch start.
        self.started, self.drawn = time.monotonic(), 0.0

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
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        losses = [
            f"{name.removeprefix('loss_').replace('discriminator_accuracy', 'accuracy')} {value:.3g}"
            for name, value in figures.items()
            if not name.startswith("val_")
        ]
        validation = [f"{shown} {figures[name]:.4g}" for name, shown in SHOWN.items() if name in figures]
        clear = "\r\033[K" if sys.stderr.isatty() else ""
        seconds = f"{time.monotonic() - self.started:.1f} s"
        parts = (clear + self._epoch(trainer), "  ".join(losses), "  ".join(validation), seconds)
        print(" | ".join(parts), file=sys.stderr, flush=True)

    @staticmethod
    def _epoch(trainer: Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


class SaveOnSignal(Checkpoint):
    """Ctrl-C, SIGTERM and SIGUSR1 end the run with a checkpoint from which it can be resumed.

    Resuming is exact between two steps and between two epochs, so a signal waits for one of these; in its last epoch
    the run simply ends. Lightning itself stops within a step at Ctrl-C and within validation at SIGTERM. A second
    Ctrl-C stops at once. This callback must come after those that keep the best checkpoints, so that what they know
    is saved.

    Args:
        path: the checkpoint to write.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.received = path, False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Takes SIGUSR1, with which SLURM announces a job's end, so that Lightning does not: its own checkpoint would
        go into the current folder, and every later job there would begin with it."""
        if hasattr(signal, "SIGUSR1"):
            signal.signal(signal.SIGUSR1, self._note)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over the other signals; Lightning restores the earlier handlers after the run."""
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.received:
            # Not print: the signal may have come in the midst of one.
            os.write(2, b"\nstopping with a checkpoint; Ctrl-C again stops at once\n")
        self.received = True

    def _stop(self, trainer: Trainer) -> None:
        """If a process got a signal, Lightning raises SIGTERMException in all of them, after this step or epoch."""
        if trainer.strategy.reduce_boolean_decision(self.received, all=False):
            # What Lightning's own handler of SIGTERM sets, where the system has that signal.
            trainer._signal_connector.received_sigterm = True

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Stops between two steps."""
        if not trainer.is_last_batch:
            self._stop(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops between two epochs."""
        if trainer.current_epoch + 1 != trainer.max_epochs:
            self._stop(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Saves where the run stands."""
        if isinstance(exception, SIGTERMException):
            trainer.save_checkpoint(self.path)


class Checkpoints:
    """The callbacks that keep checkpoints in a folder: the best, the unsupervised choice and the last."""

    def __init__(self, folder: Path) -> None:
        keep = functools.partial(ModelCheckpoint, folder, enable_version_counter=False)
        self.best = keep("best-{epoch}", "val_mpjpe_epoch")
        self.unsupervised = keep("unsupervised-{epoch}", "val_unsupervised_epoch")
        self.last = folder / "last.ckpt"
        # The last comes after the others, so that what it saves knows of theirs.
        self.callbacks = [self.best, self.unsupervised, keep("last"), SaveOnSignal(self.last)]

    def kept(self) -> dict[str, Path]:
        """Those that have been written, by name."""
        paths: dict[str, Any] = {
            "best": self.best.best_model_path,
            "last": self.last,
            "unsupervised": self.unsupervised.best_model_path,
        }
        return {name: Path(path) for name, path in paths.items() if Path(path).is_file()}


class WholeFiles(TorchCheckpointIO):
    """Writes each checkpoint whole or not at all: whatever ends a run, the file under a checkpoint's name is good.

    Lightning writes to the temporary folder and moves the file from there. Between two file systems that is a copy,
    which a kill or a full disk would leave unfinished in the place of the last good checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Serialises in memory first, then writes to the disk."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.getbuffer())


class PosePictures(Callback):
    """Pictures of a few validation poses, lifted and seen from several sides, for the loggers.

    Args:
        val_set: a `datasets.poseset.PoseSet`; the poses shown are spread evenly over it.
    """

    def __init__(self, val_set: Any) -> None:
        step = max(len(val_set) // PICTURE_PEOPLE, 1)
        self.poses_px = val_set.poses_px["gt"][::step][:PICTURE_PEOPLE]

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lifts the poses and hands one picture of them to each logger."""
        due = trainer.current_epoch % PICTURE_EVERY_EPOCHS == 0 or trainer.current_epoch + 1 == trainer.max_epochs
        if not (due and trainer.is_global_zero and trainer.loggers):
            return
        lifter: Any = pl_module.lifter_ema
        poses = lifter.lift(self.poses_px, confidence=EXACT).cpu().numpy()
        rows = [np.concatenate([draw_pose_3d(pose, angle, 240) for angle in VIEWS_DEG], axis=1) for pose in poses]
        picture = np.concatenate(rows, axis=0)
        loggers: list[Any] = trainer.loggers
        for logger in loggers:
            logger.log_picture("poses", picture, trainer.current_epoch)
