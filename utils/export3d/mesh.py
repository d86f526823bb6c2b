"""A body of round limbs around a skeleton in its T-pose, for GLB: each limb moves with one node."""

from typing import NamedTuple

import numpy as np

from ..drawing.poses import BONE_RADII
from ..skeleton import BONE_NAMES
from .nodes import NODE_JOINTS, NODE_PARENTS, NODES

SEGMENTS = 12
LATITUDES_DEG = (-90, -60, -30, 0, 0, 30, 60, 90)
"""Rings of a limb: the first half around its near end, the others around its far end."""
MEAN_ROOT_DISTANCE = 0.3
"""Of the joints from the hip, in body heights, about: the unit of `BONE_RADII`."""
_LIKE = {"Spine": "spine", "Shoulder": "left_shoulder"}
_TIPS = {"Hand_End": (0.045, 0.03), "Toe_End": (0.055, 0.04)}


class Mesh(NamedTuple):
    """Triangles.

    Attributes:
        places, normals: (V, 3) float32 of the corners.
        nodes: (V,) uint8, the node that each corner moves with.
        corners: (F, 3) uint16, counter-clockwise seen from outside.
    """

    places: np.ndarray
    normals: np.ndarray
    nodes: np.ndarray
    corners: np.ndarray


def side_of(node: str) -> str:
    """ "left", "right" or "middle"."""
    return next((side for side in ("left", "right") if node.startswith(side.capitalize())), "middle")


def body_mesh(places: np.ndarray, height_m: float, side: str) -> Mesh:
    """The limbs of one side of a body.

    Args:
        places: (N, 3) the nodes in the T-pose.
        height_m: of the person, for the thickness.
        side: "left", "right" or "middle".
    """
    limbs, first = [], 0
    for node, (name, parent) in enumerate(zip(NODES, NODE_PARENTS, strict=True)):
        if parent >= 0 and side_of(name) == side:
            radii = np.array(radii_of(node)) * MEAN_ROOT_DISTANCE * height_m
            limbs.append(limb(places[parent], places[node], radii, parent, first))
            first += len(limbs[-1].places)
    return Mesh(*map(np.concatenate, zip(*limbs, strict=True)))


def radii_of(node: int) -> tuple[float, float]:
    """Radii of the limb from a node's parent to the node, at both ends, in mean root distances."""
    name = NODES[node]
    tip = next((radii for ending, radii in _TIPS.items() if name.endswith(ending)), None)
    if tip:
        return tip
    joint = NODE_JOINTS[node] or next(joint for ending, joint in _LIKE.items() if name.endswith(ending))
    return tuple(BONE_RADII[BONE_NAMES.index(joint)])


def limb(start: np.ndarray, end: np.ndarray, radii: np.ndarray, node: int, first: int) -> Mesh:
    """A cone with round ends between two points, whose corners are counted from `first` on."""
    axis = (end - start) / max(np.linalg.norm(end - start), 1e-9)
    across = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    across /= np.linalg.norm(across)
    angles = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    circle = np.outer(np.cos(angles), across) + np.outer(np.sin(angles), np.cross(axis, across))
    latitudes = np.radians(LATITUDES_DEG)[:, None, None]
    normals = np.cos(latitudes) * circle + np.sin(latitudes) * axis
    half = len(LATITUDES_DEG) // 2
    middles, lengths = np.repeat([start, end], half, axis=0), np.repeat(radii, half)
    places = middles[:, None] + lengths[:, None, None] * normals
    ring, segment = np.mgrid[: len(LATITUDES_DEG) - 1, :SEGMENTS]
    here, beside = ring * SEGMENTS + segment, ring * SEGMENTS + (segment + 1) % SEGMENTS
    lower = np.stack([here, beside, beside + SEGMENTS], axis=-1)[1:].reshape(-1, 3)
    upper = np.stack([here, beside + SEGMENTS, here + SEGMENTS], axis=-1)[:-1].reshape(-1, 3)
    corners = (np.concatenate([lower, upper]) + first).astype(np.uint16)
    flat = places.reshape(-1, 3).astype(np.float32), normals.reshape(-1, 3).astype(np.float32)
    return Mesh(*flat, np.full(places.size // 3, node, np.uint8), corners)
