"""The benchmark's table and clock, and the poses and settings that its parts share."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from datasets.synthetic.people import load_synthetic
from models.gan import PoseGAN
from utils.config import Config
from utils.normalization import pixels_to_norm
from utils.training.devices import fast_float32_products

BATCH = 256


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
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                times[name].append(self.seconds(work))
        return {name: statistics.median(values) for name, values in times.items()}


@contextmanager
def products(fast: bool) -> Iterator[None]:
    """float32 products as main.py has them computed, or as PyTorch does by itself."""
    if fast:
        fast_float32_products()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def paper_system(device: torch.device | str = "cpu", kind: type[PoseGAN] = PoseGAN, **settings: Any) -> PoseGAN:
    """The system whose step is timed: the paper's, without pseudo-labels."""
    return kind(Config().updated({"weight_supervised": 0.0, **settings})).to(device)


def training_norm(count: int, device: torch.device) -> torch.Tensor:
    """Normalised synthetic poses, repeated up to a count."""
    poses_norm = pixels_to_norm(load_synthetic(min(count, 4096), seed=0).poses_px["gt"])[0]
    return poses_norm.repeat(-(-count // len(poses_norm)), 1, 1)[:count].to(device)
