"""Times training, validation and start beside references of the same run; see README, "Speed".

    python test/tools/benchmark.py [--gpus 1] [--out bench.json] [--data_dir DIR]

Ours and its reference take turns (A B A B ...) and medians are compared, so that ratios stand on a busy machine too.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "test")]

import pytorch_lightning as pl
import torch
from ordinary_loop import OrdinaryGAN, loader
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from datasets.datamodule import EpochBatches, PoseDataModule
from datasets.loading import choose_val_data, load_val
from datasets.synthetic.people import load_synthetic
from losses.adversarial import critic_accuracy, critic_loss
from models.gan import PoseGAN
from models.lifter import Lifter
from utils.evaluation.metrics import PoseErrors, pose_errors
from utils.normalization import pixels_to_norm
from utils.training.cpu import fast_float32_products, keep_freed_memory

BATCH = 256
PAPER = {"weight_teacher": 0.0}
"""The step that is timed is the paper's, without a teacher."""
H36M_VIEWS = 525_327
"""Frames of S9 and S11, all cameras: what validation is measured on."""
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


class Bench:
    """Rows of the table, and the clock of one device."""

    def __init__(self, gpus: int, data_dir: Path) -> None:
        self.gpus, self.data_dir = gpus, data_dir
        self.device = torch.device("cuda" if gpus else "cpu")
        self.rows: list[dict] = []

    def add(self, name: str, ours: float, reference: float | None, unit: str) -> None:
        """Prints and keeps a row; without a reference there is no ratio."""
        ratio = ours / reference if reference else None
        self.rows.append({"name": name, "ours": ours, "reference": reference, "ratio": ratio, "unit": unit})
        cells = ["" if value is None else f"{value:.4g}" for value in (ours, reference, ratio)]
        print(f"{name:<66}{cells[0]:>10}{cells[1]:>11}{cells[2]:>9}  {unit}", flush=True)

    def seconds(self, work: Callable[[], object]) -> float:
        """Wall time of a piece of work, the GPU's queue emptied before and after."""
        self.synchronize()
        start = time.perf_counter()
        work()
        self.synchronize()
        return time.perf_counter() - start

    def synchronize(self) -> None:
        """Waits for the GPU, if there is one."""
        if self.gpus:
            torch.cuda.synchronize()

    def in_turns(self, works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
        """Median seconds of pieces of work that take turns, after three rounds that do not count.

        A step's memory comes from the system, page by page, until the first two have shown how much it takes.
        """
        for _ in range(3):
            for work in works.values():
                work()
        times = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                times[name].append(self.seconds(work))
        return {name: statistics.median(values) for name, values in times.items()}


@contextmanager
def products(fast: bool):
    """float32 products as main.py has them computed, or as PyTorch does by itself."""
    if fast:
        fast_float32_products()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def bare_step(system: PoseGAN, optimizers: list, pose_norm: torch.Tensor, low: bool = False) -> None:
    """PoseGAN's step without Lightning: the same arithmetic in the same order."""
    generator = torch.Generator(pose_norm.device).manual_seed(1)
    with torch.autocast(pose_norm.device.type, torch.bfloat16, enabled=low):
        system.critic.requires_grad_(False)
        cycle = system.cycle(system.lifter, pose_norm, generator)
        terms = system.lifter_losses(pose_norm, cycle, generator)
        optimizers[0].zero_grad()
        sum(system.hparams[f"weight_{name}"] * value for name, value in terms.items()).backward()
        system.limit_gradients(optimizers[0])
        optimizers[0].step()
        system.update_average(1000)
        system.critic.requires_grad_(True)
        both = system.blur(torch.cat([pose_norm, cycle.projection_norm.detach()]), generator)
        real_logit, fake_logit = system.critic(both).chunk(2)
        loss = critic_loss(real_logit, fake_logit, system.hparams.gan_loss)
        accuracy = critic_accuracy(real_logit.detach(), fake_logit.detach())
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].found_inf = (accuracy > system.hparams.gan_accuracy_cap).float()
        optimizers[1].grad_scale = None
        optimizers[1].step()
    system.accumulate(terms | {"loss_critic": loss})


