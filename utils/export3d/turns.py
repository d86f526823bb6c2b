"""How the nodes are turned in each frame, from the joints alone: along the bones, and about them as the limbs bend.

A turn is a rotation matrix from the T-pose to the world, each node's its own, not relative to its parent.
"""

import numpy as np

from ..skeleton import INDEX
from .nodes import NODE_PARENTS, NODES, is_end

STRAIGHT = 0.25
"""A limb bent by less than about this, as the sine of the angle, does not tell how it is turned about itself."""

ANKLE_RANGE_DEG = (-20.0, 50.0)
"""How far toes come up and go down (American Academy of Orthopaedic Surgeons 1965, Joint Motion)."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def frames(first: np.ndarray, second: np.ndarray, axes: str) -> np.ndarray:
    """Rotation matrices (T, 3, 3) that turn one axis into `first` (T, 3), and another as near to `second` as can be.

    Args:
        first, second: any lengths.
        axes: which axes these are, "xy" or "yx".
    """
    main = unit(first)
    other = unit(second - (second * main).sum(axis=-1, keepdims=True) * main)
    x, y = (main, other) if axes == "xy" else (other, main)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def carried(vectors: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Vectors (T, 3) as the shortest turn from one direction to another (T, 3), both of length 1, carries them."""
    axis, cosine = np.cross(start, end), (start * end).sum(axis=-1, keepdims=True)
    along = (axis * vectors).sum(axis=-1, keepdims=True) * axis
    return cosine * vectors + np.cross(axis, vectors) + along / np.maximum(1 + cosine, 1e-3)


def turns_along_bones(joints: np.ndarray) -> np.ndarray:
    """Each node's turn (T, N, 3, 3) from joints (T, 17, 3).

    The pelvis follows the line through the hips, the chest the spine and the shoulders. An elbow is a hinge about the
    normal of the arm's plane, a knee about that of the leg's; a straight limb is turned as the chest or pelvis is.
    """
    joint = {name: joints[:, number] for name, number in INDEX.items()}
    hips, shoulders = (joint[f"left_{kind}"] - joint[f"right_{kind}"] for kind in ("hip", "shoulder"))
    found = {
        "Hips": frames(hips, joint["spine"] - joint["hip"], "xy"),
        "Spine": frames(joint["spine"] - joint["hip"], unit(hips) + unit(shoulders), "yx"),
        "Spine1": frames(joint["thorax"] - joint["spine"], shoulders, "yx"),
        "Neck": frames(joint["neck"] - joint["thorax"], shoulders, "yx"),
        "Head": frames(joint["head"] - joint["neck"], shoulders, "yx"),
    }
    for side, sign in (("left", 1), ("right", -1)):
        name, chest, pelvis = side.capitalize(), found["Spine1"], found["Hips"]
        arm = [joint[f"{side}_{kind}"] for kind in ("shoulder", "elbow", "wrist")]
        leg = [joint[f"{side}_{kind}"] for kind in ("hip", "knee", "foot")]
        found[f"{name}Shoulder"] = chest
        found[f"{name}Arm"], found[f"{name}ForeArm"] = _limb(arm, sign, chest, "xy")
        found[f"{name}UpLeg"], found[f"{name}Leg"] = _limb(leg, -1, pelvis, "yx")
    return with_hands_and_feet(np.stack([found.get(name, found["Hips"]) for name in NODES], axis=1))


def with_hands_and_feet(turns: np.ndarray) -> np.ndarray:
    """The turns with those that no joint tells: hands go on as the forearms, feet are as level as the ankles allow."""
    turns = turns.copy()
    for node, name in enumerate(NODES):
        if name.endswith("Foot"):
            # It bends about the X axis of its shank.
            x, y, z = np.moveaxis(turns[:, NODE_PARENTS[node]], -1, 0)
            down = np.arctan2(z[:, 1], y[:, 1]).clip(*np.radians(ANKLE_RANGE_DEG))[:, None]
            level = [x, y * np.cos(down) + z * np.sin(down), z * np.cos(down) - y * np.sin(down)]
            turns[:, node] = np.stack(level, axis=-1)
        elif name.endswith("Hand") or is_end(name):
            turns[:, node] = turns[:, NODE_PARENTS[node]]
    return turns


def _limb(joints: list[np.ndarray], sign: int, body: np.ndarray, axes: str) -> tuple[np.ndarray, np.ndarray]:
    """The turns (T, 3, 3) of an arm's or leg's two bones.

    Their hinge is the normal of the limb's plane or, the straighter the limb, the body's axis, carried to the limb.

    Args:
        joints: (T, 3) shoulder, elbow and wrist, or hip, knee and foot.
        sign: 1 or -1, of the axis along which it lies in the T-pose.
        body: (T, 3, 3) turns of the chest or pelvis.
        axes: that axis and the hinge: "xy" of an arm, which bends forwards, "yx" of a leg, which bends backwards.
    """
    start, middle, end = joints
    upper, lower = sign * unit(middle - start), sign * unit(end - middle)
    along, across = ("xy".index(axis) for axis in axes)
    normal = -sign * np.cross(upper, lower)
    bent = np.linalg.norm(normal, axis=-1, keepdims=True)
    hinge = normal + STRAIGHT * (1 - bent) * carried(body[..., across], body[..., along], upper)
    return frames(upper, hinge, axes), frames(lower, hinge, axes)
