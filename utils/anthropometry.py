"""Body proportions from published tables: all that training from 2D poses knows about people's bones.

The synthetic people have proportions of their own above the hips (`datasets.synthetic.body`), in Human3.6M's joints.
As a prior on lifted MPII poses those were clearly worse than the published ones: MPII's points keep their own.
"""

import torch
from torch import Tensor

from .skeleton import BONE_NAMES, JOINTS, mirrored_name

# Winter 2009, Biomechanics and Motor Control of Human Movement, figure 4.1 (after Drillis and Contini 1966):
# lengths, and heights above the ground of a person who stands, as fractions of the person's height.
THIGH, SHANK, UPPER_ARM, FOREARM, HALF_SHOULDERS, HIP_WIDTH = 0.245, 0.246, 0.186, 0.146, 0.129, 0.191
HIP_HEIGHT, SHOULDER_HEIGHT, EYE_HEIGHT, ANKLE_HEIGHT = 0.530, 0.818, 0.936, 0.039
FOOT, HAND = 0.152, 0.108
TORSO = SHOULDER_HEIGHT - HIP_HEIGHT
# Human3.6M's joint definitions, as ratios to the torso measured in the image (2D medians): its hip joints lie
# 0.47 of the torso apart and its head point 0.39 of the torso above the thorax, the neck half way.
HALF_HIPS, HALF_HEAD = 0.47 * TORSO / 2, 0.39 * TORSO / 2

_BONE_LENGTHS = {
    "hip": HALF_HIPS, "knee": THIGH, "foot": SHANK, "spine": TORSO / 2, "thorax": TORSO / 2,
    "neck": HALF_HEAD, "head": HALF_HEAD, "shoulder": HALF_SHOULDERS, "elbow": UPPER_ARM, "wrist": FOREARM,
}  # fmt: skip
"""Length of the bone that ends at a joint, left and right alike, as a fraction of the person's height."""
_STANDING = {
    # The torso's and the head's points are placed between hips, shoulders and head top as `skeleton` places them.
    "hip": (HIP_HEIGHT, 0.0), "spine": (0.692, 0.0), "thorax": (0.854, 0.0), "neck": (0.909, 0.0), "head": (0.963, 0.0),
    "left_hip": (HIP_HEIGHT, HIP_WIDTH / 2), "left_knee": (HIP_HEIGHT - THIGH, HIP_WIDTH / 2),
    "left_foot": (HIP_HEIGHT - THIGH - SHANK, HIP_WIDTH / 2), "left_shoulder": (SHOULDER_HEIGHT, HALF_SHOULDERS),
    "left_elbow": (SHOULDER_HEIGHT - UPPER_ARM, HALF_SHOULDERS),
    "left_wrist": (SHOULDER_HEIGHT - UPPER_ARM - FOREARM, HALF_SHOULDERS),
}  # fmt: skip
"""Height above the ground and distance to the side of a person who stands with hanging arms."""


def bone_ratios() -> Tensor:
    """(16,) lengths of `skeleton.BONES` over their mean."""
    lengths = torch.tensor([_BONE_LENGTHS[name.split("_")[-1]] for name in BONE_NAMES])
    return lengths / lengths.mean()


def standing_pose() -> Tensor:
    """(17, 3) root-relative pose of an average person who stands and faces the camera, in body heights."""
    left = {name: (side, -height, 0.0) for name, (height, side) in _STANDING.items()}
    right = {mirrored_name(name): (-x, y, z) for name, (x, y, z) in left.items()}
    pose = torch.tensor([(left | right)[name] for name in JOINTS])
    return pose - pose[JOINTS.index("hip")]
