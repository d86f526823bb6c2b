"""The benchmark's validation: every figure of a whole validation set, beside a loop over poses."""

from collections.abc import Callable

import torch
from benchmark_table import Bench, products

from datasets.loading import load_validation
from models.lifter import Lifter
from utils.config import DataConfig
from utils.evaluation.metrics import PoseErrors, pose_errors

H36M_VIEWS = 525_327
"""Frames of S9 and S11, all cameras: what validation is measured on."""


def bench_validation(bench: Bench) -> None:
    """Every figure of all S9 and S11 views, or of as many synthetic poses, against a loop over poses."""
    known = "h36m" if (bench.data_dir / "h36m").is_dir() else "synthetic"
    pose_set = load_validation(DataConfig(data_dir=bench.data_dir, val_data=known))
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
    kinds = {
        "bfloat16": (torch.bfloat16, False),
        "bfloat16, with mirror images": (torch.bfloat16, True),
        "float32": (torch.float32, False),
    }
    with products(fast=True):
        for name, (dtype, flips) in kinds.items():
            lift = lifter.for_inference(dtype).lift
            took = bench.seconds(lambda lift=lift, flips=flips: validate(lift, flips))
            bench.add(f"validation, {len(pose_set)} poses, {name} / pose by pose", took, loop, "s")