def step_products(system: PoseGAN, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The factors of every matrix product that a step cannot do without."""

    def linears(network):
        return [module.weight.detach() for module in network.modules() if isinstance(module, torch.nn.Linear)]

    lifter, critic, device = linears(system.lifter), linears(system.critic), system.bone_ratios.device
    # Rows, then whether weights and whether the input get gradients: lift, second lift, deception, critic.
    passes = [(lifter, count, 1, 0), (lifter, count, 1, 1), (critic, count, 0, 1), (critic, 2 * count, 1, 0)]
    factors = []
    for weights, rows, of_weights, of_input in passes:
        for number, weight in enumerate(weights):
            features = torch.randn(rows, weight.shape[1], device=device)
            gradient = torch.randn(rows, weight.shape[0], device=device)
            factors.append((features, weight.T))
            if of_weights:
                factors.append((gradient.T, features))
            if number or of_input:
                factors.append((gradient, weight))
    return factors


def multiply(factors: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """The products alone; each is given up before the next."""
    for left, right in factors:
        left @ right


def bench_step(bench: Bench, critic: str, critic_width: int) -> float:
    """Step against its matrix products, bfloat16 against float32; returns the float32 step's seconds."""
    poses = training_norm(BATCH, bench.device)
    system = PoseGAN(critic_width=critic_width, **PAPER).to(bench.device)
    optimizers = system.configure_optimizers()
    factors = step_products(system, BATCH)
    low_factors = [(left.bfloat16(), right.bfloat16()) for left, right in factors]
    with products(fast=True):
        times = bench.in_turns({
            "floor": lambda: multiply(factors),
            "step": lambda: bare_step(system, optimizers, poses),
            "low": lambda: bare_step(system, optimizers, poses, low=True),
            "low floor": lambda: multiply(low_factors),
        }, rounds=15)  # fmt: skip
    ms = {name: 1000 * value for name, value in times.items()}
    bench.add(f"step, {critic}, float32 / its matrix products alone", ms["step"], ms["floor"], "ms")
    bench.add(f"step, {critic}, bfloat16 / its matrix products alone", ms["low"], ms["low floor"], "ms")
    bench.add(f"step, {critic}, bfloat16 / float32", ms["low"], ms["step"], "ms")
    with products(fast=False):
        default = bench.in_turns({"floor": lambda: multiply(factors)}, rounds=5)["floor"]
    bench.add(f"products, {critic}, float32 as main.py sets them / PyTorch's", ms["floor"], 1000 * default, "ms")
    return times["step"]


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


def bench_ordinary(bench: Bench) -> None:
    """Ours through the Trainer against the ordinary loop, each in a process of its own: ours sets it up as a whole."""
    for width, steps in ((1024, 12), (256, 60)):
        times: dict[str, list[float]] = {"ordinary": [], "ours": [], "low": []}
        for _ in range(3):
            for name, values in times.items():
                command = [
                    sys.executable,
                    __file__,
                    "--gpus",
                    str(bench.gpus),
                    "--threads",
                    str(torch.get_num_threads()),
                ]
                printed = subprocess.check_output([*command, "--fit", name, str(width), str(steps)], text=True)
                values.append(float(printed.splitlines()[-1]))
        ordinary, ours, low = (1000 * statistics.median(values) for values in times.values())
        bench.add(f"training, width {width}: float32 / ordinary loop", ours, ordinary, "ms a step")
        bench.add(f"training, width {width}: bfloat16 / ordinary loop", low, ordinary, "ms a step")


def fit_alone(bench: Bench, name: str, width: int, steps: int) -> None:
    """Prints the seconds a step of one fit: "ordinary", "ours", or "low", ours in bfloat16."""
    poses = load_synthetic(40_000, seed=0)
    if name == "ordinary":
        print(fit_seconds(bench, OrdinaryGAN(width=width, **PAPER), poses, steps))
        return
    keep_freed_memory()
    print(fit_seconds(bench, PoseGAN(width=width, **PAPER), poses, steps, "bf16-mixed" if name == "low" else "32-true"))


def bench_overhead(bench: Bench, step: float) -> None:
    """Lightning's time a step, seen best beside tiny networks, as a share of the default networks' step."""
    poses = load_synthetic(40_000, seed=0)
    system, fixed = PoseGAN(width=16, **PAPER).to(bench.device), training_norm(BATCH, bench.device)
    optimizers, shares = system.configure_optimizers(), []
    for _ in range(3):
        with products(fast=True):
            bare = statistics.median(bench.seconds(lambda: bare_step(system, optimizers, fixed)) for _ in range(100))
        shares.append(fit_seconds(bench, PoseGAN(width=16, **PAPER), poses, 100) - bare)
    extra = statistics.median(shares)
    bench.add("step in the Trainer / bare step", 1000 * (step + extra), 1000 * step, "ms")


def bench_scaling(bench: Bench) -> None:
    """Poses a second against the batch, and against the data: only indexing and mirroring depend on its size."""
    width = 1024 if bench.gpus else 256
    system = PoseGAN(width=width, **PAPER).to(bench.device)
    optimizers, rates = system.configure_optimizers(), {}
    with products(fast=True):
        for count in (4096, 256, 1024, 16_384, 65_536):
            poses = training_norm(count, bench.device)
            rounds = max(3, min(30, 32_768 // count))
            step = bench.in_turns({"step": lambda poses=poses: bare_step(system, optimizers, poses)}, rounds)["step"]
            rates[count] = count / step
            bench.add(f"training, width {width}, batch {count} / batch 4096", rates[count], rates[4096], "poses/s")
    with_data = {}
    for count in (20_000, 200_000, 1_500_000):
        batches = EpochBatches(torch.randn(count, 17, 2, device=bench.device), BATCH, seed=0, epoch=0)
        epoch = statistics.median(bench.seconds(lambda batches=batches: [None for _ in batches]) for _ in range(3))
        with_data[count] = 1 / (1 / rates[BATCH] + epoch / count)
        bench.add(f"the same, batch {BATCH}, out of {count} poses / out of 20000", with_data[count],
                  with_data[20_000], "poses/s")  # fmt: skip


def training_norm(count: int, device: torch.device) -> torch.Tensor:
    """Normalised poses of generated people, repeated up to a count."""
    poses_norm = pixels_to_norm(load_synthetic(min(count, 4096), seed=0).poses_px["gt"])[0]
    return poses_norm.repeat(-(-count // len(poses_norm)), 1, 1)[:count].to(device)


def bench_validation(bench: Bench) -> None:
    """Every figure of all S9 and S11 views, or of as many generated people, against a loop over poses."""
    pose_set = load_val(choose_val_data(None, bench.data_dir), bench.data_dir, 1)
    pose_set = pose_set.select(torch.arange(H36M_VIEWS) % len(pose_set))
    lifter = Lifter().to(bench.device).eval().requires_grad_(False)

    def validate(lift: Callable, flips: bool) -> None:
        errors = PoseErrors(pose_set.action_names).to(bench.device)
        for index in torch.arange(len(pose_set)).split(4096):
            part = pose_set.select(index).to(bench.device)
            errors.update(lift(part.poses_px["gt"], None, flips), part.poses_cam_mm, part.actions)
        errors.compute()

    def one_by_one(few: int = 300) -> None:
        for pose_px, pose_mm in zip(pose_set.poses_px["gt"][:few], pose_set.poses_cam_mm[:few], strict=True):
            errors = pose_errors(lifter.lift(pose_px, None, False), pose_mm.to(bench.device))
            [float(value) for value in errors.values()]

    one_by_one(10)
    loop = bench.seconds(one_by_one) / 300 * len(pose_set)
    with products(fast=True):
        for name, dtype, flips in (("bfloat16", torch.bfloat16, False), ("bfloat16, with mirror images", torch.bfloat16,
                                   True), ("float32", torch.float32, False)):  # fmt: skip
            lift = lifter.for_inference(dtype).lift
            took = bench.seconds(lambda lift=lift, flips=flips: validate(lift, flips))
            bench.add(f"validation, {len(pose_set)} poses, {name} / pose by pose", took, loop, "s")


def run_main(*flags: str) -> list[tuple[float, int]]:
    """Runs main.py in a process of its own; (seconds since its start, peak bytes) at the steps that CHILD prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    marks = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", CHILD, *flags], cwd=folder, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        for line in process.stdout:
            if line.startswith("MARK"):
                marks.append((time.perf_counter() - start, 1024 * int(line.split()[1])))
        if process.wait():
            raise RuntimeError(f"main.py {' '.join(flags)} failed")
    return marks


def bench_start(bench: Bench) -> None:
    """The help, the first step, and the memory of whole runs of main.py on 20,000 generated people."""
    helps = [bench.seconds(lambda: subprocess.run([sys.executable, ROOT / "main.py", "--help"], check=True,
                                                  stdout=subprocess.DEVNULL)) for _ in range(5)]  # fmt: skip
    bench.add("main.py --help", statistics.median(helps), None, "s")
    generated = ("--gpus", str(bench.gpus), "--train_data", "synthetic", "--val_data", "synthetic")
    marks = run_main(*generated, "--max_epochs", "1")
    bench.add("start to the end of the first training step", marks[0][0], None, "s")
    bench.add("peak memory of training on 20,000 poses", marks[-1][1] / 1e9, None, "GB")
    marks = run_main(*generated, "--max_epochs", "6", "--width", "256")
    bench.add("peak memory after 6 epochs / after 2, width 256", marks[-2][1] / 1e9, marks[2][1] / 1e9, "GB")
    if bench.gpus:
        marks = run_main("--gpus", str(bench.gpus), "--data_dir", str(bench.data_dir.resolve()))
        bench.add("the default recipe, start to final table", marks[-1][0], None, "s")


def machine(bench: Bench) -> dict[str, str]:
    """What the figures were measured on; no names of hosts or people."""
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")] if Path("/proc/cpuinfo").is_file() else []  # fmt: skip
    device = torch.cuda.get_device_name() if bench.gpus else (names or [platform.machine()])[0]
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, Lightning {pl.__version__}"
    return {"machine": f"{device}, {torch.get_num_threads()} CPU threads", "versions": versions}


def main() -> None:
    """Runs every row that the machine can measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1: measure on the GPU")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the rows go")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="Human3.6M is used if it is there")
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    bench = Bench(options.gpus, options.data_dir)
    if options.fit:
        fit_alone(bench, options.fit[0], int(options.fit[1]), int(options.fit[2]))
        return
    keep_freed_memory()
    print("{machine}\n{versions}\n".format(**machine(bench)))
    print(f"{'':<66}{'ours':>10}{'reference':>11}{'ratio':>9}  unit")
    bench_step(bench, "critic of width 1024", 1024)
    step = bench_step(bench, "critic of width 256", 256)
    bench_ordinary(bench)
    bench_overhead(bench, step)
    bench_scaling(bench)
    bench_validation(bench)
    bench_start(bench)
    rows = [{**row, **machine(bench)} for row in bench.rows]
    options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
