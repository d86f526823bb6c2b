"""The measures of one person's skeleton: where each node lies in its parent while the person stands in the T-pose."""

import numpy as np

from ..anthropometry import ANKLE_HEIGHT, FOOT, HAND, standing_pose
from ..skeleton import BONES, INDEX, ROOT
from .nodes import NODE_NUMBER, NODE_PARENTS, NODES
from .turns import turns_along_bones

# The ankle is taken to lie over the first quarter of the foot.
FOOT_BEFORE_ANKLE = 0.75 * FOOT
ALONG_SPINE, ALONG_SHOULDER = 1 / 3, 1 / 5
"""Where Spine lies between hip and spine, and LeftShoulder between thorax and shoulder."""
HEAD_ABOVE_ANKLES = float(np.ptp(standing_pose().numpy()[:, 1]))
"""How far the head joint of a person who stands is above the ankles, in body heights."""
TO_THE_RIGHT = np.array([-1.0, 1.0, 1.0])


def equalise(joints: np.ndarray) -> np.ndarray:
    """Joints (T, 17, 3) relative to the hip, with the same sum of bone lengths in every frame: the median of all."""
    joints = joints - joints[:, ROOT : ROOT + 1]
    ends = np.array(BONES)
    sizes = np.linalg.norm(joints[:, ends[:, 1]] - joints[:, ends[:, 0]], axis=-1).sum(axis=1)
    return joints * (np.median(sizes) / sizes)[:, None, None]


def fit_offsets(joints: np.ndarray) -> tuple[np.ndarray, float]:
    """Each node's place in its parent in the T-pose (N, 3), in body heights, and the body's height.

    Bones are as long as on average, left as right. Hips and shoulders lie where they do on average about pelvis and
    chest, as `turns_along_bones` turns these.

    Args:
        joints: (T, 17, 3) of equal size.

    Returns:
        The places, of which the ends of hands and feet come from published proportions; the height in the joints' unit.
    """
    x, y, z = np.eye(3)
    turns = turns_along_bones(joints)
    hip = _beside(joints, "hip", "hip", turns[:, NODE_NUMBER["Hips"]])
    shoulder = _beside(joints, "shoulder", "thorax", turns[:, NODE_NUMBER["Spine1"]])
    spine, chest = y * _length(joints, "hip", "spine"), y * _length(joints, "spine", "thorax")
    offsets = _with_right_side({
        "Spine": spine * ALONG_SPINE,
        "Spine1": spine * (1 - ALONG_SPINE),
        "Neck": chest,
        "Head": y * _length(joints, "thorax", "neck"),
        "HeadTop_End": y * _length(joints, "neck", "head"),
        "LeftShoulder": chest + shoulder * ALONG_SHOULDER,
        "LeftArm": shoulder * (1 - ALONG_SHOULDER),
        "LeftForeArm": x * _length(joints, "left_shoulder", "left_elbow"),
        "LeftHand": x * _length(joints, "left_elbow", "left_wrist"),
        "LeftUpLeg": hip,
        "LeftLeg": -y * _length(joints, "left_hip", "left_knee"),
        "LeftFoot": -y * _length(joints, "left_knee", "left_foot"),
    })  # fmt: skip
    rest = places(offsets)
    height = float(rest[NODE_NUMBER["HeadTop_End"], 1] - rest[NODE_NUMBER["LeftFoot"], 1]) / HEAD_ABOVE_ANKLES
    ends = _with_right_side({"LeftHand_End": x * HAND, "LeftToe_End": z * FOOT_BEFORE_ANKLE - y * ANKLE_HEIGHT})
    return offsets / height + ends, height


def _length(joints: np.ndarray, start: str, end: str) -> float:
    """Mean length of a bone and of the one on the other side."""
    left = np.linalg.norm(joints[:, INDEX[end]] - joints[:, INDEX[start]], axis=1)
    start, end = start.replace("left", "right"), end.replace("left", "right")
    right = np.linalg.norm(joints[:, INDEX[end]] - joints[:, INDEX[start]], axis=1)
    return float((left.mean() + right.mean()) / 2)


def _beside(joints: np.ndarray, kind: str, middle: str, turns: np.ndarray) -> np.ndarray:
    """Mean place (3,) of the left and the mirrored right hip or shoulder about a joint that turns (T, 3, 3)."""
    left, right = (
        (joints[:, None, INDEX[f"{side}_{kind}"]] - joints[:, None, INDEX[middle]]) @ turns
        for side in ("left", "right")
    )
    return (left + right * TO_THE_RIGHT).mean(axis=(0, 1)) / 2


def _with_right_side(some: dict[str, np.ndarray]) -> np.ndarray:
    """Offsets (N, 3) of some nodes and of those opposite, 0 for the others."""
    offsets = np.zeros((len(NODES), 3))
    for name, offset in some.items():
        offsets[NODE_NUMBER[name]] = offset
        if name.startswith("Left"):
            offsets[NODE_NUMBER[name.replace("Left", "Right")]] = offset * TO_THE_RIGHT
    return offsets


def places(offsets: np.ndarray, turns: np.ndarray | None = None) -> np.ndarray:
    """Where the nodes are (..., N, 3), relative to the hips.

    Args:
        offsets: (N, 3).
        turns: (..., N, 3, 3) of the nodes, from the T-pose to the world; left out for the T-pose itself.
    """
    turns = np.broadcast_to(np.eye(3), (len(NODES), 3, 3)) if turns is None else turns
    found = np.zeros(turns.shape[:-1])
    for node, parent in enumerate(NODE_PARENTS):
        if parent >= 0:
            found[..., node, :] = found[..., parent, :] + turns[..., parent, :, :] @ offsets[node]
    return found
