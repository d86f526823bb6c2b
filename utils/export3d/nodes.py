"""The nodes of the skeletons that are exported, under Mixamo's names, which animation programs know.

Axes of everything exported: Y up, Z forwards out of the chest, X to the person's left.
"""

from ..skeleton import JOINTS

# Node: its parent, and the joint that it lies on.
_MIDDLE = {
    "Hips": ("", "hip"), "Spine": ("Hips", ""), "Spine1": ("Spine", "spine"), "Neck": ("Spine1", "thorax"),
    "Head": ("Neck", "neck"), "HeadTop_End": ("Head", "head"),
}  # fmt: skip
_LEFT = {
    "LeftShoulder": ("Spine1", ""), "LeftArm": ("LeftShoulder", "left_shoulder"),
    "LeftForeArm": ("LeftArm", "left_elbow"), "LeftHand": ("LeftForeArm", "left_wrist"),
    "LeftHand_End": ("LeftHand", ""),
    "LeftUpLeg": ("Hips", "left_hip"), "LeftLeg": ("LeftUpLeg", "left_knee"), "LeftFoot": ("LeftLeg", "left_foot"),
    "LeftToe_End": ("LeftFoot", ""),
}  # fmt: skip
_RIGHT = {
    name.replace("Left", "Right"): (parent.replace("Left", "Right"), joint.replace("left", "right"))
    for name, (parent, joint) in _LEFT.items()
}
_TABLE = _MIDDLE | _LEFT | _RIGHT

NODES = tuple(_TABLE)
NODE_NUMBER = {name: number for number, name in enumerate(NODES)}
NODE_PARENTS = tuple(NODE_NUMBER.get(parent, -1) for parent, _ in _TABLE.values())
"""A parent comes before its children."""
NODE_JOINTS = tuple(joint for _, joint in _TABLE.values())
"""The joint that each node lies on; "" for none."""
NODE_OF_JOINT = tuple(NODE_JOINTS.index(name) for name in JOINTS)


def is_end(node: str) -> bool:
    """Whether a node only tells how long the last bone is: it has no children and never turns."""
    return node.endswith("_End")


def children_of(node: int) -> list[int]:
    """The nodes right below a node."""
    return [number for number, parent in enumerate(NODE_PARENTS) if parent == node]


def way_to(node: int) -> list[int]:
    """The nodes from below the root down to a node, itself included."""
    return [] if NODE_PARENTS[node] < 0 else [*way_to(NODE_PARENTS[node]), node]
