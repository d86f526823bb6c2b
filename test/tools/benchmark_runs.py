"""The benchmark's whole fits and runs: beside an ordinary loop, beside bare steps, and from the start of main.py."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytorch_lightning as pl
import torch
from benchmark_steps import timed_step
from benchmark_table import BATCH, Bench, paper_system, products, training_norm
from ordinary_loop import OrdinaryGAN, loader
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from datasets.datamodule import PoseDataModule
from datasets.synthetic.people import load_synthetic
from models.gan import PoseGAN
from utils.training.devices import keep_freed_memory

ROOT = Path(__file__).resolve().parents[2]
CHILD = """\
import re, sys
import main, models.gan
def mark():
    # Not getrusage: its peak begins with that of the process this one was forked from.
    print("MARK", re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1), flush=True)
ended = models.gan.PoseGAN.on_train_batch_end
def on_train_batch_end(self, outputs, batch, batch_idx):
    ended(self, outputs, batch, batch_idx)
    if self.trainer.is_last_batch or self.global_step <= 2:
        mark()
models.gan.PoseGAN.on_train_batch_end = on_train_batch_end
status = main.main(sys.argv[1:])
mark()
sys.exit(status)
"""
"""Runs main.py and says how much memory it took at most until its first step's, each epoch's and its own end."""

STEPS = """\
import sys, time
import main  # sets how long threads wait for each other
import torch
from benchmark_steps import timed_step
from benchmark_table import BATCH, paper_system, products, training_norm
step, pose_norm = timed_step(paper_system(width=256)), training_norm(BATCH, torch.device("cpu"))
with products(fast=True):
    for seconds in map(float, sys.stdin):
        start, steps = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            step(pose_norm)
            steps += 1
        print((time.perf_counter() - start) / steps, flush=True)
"""
"""Reads for how many seconds to train, and prints how many of them a step took."""
WAITS = {
    "PyTorch's default": {"GOMP_SPINCOUNT": "300000"},
    "main.py's": {},
    "no spinning": {"GOMP_SPINCOUNT": "0"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
"""How PyTorch's threads wait for each other, by what the environment says of it."""


class Clock(Callback):
    """Seconds of a fit's steps, from the end of one to the end of the next; the first ones are left out."""

    def __init__(self, bench: Bench, skip: int = 3) -> None:
        self.bench, self.skip, self.ends = bench, skip, []

    def on_train_batch_end(self, trainer: Trainer, pl_module: pl.LightningModule, *batch: object) -> None:
        """Waits for the GPU only at the two ends of what is measured."""
        if len(self.ends) == self.skip or trainer.is_last_batch:
            self.bench.synchronize()
        self.ends.append(time.perf_counter())

    def step(self) -> float:
        """Mean on a GPU, whose queue hides single steps; median on the CPU."""
        ends = self.ends[self.skip :]
        if self.bench.gpus:
            return (ends[-1] - ends[0]) / (len(ends) - 1)
        return statistics.median(after - before for before, after in pairwise(ends))


