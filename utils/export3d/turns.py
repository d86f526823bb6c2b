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
    for side in ("left", "right"):
        found |= _arm(joint, side, found["Spine1"]) | _leg(joint, side, found["Hips"])
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


def hinge_of(normal: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The axis (T, 3) of an elbow or knee: the normal of the limb's plane or, the straighter the limb, the usual axis.

    Args:
        normal: (T, 3) as long as the sine of the angle between the two bones.
        usual: (T, 3) of length 1.
    """
    bent = np.linalg.norm(normal, axis=-1, keepdims=True)
    return normal + STRAIGHT * (1 - bent) * usual


def _arm(joint: dict[str, np.ndarray], side: str, chest: np.ndarray) -> dict[str, np.ndarray]:
    """The turns of an arm. In the T-pose it lies along X, left as +X, and bends forwards: its hinge is Y."""
    sign, name = (1, "Left") if side == "left" else (-1, "Right")
    shoulder, elbow, wrist = (joint[f"{side}_{kind}"] for kind in ("shoulder", "elbow", "wrist"))
    upper, lower = unit(elbow - shoulder), unit(wrist - elbow)
    usual = carried(chest[..., 1], chest[..., 0], sign * upper)
    hinge = hinge_of(-sign * np.cross(upper, lower), usual)
    return {
        f"{name}Shoulder": chest,
        f"{name}Arm": frames(sign * upper, hinge, "xy"),
        f"{name}ForeArm": frames(sign * lower, hinge, "xy"),
    }


def _leg(joint: dict[str, np.ndarray], side: str, pelvis: np.ndarray) -> dict[str, np.ndarray]:
    """The turns of a leg. In the T-pose it hangs along -Y and bends backwards: its hinge is X."""
    name = side.capitalize()
    hip, knee, foot = (joint[f"{side}_{kind}"] for kind in ("hip", "knee", "foot"))
    upper, lower = unit(knee - hip), unit(foot - knee)
    usual = carried(pelvis[..., 0], -pelvis[..., 1], upper)
    hinge = hinge_of(np.cross(upper, lower), usual)
    return {f"{name}UpLeg": frames(-upper, hinge, "yx"), f"{name}Leg": frames(-lower, hinge, "yx")}
