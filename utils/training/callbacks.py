"""What happens around training: signals, checkpoint files, pictures, learning rates."""

import functools
import io
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from pytorch_lightning.utilities.exceptions import SIGTERMException

from ..drawing.poses import draw_pose_2d, draw_pose_3d
from ..files import write_whole
from ..normalization import EXACT
from .terminal import say

PICTURE_PEOPLE, PICTURE_EVERY_EPOCHS = 4, 10
VIEWS_DEG = (0, 45, 90, 180)
TILE_PX = 240


class SaveOnSignal(Checkpoint):
    """Ctrl-C, SIGTERM and SIGUSR1 end the run with a checkpoint from which it can be resumed.

    Resuming is exact between two steps and between two epochs, so a signal waits for one of these; in its last epoch
    the run simply ends. Lightning itself stops within a step at Ctrl-C and within validation at SIGTERM. A second
    Ctrl-C stops at once. This callback must come after those that keep the best checkpoints, so that what they know
    is saved.
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
        self.received = True

    def _stop(self, trainer: Trainer) -> None:
        """If a process got a signal, Lightning raises SIGTERMException in all of them, after this step or epoch."""
        if trainer.strategy.reduce_boolean_decision(self.received, all=False):
            if trainer.is_global_zero:
                say("stopping with a checkpoint; Ctrl-C again stops at once")
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
    """Pictures of a few validation poses for the loggers: the 2D pose, and from several sides its lift and its truth.

    They are spread evenly over the pose set.
    """

    def __init__(self, val_set: Any) -> None:
        step = max(len(val_set) // PICTURE_PEOPLE, 1)
        self.poses_px = val_set.poses_px["gt"][::step][:PICTURE_PEOPLE]
        self.poses_cam_mm = val_set.poses_cam_mm[::step][:PICTURE_PEOPLE]

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lifts the poses and hands one picture of them to each logger."""
        due = trainer.current_epoch % PICTURE_EVERY_EPOCHS == 0 or trainer.current_epoch + 1 == trainer.max_epochs
        if not (due and trainer.is_global_zero and trainer.loggers):
            return
        lifter: Any = pl_module.lifter_ema
        lifted = lifter.lift(self.poses_px, confidence=EXACT).cpu().numpy()
        people = zip(self.poses_px.numpy(), lifted, self.poses_cam_mm.numpy(), strict=True)
        picture = np.concatenate([person_picture(*person) for person in people])
        loggers: list[Any] = trainer.loggers
        for logger in loggers:
            logger.log_picture("poses", picture, trainer.current_epoch)


def person_picture(pose_px: np.ndarray, lifted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """One person as a uint8 picture: the 2D pose (17, 2) and its lift (17, 3) above the true 3D pose (17, 3)."""
    blank = np.full((TILE_PX, TILE_PX, 3), 255, np.uint8)
    low, high = pose_px.min(axis=0), pose_px.max(axis=0)
    fitted_px = (pose_px - (low + high) / 2) / max((high - low).max(), 1e-6) * 0.75 * TILE_PX + TILE_PX / 2
    first = {"2D input": draw_pose_2d(blank, fitted_px), "": blank}
    rows = []
    for name, pose, (label, tile) in zip(("lifted", "ground truth"), (lifted, truth), first.items(), strict=True):
        views = {f"{name}, {angle} degrees": draw_pose_3d(pose, angle, TILE_PX) for angle in VIEWS_DEG}
        rows.append(np.concatenate([labelled(one, text) for text, one in {label: tile, **views}.items()], axis=1))
    return np.concatenate(rows)


def labelled(tile: np.ndarray, text: str) -> np.ndarray:
    """A picture with a line of text in its corner."""
    picture = Image.fromarray(tile)
    ImageDraw.Draw(picture).text((8, 6), text, fill=(60, 66, 80), font=ImageFont.load_default(14))
    return np.asarray(picture)


class LearningRates(Callback):
    """Logs the learning rates of an epoch's last step and, beside a discriminator's accuracy, its cap."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Under the names lr_lifter, lr_discriminator and discriminator_accuracy_cap."""
        names = ("lr_lifter", "lr_discriminator")
        # All discriminators have one.
        values = {name: one.param_groups[0]["lr"] for name, one in zip(names, trainer.optimizers[:2], strict=True)}
        if any(name.endswith("discriminator_accuracy") for name in trainer.callback_metrics):
            values["discriminator_accuracy_cap"] = pl_module.hparams["gan_accuracy_cap"]
        pl_module.log_dict(values)