def fit_seconds(bench: Bench, system: PoseGAN, poses, steps: int, precision: str = "32-true") -> float:
    """Seconds a step of a fit by the Trainer, ours as main.py sets it up."""
    ordinary, clock = isinstance(system, OrdinaryGAN), Clock(bench)
    with tempfile.TemporaryDirectory() as folder, products(fast=not ordinary):
        trainer = Trainer(
            accelerator="gpu" if bench.gpus else "cpu", devices=1, precision=precision, max_epochs=1,
            limit_train_batches=steps, limit_val_batches=0, num_sanity_val_steps=0, callbacks=[clock],
            logger=TensorBoardLogger(folder), log_every_n_steps=1 if ordinary else 50, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        if ordinary:
            trainer.fit(system, loader(poses.poses_px["gt"], BATCH))
        else:
            trainer.fit(system, PoseDataModule(poses, poses, BATCH, seed=0))
    return clock.step()


def bench_ordinary(bench: Bench, script: Path) -> None:
    """Ours through the Trainer against the ordinary loop, each in a process of its own: ours sets it up as a whole."""
    command = [sys.executable, script, "--gpus", str(bench.gpus), "--threads", str(torch.get_num_threads()), "--fit"]
    for width, steps in ((1024, 12), (256, 60)):
        times: dict[str, list[float]] = {"ordinary": [], "ours": [], "low": []}
        for _ in range(3):
            for name, values in times.items():
                printed = subprocess.check_output([*command, name, str(width), str(steps)], text=True)
                values.append(float(printed.splitlines()[-1]))
        ordinary, ours, low = (1000 * statistics.median(values) for values in times.values())
        bench.add(f"training, width {width}: float32 / ordinary loop", ours, ordinary, "ms a step")
        bench.add(f"training, width {width}: bfloat16 / ordinary loop", low, ordinary, "ms a step")


def fit_alone(bench: Bench, name: str, width: int, steps: int) -> None:
    """Prints the seconds a step of one fit: "ordinary", "ours", or "low", ours in bfloat16."""
    poses = load_synthetic(40_000, seed=0)
    if name == "ordinary":
        print(fit_seconds(bench, paper_system(kind=OrdinaryGAN, width=width), poses, steps))
        return
    keep_freed_memory()
    print(fit_seconds(bench, paper_system(width=width), poses, steps, "bf16-mixed" if name == "low" else "32-true"))


def bench_overhead(bench: Bench, step: float) -> None:
    """Lightning's time a step, seen best beside tiny networks, relative to the default networks' step."""
    poses, fixed = load_synthetic(40_000, seed=0), training_norm(BATCH, bench.device)
    bare_step, extras = timed_step(paper_system(bench.device, width=16)), []
    for _ in range(3):
        with products(fast=True):
            bare = statistics.median(bench.seconds(lambda: bare_step(fixed)) for _ in range(100))
        extras.append(fit_seconds(bench, paper_system(width=16), poses, 100) - bare)
    bench.add("step in the Trainer / bare step", 1000 * (step + statistics.median(extras)), 1000 * step, "ms")


def run_main(*flags: str) -> list[tuple[float, int]]:
    """Runs main.py in a process of its own; (seconds since its start, peak bytes) at the steps that CHILD prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    marks = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", CHILD, *flags], cwd=folder, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        for line in process.stdout or ():
            if line.startswith("MARK"):
                marks.append((time.perf_counter() - start, 1024 * int(line.split()[1])))
        if process.wait():
            raise RuntimeError(f"main.py {' '.join(flags)} failed")
    return marks


def bench_busy(bench: Bench) -> None:
    """A step on the CPU with each kind of waiting, on the machine as it is and beside two processes for each thread."""
    threads = torch.get_num_threads()
    common = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}", "OMP_NUM_THREADS": str(threads)}
    children = {name: subprocess.Popen([sys.executable, "-c", STEPS], env={**common, **waits}, text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                for name, waits in WAITS.items()}  # fmt: skip
    others: list[subprocess.Popen] = []
    try:
        step_times(children, 0.5, rounds=1)
        idle = {name: min(times) for name, times in step_times(children, 0.5, rounds=7).items()}
        others += (subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * threads))
        busy = {name: statistics.median(times) for name, times in step_times(children, 2, rounds=3).items()}
    finally:
        for process in (*children.values(), *others):
            process.kill()
    for name in WAITS:
        bench.add(f"step, waiting: {name} / PyTorch's default", idle[name], idle["PyTorch's default"], "ms")
        bench.add(f"the same, {name}: beside busy processes / alone", busy[name], idle[name], "ms")


def step_times(children: dict[str, subprocess.Popen], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Ms of a step in processes that take turns, a value a round."""
    times: dict[str, list[float]] = {name: [] for name in children}
    for _ in range(rounds):
        for name, child in children.items():
            print(seconds, file=child.stdin, flush=True)
            times[name].append(1000 * float(child.stdout.readline()))
    return times


def bench_start(bench: Bench) -> None:
    """The help, the first step, and the memory of whole runs of main.py on 20,000 synthetic poses."""
    helps = [bench.seconds(lambda: subprocess.run([sys.executable, ROOT / "main.py", "--help"], check=True,
                                                  stdout=subprocess.DEVNULL)) for _ in range(5)]  # fmt: skip
    bench.add("main.py --help", statistics.median(helps), None, "s")
    synthetic = ("--gpus", str(bench.gpus), "--train_data", "synthetic", "--val_data", "synthetic")
    marks = run_main(*synthetic, "--max_epochs", "1")
    bench.add("start to the end of the first training step", marks[0][0], None, "s")
    bench.add("peak memory of training on 20,000 poses", marks[-1][1] / 1e9, None, "GB")
    marks = run_main(*synthetic, "--max_epochs", "6", "--width", "256")
    bench.add("peak memory after 6 epochs / after 2, width 256", marks[-2][1] / 1e9, marks[2][1] / 1e9, "GB")
    if bench.gpus:
        marks = run_main("--gpus", str(bench.gpus), "--data_dir", str(bench.data_dir.resolve()))
        bench.add("the default recipe, start to final table", marks[-1][0], None, "s")
