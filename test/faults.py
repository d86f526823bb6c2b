"""Runs of main.py in processes of their own, with what can go wrong on a machine done to them.

The processes are forks of one that has imported everything, so that each run begins at once.
"""

import errno
import gc
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

import numpy as np
import torch

LONGEST_S = 120.0


def start_server() -> multiprocessing.context.ForkServerContext:
    """Starts the process to fork from, which imports everything first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults", "pair", "utils.drawing.poses"])
    before = dict(os.environ)
    # Of a process with several threads, a fork has only one.
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ |= before
    return context


def redirect_output(out: str, err: str) -> None:
    """Sends what this process prints into files."""
    # Forks share what has been imported: the garbage collector need not look through it in each of them.
    gc.freeze()
    for descriptor, name in ((1, out), (2, err)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), descriptor)
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115


def run_here(folder: Path, flags: list[str], faults: list[tuple]) -> None:
    """In the child: the faults, then main.py; what it prints goes to out.txt and err.txt."""
    os.chdir(folder)
    redirect_output("out.txt", "err.txt")
    import main
    from datasets import loading
    from utils.training import callbacks

    torch.set_num_threads(1)
    loading.SYNTHETIC_VAL_POSES = 64
    # Costs time and guards against power cuts, which nothing here can cause.
    os.fsync = lambda descriptor: None
    callbacks.person_picture = lambda *arguments: np.zeros((16, 16, 3), np.uint8)
    try:
        for name, *arguments in faults:
            globals()[name](*arguments)
        status = main.main(flags)
    except SystemExit as stop:
        status = stop.code
    except BaseException:
        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    os._exit(status)


def die() -> None:
    """As the kernel kills: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_epoch(epoch: int, action: Callable[[], None]) -> None:
    """Does something when an epoch begins."""
    from utils.training import terminal

    usual = terminal.Progress.on_train_epoch_start

    def start(self, trainer, system):
        usual(self, trainer, system)
        if trainer.current_epoch == epoch:
            action()

    terminal.Progress.on_train_epoch_start = start


def at_nth_file(suffix: str, nth: int, action: Callable[[Path], None]) -> None:
    """Does something before the nth and all later files of a kind get their names, when their content is written."""
    rename, seen = Path.replace, []

    def replace(path, target):
        seen.extend([target] if Path(target).suffix == suffix else [])
        if Path(target).suffix == suffix and len(seen) >= nth:
            action(path)
        return rename(path, target)

    Path.replace = replace


def kill_while_writing(suffix: str, nth: int, half: bool) -> None:
    """Kills in the nth writing of a file of a kind: half of it is on the disk, or all but its name."""

    def kill(path: Path) -> None:
        if half:
            os.truncate(path, path.stat().st_size // 2)
        die()

    at_nth_file(suffix, nth, kill)


def full_disk(suffix: str, nth: int) -> None:
    """The nth and all later files of a kind meet a full disk, with half of their bytes on it."""

    def fail(path: Path) -> None:
        os.truncate(path, path.stat().st_size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    at_nth_file(suffix, nth, fail)


def limit_file_size(size: int) -> None:
    """No file may become larger, from the second epoch on."""
    at_epoch(1, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))


def nan_in_loss(epoch: int, step: int, gradient_only: bool, then: int = 0) -> None:
    """One step's loss, or only its gradient, is not a number; then, perhaps, comes a signal."""
    from models.gan import PoseGAN

    compute, begin = PoseGAN.lifter_terms, PoseGAN.training_step
    now = [0, 0]

    def training_step(system, batch, batch_idx):
        now[:] = system.current_epoch, batch_idx
        begin(system, batch, batch_idx)
        if now == [epoch, step] and then:
            signal.raise_signal(then)

    def lifter_terms(system, *arguments):
        (first, *others), fake_norm = compute(system, *arguments)
        # The root's slope at 0 is infinite, and 0 times that is not a number.
        poison = (first.value * 0).sqrt() if gradient_only else torch.nan
        value = first.value + (poison if now == [epoch, step] else 0)
        return [first._replace(value=value), *others], fake_norm

    PoseGAN.training_step, PoseGAN.lifter_terms = training_step, lifter_terms


def tensorboard_gone() -> None:
    """The event file can no longer be opened: a folder has its name."""

    def block():
        for path in Path("lightning_logs/version_0").glob("events.*"):
            path.unlink()
            path.mkdir()

    at_epoch(1, block)
