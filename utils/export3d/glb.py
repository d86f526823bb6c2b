"""GLB (glTF 2.0, binary), which Blender, Unity, Unreal and browsers read: skeleton, skin and animation in one file."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from ..drawing.poses import SIDE_RGB
from .body import places
from .mesh import body_mesh
from .motion import Motion
from .nodes import NODES, children_of, is_end

KINDS = {np.dtype("float32"): 5126, np.dtype("uint8"): 5121, np.dtype("uint16"): 5123}
SHAPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (16,): "MAT4"}
TRIANGLES, VERTICES = 34963, 34962


class Buffer:
    """The numbers of the file, and where in it each array is."""

    def __init__(self) -> None:
        self.content, self.views, self.accessors = bytearray(), [], []  # type: ignore[var-annotated]

    def add(self, array: np.ndarray, target: int | None = None, **more: Any) -> int:
        """Appends an array; returns the number of its accessor."""
        array = np.ascontiguousarray(array, np.float32 if array.dtype == np.float64 else None)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.content), "byteLength": array.nbytes}
        self.views.append(view | ({"target": target} if target else {}))
        self.content += array.tobytes() + bytes(-array.nbytes % 4)
        kind, shape = KINDS[array.dtype], SHAPES[array.shape[1:]]
        accessor = {"bufferView": len(self.views) - 1, "componentType": kind, "count": len(array), "type": shape}
        self.accessors.append(accessor | more)
        return len(self.accessors) - 1


def write_glb(path: Path, motion: Motion) -> None:
    """Writes a motion: metres, Y up, +Z forwards; a still pose where there is one frame only."""
    buffer, rest = Buffer(), places(motion.rig.offsets_m)
    rest[:, 1] -= rest[:, 1].min()
    armature, body = len(NODES), len(NODES) + 1
    content: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "chen-cvpr2019"},
        "scene": 0,
        "scenes": [{"nodes": [armature, body]}],
        "nodes": [*_nodes(motion, rest), {"name": "Armature", "children": [0]}, {"name": "Body", "mesh": 0, "skin": 0}],
        "skins": [_skin(buffer, rest)],
        "meshes": [{"name": "Body", "primitives": _primitives(buffer, rest)}],
        "materials": [_material(side, rgb) for side, rgb in SIDE_RGB.items()],
    }
    if len(motion.seconds) > 1:
        content["animations"] = [_animation(buffer, motion)]
    content |= {"bufferViews": buffer.views, "accessors": buffer.accessors}
    content["buffers"] = [{"byteLength": len(buffer.content)}]
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(buffer.content)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(buffer.content), b"BIN\0") + buffer.content)


def _nodes(motion: Motion, rest: np.ndarray) -> list[dict]:
    """The skeleton: in the T-pose, as the animation finds it, or in the pose of the only frame."""
    still, entries = len(motion.seconds) == 1, []
    for node, (name, offset) in enumerate(zip(NODES, motion.rig.offsets_m.tolist(), strict=True)):
        entry: dict[str, Any] = {"name": name, "translation": offset}
        if node == 0:
            entry["translation"] = (motion.rig.hips_m if still else rest)[0].tolist()
        if still:
            entry["rotation"] = motion.rig.rotations[0, node].tolist()
        below = children_of(node)
        entries.append(entry | ({"children": below} if below else {}))
    return entries


def _skin(buffer: Buffer, rest: np.ndarray) -> dict:
    """All nodes, with the way from the body's place in the T-pose to each node's own axes."""
    matrices = np.tile(np.eye(4), (len(NODES), 1, 1))
    matrices[:, :3, 3] = -rest
    columns = matrices.transpose(0, 2, 1).reshape(-1, 16)
    return {"joints": list(range(len(NODES))), "skeleton": 0, "inverseBindMatrices": buffer.add(columns)}


def _primitives(buffer: Buffer, rest: np.ndarray) -> list[dict]:
    """The body's limbs, those of a side together."""
    found = []
    for material, side in enumerate(SIDE_RGB):
        mesh = body_mesh(rest, float(np.ptp(rest[:, 1])), side)
        joints = np.pad(mesh.nodes[:, None], ((0, 0), (0, 3)))
        weights = np.tile(np.array([1, 0, 0, 0], np.float32), (len(joints), 1))
        bounds = {"min": mesh.places.min(axis=0).tolist(), "max": mesh.places.max(axis=0).tolist()}
        attributes = {
            "POSITION": buffer.add(mesh.places, VERTICES, **bounds),
            "NORMAL": buffer.add(mesh.normals, VERTICES),
            "JOINTS_0": buffer.add(joints, VERTICES),
            "WEIGHTS_0": buffer.add(weights, VERTICES),
        }
        indices = buffer.add(mesh.corners.ravel(), TRIANGLES)
        found.append({"attributes": attributes, "indices": indices, "material": material})
    return found


def _material(side: str, rgb: np.ndarray) -> dict:
    """A side's colour, which glTF wants in linear light."""
    linear = [round(float(value), 4) for value in (rgb / 255) ** 2.2]
    surface = {"baseColorFactor": [*linear, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
    return {"name": side, "pbrMetallicRoughness": surface}


def _animation(buffer: Buffer, motion: Motion) -> dict:
    """The hips' places and every node's turns, linear in between."""
    times = motion.seconds.astype(np.float32)
    time = buffer.add(times, min=[float(times[0])], max=[float(times[-1])])
    samplers: list[dict] = []
    channels: list[dict] = []

    def follow(node: int, path: str, values: np.ndarray) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": time, "interpolation": "LINEAR", "output": buffer.add(values)})

    follow(0, "translation", motion.rig.hips_m)
    for node, name in enumerate(NODES):
        if not is_end(name):
            follow(node, "rotation", motion.rig.rotations[:, node])
    return {"name": "motion", "samplers": samplers, "channels": channels}
