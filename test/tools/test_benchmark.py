"""The benchmark's parts run; what they measure is for `make bench`."""

import benchmark_runs
import pytest
import torch
from benchmark_steps import step_products, timed_step
from benchmark_table import BATCH, Bench, paper_system, training_norm
from ordinary_loop import OrdinaryGAN

from datasets.synthetic.people import load_synthetic
from models.gan import PoseGAN


@pytest.fixture
def bench(tmp_path):
    return Bench(0, tmp_path)


@pytest.mark.parametrize("low", [False, True])
def test_a_bare_step_trains_both_networks(bench, low):
    system = paper_system(width=16)
    before = {name: value.clone() for name, value in system.named_parameters()}
    timed_step(system)(training_norm(BATCH, bench.device), low)
    for network in ("lifter.", "lifter_ema.", "discriminator."):
        moved = [not torch.equal(value, before[name]) for name, value in system.named_parameters()
                 if name.startswith(network)]  # fmt: skip
        assert any(moved), network
    assert len(step_products(system, BATCH)) > 40


@pytest.mark.parametrize("kind", [PoseGAN, OrdinaryGAN])
def test_fits_of_ours_and_of_the_ordinary_loop_are_timed(bench, kind):
    assert benchmark_runs.fit_seconds(bench, paper_system(kind=kind, width=16), load_synthetic(1600, seed=0), 5) > 0
