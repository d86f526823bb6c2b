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
from torch import Generator, Tensor

from datasets.datamodule import PoseDataModule
from datasets.loading import load_training
from losses.adversarial import discriminator_terms
from losses.self_supervision import total
from models import load_lifter, optimization, save_lifter
from models.gan import PoseGAN
from utils.command_line import parse_config
from utils.config import Config
from utils.normalization import flip

WARM_UP, AFTER_CHANGE = 20, 5
"""Steps that run one by one before a graph is captured: at the start, and where pseudo-labels begin."""
REPORT = 1000


class GraphedAdam(optimization.SteeredAdam):
    """`SteeredAdam` whose learning rate and step count live on the device, so that a graph can hold it."""

    def __init__(self, network: torch.nn.Module, lr: float, eps: float, device: torch.device) -> None:
        on_gpu = device.type == "cuda"
        rate = torch.tensor(lr, device=device) if on_gpu else lr
        torch.optim.Adam.__init__(self, network.parameters(), rate, eps=eps, fused=True, capturable=on_gpu)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next steps."""
        for group in self.param_groups:
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate


class Training:
    """Networks, optimizers and the batch in its fixed place."""

    def __init__(self, config: Config) -> None:
        start = load_lifter(config.run.init) if config.run.init else None
        self.config = config = config.updated(start.shape()) if start else config
        options = config.optimization
        self.device = device = torch.device("cpu" if config.run.gpus == 0 or not torch.cuda.is_available() else "cuda")
        torch.manual_seed(config.run.seed)
        train = load_training(config.data, config.run.seed)
        apart = config.losses.frame_gap
        self.poses = PoseDataModule(train, train, options.batch_size, config.run.seed, apart).train_norm.to(device)
        self.system = system = PoseGAN(config, start).to(device).train()
        system.lifter_ema.eval()
        system.on_fit_start()
        self.labels_from = system.labelled_poses.pseudo_labels_from
        self.lifter_adam = GraphedAdam(system.lifter, options.gen_lr, options.gen_eps, device)
        self.discriminator_adams = {
            name: GraphedAdam(discriminator, options.dis_lr, options.dis_eps, device)
            for name, discriminator in system.discriminators.items()
        }
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
        options = self.config.optimization
        factor = (1 + math.cos(math.pi * progress)) / 2 if options.lr_schedule == "cosine" else 1.0
        self.lifter_adam.set_rate(options.gen_lr * factor)
        for adam in self.discriminator_adams.values():
            adam.set_rate(options.dis_lr * factor)

    def step(self, progress: float, number: int) -> dict[str, Tensor]:
        """One step of all networks, as `PoseGAN.training_step`; the losses, on the device."""
        system = self.system
        for discriminator in system.discriminators.values():
            discriminator.requires_grad_(False)
        terms, comparisons = system.lifter_terms(self.batch, progress, self.generator)
        self.lifter_adam.zero_grad()
        total(terms).backward()
        self.lifter_adam.clip_next_step(optimization.MAX_GRADIENT_NORM)
        self.lifter_adam.step()
        optimization.update_average(system.lifter_ema, system.lifter, self.config.optimization.ema_decay, number)
        values, losses = {term.name: term.value.detach() for term in terms}, self.config.losses
        for name, comparison in comparisons.items():
            discriminator, adam = system.discriminators[name].requires_grad_(True), self.discriminator_adams[name]
            loss, accuracy = discriminator_terms(discriminator, comparison, losses, self.generator)
            adam.zero_grad()
            loss.backward()
            adam.skip_next_step_if(accuracy > losses.gan_accuracy_cap)
            adam.step()
            values[f"{name}_accuracy"] = accuracy
        return values

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
