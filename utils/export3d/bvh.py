"""BVH, which Blender, MotionBuilder and most others read: a skeleton as text, then one line of numbers a frame."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .motion import Motion
from .nodes import NODES, children_of, is_end

CM = 100
TURNS = "Zrotation Xrotation Yrotation"


def write_bvh(path: Path, motion: Motion) -> None:
    """Writes a motion: centimetres and degrees, Y up, a T-pose that faces +Z at rest.

    The hips' offset is 0: readers differ in whether they add it to the position.
    """
    rig, order = motion.rig, depth_first(0)
    lines = ["HIERARCHY", *_node_lines(0, rig.offsets_m * CM, ""), "MOTION"]
    lines += [f"Frames: {len(motion.seconds)}", f"Frame Time: {1 / motion.rate:.10f}"]
    turning = [node for node in order if not is_end(NODES[node])]
    # About Z, then the new X, then the new Y; without jumps by whole turns.
    angles = Rotation.from_quat(rig.rotations[:, turning].reshape(-1, 4)).as_euler("ZXY", degrees=True)
    angles = np.unwrap(angles.reshape(len(motion.seconds), -1), period=360, axis=0)
    numbers = np.concatenate([rig.hips_m * CM, angles], axis=1)
    lines += [" ".join(f"{value:.4f}" for value in row) for row in numbers.tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def depth_first(node: int) -> list[int]:
    """A node and all below it, in the order of the file."""
    return [node, *(below for child in children_of(node) for below in depth_first(child))]


def _node_lines(node: int, offsets: np.ndarray, indent: str) -> list[str]:
    name, deeper = NODES[node], indent + "  "
    offset = f"{deeper}OFFSET " + " ".join(f"{value:.4f}" for value in offsets[node])
    if is_end(name):
        return [f"{indent}End Site", f"{indent}{{", offset, f"{indent}}}"]
    kind, place = ("JOINT", "3 ") if node else ("ROOT", "6 Xposition Yposition Zposition ")
    below = [line for child in children_of(node) for line in _node_lines(child, offsets, deeper)]
    return [f"{indent}{kind} {name}", f"{indent}{{", offset, f"{deeper}CHANNELS {place}{TURNS}", *below, f"{indent}}}"]
