"""Small pose sets for tests of the evaluation."""

import torch

from datasets.poseset import PoseSet
from utils.geometry import project, rays_to_pixels

ACTIONS = ("Eating", "Sitting", "Walking")


def sixty_people() -> PoseSet:
    """Sixty random poses, with cameras, three actions, and detections of which the first seven lack a joint."""
    generator = torch.Generator().manual_seed(0)
    poses = 300 * torch.randn(60, 17, 3, generator=generator) + torch.tensor([600.0, -300.0, 4500.0])
    intrinsics = torch.tensor([1145.0, 1144.0, 512.0, 515.0]).expand(60, 4)
    poses_px = rays_to_pixels(project(poses), intrinsics)
    detected = poses_px + 2 * torch.randn(poses_px.shape, generator=generator)
    detected[:7, 4] = float("nan")
    actions = torch.tensor([0] * 10 + [1] * 20 + [2] * 30)
    return PoseSet("sixty people", {"gt": poses_px, "detected": detected}, poses, intrinsics, actions, ACTIONS)
