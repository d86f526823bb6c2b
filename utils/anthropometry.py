"""Body proportions from published tables and 2D poses: all that the method knows about people's bones."""

import math

import torch
from torch import Tensor

from .skeleton import BONE_NAMES

SEGMENTS = {
    # Winter 2009, figure 4.1.
    "thigh": 0.245, "shin": 0.246,
    # Everything above the hips in proportion to the legs, by medians of upright people's 2D poses in Human3.6M's
    # joints, in torso lengths: legs 1.73, hips 0.54 and shoulders 0.58 apart, shoulders 0.12 below the thorax, head
    # 0.37 above it, the neck point 0.12 in front of the middle of that line, upper arm 0.55, forearm 0.50.
    "torso": 0.275, "upper_arm": 0.155, "forearm": 0.139, "hip": 0.0745, "shoulder": 0.080, "shoulder_drop": 0.033,
    "head": 0.102, "nose": 0.033,
}  # fmt: skip
"""Lengths as fractions of the body height; "hip" and "shoulder" are half widths."""
SPINE_SHARE = 0.485
"""Where the spine point lies on the way from hip to thorax, in 2D poses."""

BONE_OF_HEIGHT = {
    "hip": SEGMENTS["hip"], "knee": SEGMENTS["thigh"], "foot": SEGMENTS["shin"],
    "spine": SPINE_SHARE * SEGMENTS["torso"], "thorax": (1 - SPINE_SHARE) * SEGMENTS["torso"],
    # The neck point lies on the line where annotators mark none.
    "neck": SEGMENTS["head"] / 2, "head": SEGMENTS["head"] / 2,
    "shoulder": math.hypot(SEGMENTS["shoulder"], SEGMENTS["shoulder_drop"]),
    "elbow": SEGMENTS["upper_arm"], "wrist": SEGMENTS["forearm"],
}  # fmt: skip
"""Length of the bone that ends at a joint, as a fraction of the height, left and right alike."""


def bone_ratios() -> Tensor:
    """(16,) lengths of `skeleton.BONES` over their mean."""
    lengths = torch.tensor([BONE_OF_HEIGHT[name.split("_")[-1]] for name in BONE_NAMES])
    return lengths / lengths.mean()
