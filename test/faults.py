"""What can go wrong on a machine, done to this process before main.py runs in it (see fault_server.py)."""

import ctypes
import errno
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from datasets import cache
from models.gan import PoseGAN
from utils import files
from utils.training import callbacks

RUN_DIR = Path("lightning_logs/version_0")
TEN_YEARS_S = 10 * 365 * 86400
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
"""From Linux's sched.h and mount.h."""


def die() -> None:
    """As the kernel kills: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_epoch(epoch: int, action: Callable[[], None]) -> None:
    """Does something when an epoch begins."""
    usual = callbacks.Progress.on_train_epoch_start

    def start(self, trainer, system):
        usual(self, trainer, system)
        if trainer.current_epoch == epoch:
            action()

    callbacks.Progress.on_train_epoch_start = start


def kill_while_writing(suffix: str, nth: int, moment: str) -> None:
    """Kills in the nth writing of a file of a kind: half of it written, all of it, or under its name already."""
    seen = []

    class Writing(Path().__class__):
        """A path that is renamed once in its life, at the end of `write_whole`."""

        def replace(self, target):
            if Path(target).suffix == suffix:
                seen.append(target)
            if len(seen) == nth and moment == "half":
                os.truncate(self, self.stat().st_size // 2)
            if len(seen) < nth or moment == "renamed":
                super().replace(target)
            if len(seen) >= nth:
                die()

    files.Path = Writing


def kill_while_logging(nth: int, moment: str) -> None:
    """Kills in the nth flush of the event file: before it, after it, or with its last record half written."""
    flush, flushes = EventFileWriter.flush, []

    def flush_and_die(self):
        flushes.append(self)
        if len(flushes) == nth and moment == "before":
            die()
        flush(self)
        if len(flushes) == nth:
            if moment == "half":
                path = max(RUN_DIR.parent.rglob("events.*"), key=lambda file: file.stat().st_mtime_ns)
                os.truncate(path, path.stat().st_size - 7)
            die()

    EventFileWriter.flush = flush_and_die


def kill_while_caching(folder: str) -> None:
    """Kills in the writing of a cache entry; runs no training."""

    def half(file, **arrays):
        file.write(b"half of it")
        file.flush()
        die()

    np.savez = half
    os.environ["POSE_CACHE_DIR"] = folder
    cache.cached("key", lambda: {"poses": np.zeros(3)}, Path("data"))


def limit_file_size(size: int) -> None:
    """No file may become larger, as on a disk that is full; from the second epoch on."""
    at_epoch(1, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def full_disk_from_write(suffix: str, nth: int) -> None:
    """The nth and all later files of a kind meet a full disk, with half of their bytes on it."""
    seen = []

    class Full(Path().__class__):
        """A path under which half of a file fits."""

        def replace(self, target):
            if Path(target).suffix == suffix:
                seen.append(target)
            if len(seen) >= nth:
                os.truncate(self, self.stat().st_size // 2)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().replace(target)

    files.Path = Full


def small_disk(folder: str, kilobytes: int) -> None:
    """Puts a real disk of that size under a folder, which only this process sees, and works there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(status):
        if status:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    check(libc.mount(b"none", folder.encode(), b"tmpfs", 0, f"size={kilobytes}k".encode()))
    os.chdir(folder)


def jumping_clock() -> None:
    """Each look at the clock finds another decade."""
    now, generator = time.time, random.Random(0)
    time.time = lambda: now() + generator.choice((-TEN_YEARS_S, 0.0, TEN_YEARS_S))


def clock_set(seconds: float) -> None:
    """The clock is set once, when the second epoch begins."""
    now = time.time

    def jump():
        time.time = lambda: now() + seconds

    at_epoch(1, jump)


def data_file_changes(path: str, other: str) -> None:
    """Another program writes over the training data, then replaces the file, then cuts it, while a run goes on."""
    file = Path(path)
    at_epoch(0, lambda: file.write_bytes(Path(other).read_bytes()))
    at_epoch(1, lambda: Path(other).replace(file))
    at_epoch(2, lambda: os.truncate(file, 1000))


def nan_in_loss(epoch: int, step: int, gradient_only: bool, then: int = 0) -> None:
    """One step's loss, or only its gradient, is not a number; then, perhaps, comes a signal."""
    losses, end = PoseGAN.lifter_losses, callbacks.SaveOnSignal.on_train_batch_end
    now = [0, -1]

    def poisoned(system, *arguments):
        terms = losses(system, *arguments)
        now[:] = (system.current_epoch, now[1] + 1) if now[0] == system.current_epoch else (system.current_epoch, 0)
        if now == [epoch, step]:
            # The root's slope at 0 is infinite, and 0 times that is not a number.
            terms["2d"] = terms["2d"] + ((terms["2d"] * 0).sqrt() if gradient_only else torch.nan)
        return terms

    def end_of_step(self, trainer, system, *batch):
        if now == [epoch, step] and then:
            signal.raise_signal(then)
        end(self, trainer, system, *batch)

    PoseGAN.lifter_losses = poisoned
    callbacks.SaveOnSignal.on_train_batch_end = end_of_step


def tensorboard_gone() -> None:
    """The event file can no longer be opened: a folder has its name."""

    def block():
        for path in RUN_DIR.glob("events.*"):
            path.unlink()
            path.mkdir()

    at_epoch(1, block)


def mlflow_locked() -> None:
    """Another program takes the database and keeps it."""
    other = sqlite3.connect("mlflow.db", isolation_level=None, check_same_thread=False)
    # Kept alive by the closure.
    at_epoch(1, lambda: other.execute("BEGIN EXCLUSIVE"))


def mlflow_gone() -> None:
    """The database is deleted."""
    at_epoch(1, Path("mlflow.db").unlink)


def impatient() -> None:
    """MLflow waits for a locked database a tenth of a second instead of twenty."""
    from mlflow.store.db import utils

    text = utils.sql.text
    utils.sql = SimpleNamespace(
        text=lambda statement: text(statement.replace("busy_timeout = 20000", "busy_timeout = 100"))
    )
