"""Lifted poses on bodies of published proportions, to be seen again from new sides.

Chen et al. (2019) lift a 2D pose, rotate it, project it and lift it again. Here a body of published proportions takes
the directions of the lifted pose's bones; from wherever that body is seen, its depths are known exactly. A lift that
is somewhat wrong still shows a person, in a posture that somebody in the 2D data took.
"""

from itertools import product

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from utils.geometry import rotate, rotation_x
from utils.skeleton import JOINTS

from .body import HEAD_STD_DEG, SPINE_FRACTION, Bodies

LIMBS = {("hip", "knee"): "thigh", ("knee", "foot"): "shank", ("shoulder", "elbow"): "upper_arm",
         ("elbow", "wrist"): "forearm"}  # fmt: skip
DIRECTION_NOISE = 0.07
"""Standard deviation of each component of a bone's direction, about 4 degrees."""
ROUND_BACK = 0.03
"""How far the spine joint lies behind the line from hip to thorax in upright 2D poses, in torso lengths."""


def retarget_to_body(pose: Tensor, bodies: Bodies, generator: Generator, elevation_deg: float) -> Tensor:
    """Bodies of different people in the postures of lifted poses.

    Args:
        pose: (n, 17, 3) root-relative, camera frame, in any unit.
        elevation_deg: by how much the cameras of the 2D data look down on average; the poses are turned upright by it.

    Returns:
        (n, 17, 3) root-relative and upright, in mm, ready for `SyntheticPeople.view`.
    """
    tilt = torch.full(pose.shape[:1], -elevation_deg, device=pose.device).deg2rad()
    old = dict(zip(JOINTS, rotate(pose, rotation_x(tilt)).unbind(dim=1), strict=True))
    size = bodies.sizes(len(pose), generator)
    noise = DIRECTION_NOISE * torch.randn(14, len(pose), 3, device=pose.device, generator=generator)
    new = _trunk(old, size, noise[8:], generator)
    for number, (side, (parent, child)) in enumerate(product(("right", "left"), LIMBS)):
        start, end = f"{side}_{parent}", f"{side}_{child}"
        new[end] = new[start] + size[LIMBS[parent, child]] * _direction(old, start, end, noise[number])
    return torch.stack([new[name] for name in JOINTS], dim=1)


def _trunk(old: dict[str, Tensor], size: dict[str, Tensor], noise: Tensor, generator: Generator) -> dict[str, Tensor]:
    """Hip to head, hips and shoulders. Spine and neck are drawn at random: MPII's annotators marked no such points."""
    across = _direction(old, "left_hip", "right_hip", noise[0])
    up = _direction(old, "hip", "thorax", noise[1])
    head = _direction(old, "thorax", "head", noise[2])
    right = old["right_shoulder"] - old["left_shoulder"]
    # x right, y down, z forward: right x up points backward.
    front = -normalize(torch.linalg.cross(right, up), dim=-1)
    drawn = torch.randn(2, len(up), 1, device=up.device, generator=generator)
    back = size["torso"] * (ROUND_BACK + 0.05 * drawn[0] + 0.05 * (1 + up[:, 1:2]))
    turn = (HEAD_STD_DEG[2] * drawn[1]).deg2rad()
    ear = normalize(right - (right * head).sum(dim=-1, keepdim=True) * head, dim=-1)
    nose = -torch.linalg.cross(ear, head) * turn.cos() + ear * turn.sin()
    thorax = size["torso"] * up
    new = {"hip": torch.zeros_like(up), "spine": SPINE_FRACTION * thorax - back * front, "thorax": thorax}
    new["neck"] = thorax + size["head"] / 2 * head + size["nose"] * nose
    new["head"] = thorax + size["head"] * head
    girdle = (size["shoulder"].square() + size["shoulder_drop"].square()).sqrt()
    for number, side in enumerate(("right", "left")):
        new[f"{side}_hip"] = (1 - 2 * number) * size["hip"] * across
        joint = f"{side}_shoulder"
        new[joint] = thorax + girdle * _direction(old, "thorax", joint, 0.5 * noise[3 + number])
    return new


def _direction(pose: dict[str, Tensor], start: str, end: str, noise: Tensor) -> Tensor:
    return normalize(normalize(pose[end] - pose[start], dim=-1) + noise, dim=-1)
