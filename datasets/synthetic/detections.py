"""What a 2D detector makes of a person: jitter, missed and confused joints, other joint definitions, unseen limbs.

Poses are (n, 17, 2), normalised; sizes of errors are in units of the mean distance of the joints from the root. The
kinds of errors are those that Ronchi and Perona 2017 found in detectors (jitter, miss, inversion, swap). Their rates
and sizes follow PoseFix (Moon et al. 2019, as its training code has them), which fit the StackedHourglass detections on
Human3.6M's training subjects as well.
"""

from functools import cache

import torch
from torch import Generator, Tensor

from utils.geometry import CAMERA_DISTANCE
from utils.normalization import DETECTED, EXACT, UNSEEN
from utils.skeleton import INDEX, JOINTS, MIRROR, NUM_JOINTS, TRUNK

EXACT_POSES = 1 / 3
"""Fraction of poses that keep their true points."""
JITTER, BIAS = 0.10, 0.02
"""Standard deviation of the points' errors: the largest that grows with a pose's difficulty, and what all have."""
JITTER_OF = {"wrist": 1.4, "foot": 1.3, "elbow": 1.2, "knee": 1.0, "hip": 1.0, "shoulder": 0.9}
"""Factors on it; 0.7 for the others. Extremities are found worst (COCO's sigmas)."""
MISSED = {"wrist": 0.10, "foot": 0.06, "elbow": 0.06, "knee": 0.06}
"""How often a joint lies elsewhere, in a pose of mean difficulty."""
MISS_STD, ONTO_ANOTHER = 0.4, 0.3
"""How far away it then lies, and how often it lies on another joint instead."""
LIMB_MIRRORED, JOINT_MIRRORED = 0.04, 0.03
"""How often a whole limb, or one joint, is found on the other side, in the most difficult pose."""
LIMBS = (("hip", "knee", "foot"), ("shoulder", "elbow", "wrist"))
UNSEEN_POSES, UNSEEN_JOINT, UNSEEN_LIMB = 0.25, 0.04, 0.08
"""Fraction of poses with unseen joints; in these, how often a joint, and each of `HIDDEN_TOGETHER`, is unseen."""
HIDDEN_TOGETHER = (
    ("left_knee", "left_foot"), ("right_knee", "right_foot"), ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"), ("left_knee", "right_knee", "left_foot", "right_foot"), ("left_foot", "right_foot"),
)  # fmt: skip


