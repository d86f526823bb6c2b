"""The benchmark's single steps: beside their matrix products alone, and over sizes of batch and data."""

import statistics
from collections.abc import Callable

import torch
from bare_step import BareStep
from benchmark_table import BATCH, Bench, paper_system, products, training_norm

from datasets.datamodule import EpochBatches
from models.gan import PoseGAN

Factors = list[tuple[torch.Tensor, torch.Tensor]]


def timed_step(system: PoseGAN) -> Callable[..., None]:
    """A training step of all networks, without Lightning; takes normalised poses and whether to compute in bfloat16."""
    bare_step = BareStep(system)

    def step(pose_norm: torch.Tensor, low: bool = False) -> None:
        generator = torch.Generator(pose_norm.device).manual_seed(1)
        system.means.add(bare_step(pose_norm, 0.0, 1000, generator, low))

    return step


def step_products(system: PoseGAN, count: int) -> Factors:
    """The factors of every matrix product that a step cannot do without."""

    def linears(network):
        return [module.weight.detach() for module in network.modules() if isinstance(module, torch.nn.Linear)]

    lifter, discriminator, device = linears(system.lifter), linears(system.discriminator), system.bone_ratios.device
    # Rows, then whether weights and whether the input get gradients: two lifts, the generator's loss, the
    # discriminator's.
    passes = [
        (lifter, count, 1, 0),
        (lifter, count, 1, 1),
        (discriminator, count, 0, 1),
        (discriminator, 2 * count, 1, 0),
    ]
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


def multiply(factors: Factors) -> None:
    """The products alone; each is given up before the next."""
    for left, right in factors:
        left @ right


def bench_step(bench: Bench, discriminator_width: int) -> float:
    """Step against its matrix products, bfloat16 against float32; returns the float32 step's seconds."""
    poses, name = training_norm(BATCH, bench.device), f"discriminator {discriminator_width}"
    system = paper_system(bench.device, discriminator_width=discriminator_width)
    step, factors = timed_step(system), step_products(system, BATCH)
    low_factors = [(left.bfloat16(), right.bfloat16()) for left, right in factors]
    with products(fast=True):
        times = bench.in_turns({
            "floor": lambda: multiply(factors),
            "step": lambda: step(poses),
            "low": lambda: step(poses, low=True),
            "low floor": lambda: multiply(low_factors),
        }, rounds=15)  # fmt: skip
    ms = {name: 1000 * value for name, value in times.items()}
    bench.add(f"step, {name}, float32 / its matrix products alone", ms["step"], ms["floor"], "ms")
    bench.add(f"step, {name}, bfloat16 / its matrix products alone", ms["low"], ms["low floor"], "ms")
    bench.add(f"step, {name}, bfloat16 / float32", ms["low"], ms["step"], "ms")
    with products(fast=False):
        default = bench.in_turns({"floor": lambda: multiply(factors)}, rounds=5)["floor"]
    bench.add(f"products, {name}, float32 as main.py sets them / PyTorch's", ms["floor"], 1000 * default, "ms")
    return times["step"]


def bench_scaling(bench: Bench) -> None:
    """Poses a second against the batch, and against the data: only indexing and mirroring depend on its size."""
    width = 1024 if bench.gpus else 256
    step, rates = timed_step(paper_system(bench.device, width=width)), {}
    with products(fast=True):
        for count in (4096, 256, 1024, 16_384, 65_536):
            poses = training_norm(count, bench.device)
            rounds = max(3, min(30, 32_768 // count))
            rates[count] = count / bench.in_turns({"step": lambda poses=poses: step(poses)}, rounds)["step"]
            bench.add(f"training, width {width}, batch {count} / batch 4096", rates[count], rates[4096], "poses/s")
    with_data = {}
    for count in (20_000, 200_000, 1_500_000):
        batches = EpochBatches(torch.randn(count, 17, 2, device=bench.device), BATCH, seed=0, epoch=0)
        epoch = statistics.median(bench.seconds(lambda batches=batches: [None for _ in batches]) for _ in range(3))
        with_data[count] = 1 / (1 / rates[BATCH] + epoch / count)
        bench.add(f"the same, batch {BATCH}, out of {count} poses / out of 20000", with_data[count],
                  with_data[20_000], "poses/s")  # fmt: skip
