"""Body proportions from published tables: all that training from 2D poses knows about people's bones.

The generator of people has proportions of its own (`datasets.synthetic.body`), in Human3.6M's joints. As a prior on
lifted MPII poses those were clearly worse than the published ones: MPII's points keep proportions of their own.
"""

import torch
from torch import Tensor

from .skeleton import BONE_NAMES

# Winter 2009, Biomechanics and Motor Control of Human Movement, figure 4.1 (after Drillis and Contini 1966):
# lengths as fractions of a person's height. The torso runs from the hip joints (0.530 above the ground) to the
# shoulders (0.818).
THIGH, SHANK, UPPER_ARM, FOREARM, TORSO, HALF_SHOULDERS = 0.245, 0.246, 0.186, 0.146, 0.818 - 0.530, 0.129
# Human3.6M's joint definitions, as ratios to the torso measured in the image (2D medians): its hip joints lie
# 0.47 of the torso apart and its head point 0.39 of the torso above the thorax, the neck half way.
HALF_HIPS, HALF_HEAD = 0.47 * TORSO / 2, 0.39 * TORSO / 2

BONE_OF_HEIGHT = {
    "hip": HALF_HIPS, "knee": THIGH, "foot": SHANK, "spine": TORSO / 2, "thorax": TORSO / 2,
    "neck": HALF_HEAD, "head": HALF_HEAD, "shoulder": HALF_SHOULDERS, "elbow": UPPER_ARM, "wrist": FOREARM,
}  # fmt: skip
"""Length of the bone that ends at a joint, left and right alike."""


def bone_ratios() -> Tensor:
    """(16,) lengths of `skeleton.BONES` over their mean."""
    lengths = torch.tensor([BONE_OF_HEIGHT[name.split("_")[-1]] for name in BONE_NAMES])
    return lengths / lengths.mean()
