"""Trains a lifter as main.py does, with the whole step as a CUDA graph: no Trainer, no validation, no logs.

    python test/tools/train_cuda_graph.py OUT.pt --steps 12500 --width 512 --recipe both --data_dir data

A step of so small networks is thousands of tiny kernels, which Python starts one by one: on an H200, 45 ms. Replayed as
a graph it takes 5 ms, and twelve runs beside each other (with NVIDIA's MPS) 11 ms each. After `--steps`, other flags
are main.py's. Weights are the averaged lifter's at the end. Random numbers come from one stream, so that a seed gives
other weights than main.py's. Without a GPU the same steps run as they are, for tests.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import torch
from bare_step import BareStep
from torch import Generator, Tensor

from datasets.datamodule import PoseDataModule
from datasets.loading import load_training
from models import load_lifter, optimization, save_lifter
from models.adapter import adapted
from models.gan import PoseGAN
from utils.command_line import parse_config
from utils.config import Config
from utils.normalization import flip

WARM_UP, AFTER_CHANGE = 20, 5
"""Steps that run one by one before a graph is captured: at the start, and where pseudo-labels begin."""
REPORT = 1000


class Training:
    """Networks, optimizers and the batch in its fixed place."""

    def __init__(self, config: Config) -> None:
        start = load_lifter(config.run.init) if config.run.init else None
        self.config = config = config.updated(start.shape()) if start else config
        options = config.optimization
        self.device = device = torch.device("cpu" if config.run.gpus == 0 or not torch.cuda.is_available() else "cuda")
        torch.manual_seed(config.run.seed)
        train = adapted(config, load_training(config.data, config.run.seed))
        apart = config.losses.frame_gap
        self.poses = PoseDataModule(train, train, options.batch_size, config.run.seed, apart).train_norm.to(device)
        self.system = system = PoseGAN(config, start).to(device).train()
        system.lifter_ema.eval()
        self.bare_step = BareStep(system)
        self.labels_from = system.labelled_poses.pseudo_labels_from
        self.rates = [torch.zeros((), device=device) for _ in self.bare_step.adams] if device.type == "cuda" else []
        self.generator = Generator(device).manual_seed(config.run.seed + 1)
        self.order = Generator(device).manual_seed(config.run.seed + 2)
        self.batch = self.poses[: options.batch_size].clone()
        self.waiting = torch.empty(0, dtype=torch.long, device=device)

    def feed(self, progress: float) -> None:
        """The next batch into its place, half of it mirrored, and the learning rates of a fraction of the run."""
        size = len(self.batch)
        if len(self.waiting) < size:
            self.waiting = torch.randperm(len(self.poses), generator=self.order, device=self.device)
        chosen, self.waiting = self.poses[self.waiting[:size]], self.waiting[size:]
        mirrored = torch.rand(size, *[1] * (chosen.dim() - 1), device=self.device, generator=self.order) < 0.5
        self.batch.copy_(torch.where(mirrored, flip(chosen), chosen))
        adams = self.bare_step.adams
        optimization.set_learning_rates(adams, self.config.optimization, progress)
        # A graph reads them from fixed places on the GPU.
        for adam, rate in zip(adams, self.rates, strict=False):
            adam.param_groups[0] |= {"lr": rate.fill_(adam.param_groups[0]["lr"]), "capturable": True}

    def step(self, progress: float, number: int) -> dict[str, Tensor]:
        """One step of all networks; the losses, on the device."""
        low = self.config.run.precision == "bf16"
        return self.bare_step(self.batch, progress, number, self.generator, low)

    def warm_up(self, progress: float, number: int) -> dict[str, Tensor]:
        """A step outside of a graph; on a GPU on another stream, as capturing needs it."""
        if self.device.type == "cpu":
            return self.step(progress, number)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            values = self.step(progress, number)
        torch.cuda.current_stream().wait_stream(side)
        return values

    def captured(self, progress: float) -> tuple[torch.cuda.CUDAGraph, dict[str, Tensor]]:
        """A graph of a step, and where it leaves the losses."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            values = self.step(progress, sys.maxsize)
        return graph, values

    def run(self, steps: int) -> None:
        """All steps: one graph before pseudo-labels begin, another one afterwards."""
        graph, began, values = None, time.time(), {}
        first_late = math.ceil(steps * self.labels_from)
        for number in range(steps):
            late = number >= first_late
            self.feed(number / steps)
            one_by_one = first_late + AFTER_CHANGE if late and first_late else WARM_UP
            if self.device.type == "cpu" or number < one_by_one:
                graph, values = None, self.warm_up(float(late), number)
            else:
                if graph is None:
                    graph, values = self.captured(float(late))
                graph.replay()
            if (number + 1) % REPORT == 0 or number + 1 == steps:
                shown = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
                print(f"{number + 1}: {1000 * (time.time() - began) / (number + 1):.2f} ms a step; {shown}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Trains and writes the lifter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="gets the lifter")
    parser.add_argument("--steps", type=int, default=14_000)
    options, flags = parser.parse_known_args(argv)
    training = Training(parse_config(flags))
    training.run(options.steps)
    note = json.dumps({"steps": options.steps, "flags": flags})
    save_lifter(training.system.lifter_ema.cpu().eval(), options.out, note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