def as_detected(
    pose_norm: Tensor, errors: float, definitions: float, hide: bool, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Poses as a 2D detector might give them.

    Args:
        pose_norm: (n, 17, 2) true points.
        errors: factor on the sizes and rates of errors; 0 for none.
        definitions: factor on the differences of joint definitions; 0 for none.
        hide: whether some joints are unseen.
        generator: on the poses' device.

    Returns:
        Points (n, 17, 2), not normalised anew, and their confidence (n, 17): EXACT, DETECTED or UNSEEN.
    """
    n, device = len(pose_norm), pose_norm.device
    exact, difficulty = torch.rand(2, n, 1, device=device, generator=generator)
    found = _other_definitions(pose_norm, definitions, generator) if definitions else pose_norm
    found = _jittered(found, difficulty, errors, generator)
    found = _missed(found, difficulty, errors, generator)
    found = _mirrored(found, difficulty[:, 0] * errors, generator)
    exact = exact < EXACT_POSES
    points = torch.where(exact[..., None], pose_norm, found)
    confidence = torch.where(exact, EXACT, DETECTED).expand(n, NUM_JOINTS)
    return points, torch.where(_hidden(n, generator, device), UNSEEN, confidence) if hide else confidence


@cache
def _tables(device: torch.device) -> dict[str, Tensor]:
    """The tables above as tensors, once for each device: a copy at every step would make a GPU wait."""
    limb_joints = [(name,) for limb in LIMBS for name in limb]
    groups = [*LIMBS, *limb_joints]
    mirrored = [[MIRROR[j] if _kind(name) in group else j for j, name in enumerate(JOINTS)] for group in groups]
    tables = {
        "jitter": [JITTER_OF.get(_kind(name), 0.7) for name in JOINTS],
        "missed": [MISSED.get(_kind(name), 0.0) for name in JOINTS],
        "mirrored_order": mirrored,
        "mirrored_rate": [LIMB_MIRRORED] * len(LIMBS) + [JOINT_MIRRORED] * len(limb_joints),
        "hidden_rate": [0.0 if name in TRUNK else UNSEEN_JOINT for name in JOINTS],
        "hidden_together": [[float(name in group) for name in JOINTS] for group in HIDDEN_TOGETHER],
    }
    return {name: torch.tensor(rows, device=device) for name, rows in tables.items()}


def _kind(name: str) -> str:
    """The joint without its side: knee for left_knee."""
    return name.split("_")[-1]


def _jittered(points: Tensor, difficulty: Tensor, errors: float, generator: Generator) -> Tensor:
    """Every point a little off, in a difficult pose more."""
    size, device = torch.rand(points.shape[:2], device=points.device, generator=generator), points.device
    std = errors * (JITTER * difficulty**1.5 * (0.4 + 1.2 * size) * _tables(device)["jitter"] + BIAS)
    noise = torch.randn(points.shape, device=device, generator=generator)
    return points + std[..., None] / CAMERA_DISTANCE * noise


def _missed(points: Tensor, difficulty: Tensor, errors: float, generator: Generator) -> Tensor:
    """Some limb joints far away or on another joint."""
    (n, joints, _), device = points.shape, points.device
    chance, kind = torch.rand(2, n, joints, device=device, generator=generator)
    other = torch.randint(joints, (n, joints, 1), device=device, generator=generator).expand(-1, -1, 2)
    noise = torch.randn(points.shape, device=device, generator=generator)
    away = points + MISS_STD / CAMERA_DISTANCE * noise
    elsewhere = torch.where(kind[..., None] < ONTO_ANOTHER, points.gather(1, other), away)
    missed = chance < 2 * errors * difficulty * _tables(device)["missed"]
    return torch.where(missed[..., None], elsewhere, points)


def _mirrored(points: Tensor, chance: Tensor, generator: Generator) -> Tensor:
    """Some limbs, and some pairs of joints, with left and right exchanged."""
    table = _tables(points.device)
    orders, rates = table["mirrored_order"], table["mirrored_rate"]
    coins = torch.rand(len(rates), len(points), device=points.device, generator=generator)
    for order, happens in zip(orders, coins < rates[:, None] * chance, strict=True):
        points = torch.where(happens[:, None, None], points.index_select(1, order), points)
    return points


def _hidden(n: int, generator: Generator, device: torch.device) -> Tensor:
    """(n, 17) bool: joints that nobody sees."""
    table = _tables(device)
    alone = torch.rand(n, NUM_JOINTS, device=device, generator=generator) < table["hidden_rate"]
    coins = torch.rand(n, 1 + len(HIDDEN_TOGETHER), device=device, generator=generator)
    together = (coins[:, 1:] < UNSEEN_LIMB).float() @ table["hidden_together"] > 0
    return (alone | together) & (coins[:, :1] < UNSEEN_POSES)


def _other_definitions(points: Tensor, factor: float, generator: Generator) -> Tensor:
    """Points where other annotators and detectors put them: along their limbs, left and right alike.

    Standard deviations are fractions of the segment: hips 0.24 wider or narrower and 0.06 of the torso higher or lower,
    knees 0.06, feet 0.10, elbows 0.06 and wrists 0.08 along their limb, shoulders 0.12, thorax 0.06 of the torso, head
    0.24. Published definitions differ by as much: MPII's hips are a third narrower than Human3.6M's, its head top is a
    third further from the thorax.
    """
    draw = factor * torch.randn(10, len(points), 1, device=points.device, generator=generator)
    coin = torch.rand(2, len(points), 1, device=points.device, generator=generator)
    old = {name: points[:, number] for name, number in INDEX.items()}
    torso, new = old["thorax"] - old["hip"], dict(old)
    new["hip"] = old["hip"] + 0.06 * draw[0] * torso
    new["thorax"] = old["thorax"] + 0.06 * draw[1] * torso
    new["head"] = new["thorax"] + (1 + 0.24 * draw[2]) * (old["head"] - old["thorax"])
    # Sources without a spine or neck point put it half way between its neighbours.
    between = {"spine": (new["hip"] + new["thorax"]) / 2, "neck": (new["thorax"] + new["head"]) / 2}
    own = {"spine": old["spine"] + 0.06 * draw[3] * torso, "neck": old["neck"] + 0.06 * draw[1] * torso}
    for number, name in enumerate(between):
        new[name] = torch.where(coin[number] < 0.5, between[name], own[name])
    for side in ("left", "right"):
        hip, knee, foot, shoulder, elbow, wrist = (old[f"{side}_{name}"] for limb in LIMBS for name in limb)
        new[f"{side}_hip"] = new["hip"] + (1 + 0.24 * draw[4]) * (hip - old["hip"])
        new[f"{side}_knee"] = knee + 0.06 * draw[5] * (knee - hip)
        new[f"{side}_foot"] = foot + 0.10 * draw[6] * (foot - knee)
        new[f"{side}_shoulder"] = old["thorax"] + (1 + 0.12 * draw[7]) * (shoulder - old["thorax"])
        new[f"{side}_elbow"] = elbow + 0.06 * draw[8] * (elbow - shoulder)
        new[f"{side}_wrist"] = wrist + 0.08 * draw[9] * (wrist - elbow)
    return torch.stack([new[name] for name in JOINTS], dim=1)
