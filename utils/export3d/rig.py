"""One person's rigid skeleton in every frame, as near to the lifted joints as it can come.

A lifter gives joints, frame by frame, between which lengths waver; an animation wants one skeleton whose nodes turn:

1. every frame gets the same size, the sum of its bone lengths (`body.equalise`);
2. bones and their places are averaged over the frames (`body.fit_offsets`);
3. the nodes turn along the bones of each frame (`turns.turns_along_bones`);
4. a few steps of least squares bring the skeleton's joints nearer to those of the frame (`nearest`).

A joint is where the offsets on the way to it lead: hips + sum of turn @ offset.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..anthropometry import ANKLE_HEIGHT
from ..skeleton import INDEX, JOINTS
from .body import fit_offsets, places
from .nodes import NODE_OF_JOINT, NODE_PARENTS, way_to
from .turns import turns_along_bones, with_hands_and_feet

STEPS = 3
STIFFNESS = 0.003
"""What a turn away from `turns_along_bones` costs, in squares of body heights a square of radians."""
FRAMES_AT_ONCE = 500
WAYS = tuple(way_to(node) for node in NODE_OF_JOINT)
TURNING = sorted({NODE_PARENTS[node] for way in WAYS for node in way})
"""The nodes that some joint's place depends on: all but hands, feet and ends."""


@dataclass(frozen=True)
class Rig:
    """A skeleton that moves.

    Attributes:
        offsets_m: (N, 3) each node's place in its parent, in the T-pose.
        rotations: (T, N, 4) quaternions x, y, z, w of the nodes in their parents; the hips' in the world.
        hips_m: (T, 3) where the hips are.
        joints_m: (T, 17, 3) the joints that the rig follows, of the same size and in the same place.
        error_percent: mean distance of the rig's joints from those, all relative to the hip, in percent of the mean
            distance of the latter from the hip.
    """

    offsets_m: np.ndarray
    rotations: np.ndarray
    hips_m: np.ndarray
    joints_m: np.ndarray
    error_percent: float


def fit_rig(joints: np.ndarray, height_m: float) -> Rig:
    """The skeleton that follows joints, with the lower foot on the floor, Y = 0, and the hips above the origin.

    Args:
        joints: (T, 17, 3) of equal size, relative to the hip, Y up, in any unit.
        height_m: of the person.
    """
    offsets, height = fit_offsets(joints)
    joints = joints / height
    turns, hips = follow(joints, offsets)
    followed = places(offsets, turns)[:, NODE_OF_JOINT]
    floor = followed[:, [INDEX["left_foot"], INDEX["right_foot"]], 1].min(axis=1) - ANKLE_HEIGHT
    placed = np.zeros_like(hips)
    placed[:, 1] = -floor
    miss = np.linalg.norm(followed - joints, axis=-1).mean()
    return Rig(
        height_m * offsets,
        local_rotations(turns),
        height_m * placed,
        height_m * (joints + (placed - hips)[:, None]),
        float(100 * miss / np.linalg.norm(joints, axis=-1).mean()),
    )


def follow(joints: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns (T, N, 3, 3) and hips (T, 3) of a skeleton that follows joints (T, 17, 3)."""
    parts = [joints[start : start + FRAMES_AT_ONCE] for start in range(0, len(joints), FRAMES_AT_ONCE)]
    turns, hips = zip(*(nearest(part, offsets) for part in parts), strict=True)
    return np.concatenate(turns), np.concatenate(hips)


def nearest(joints: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for some frames: Gauss-Newton steps from `turns_along_bones`, to which small springs pull back."""
    turns = turns_along_bones(joints)
    moved = np.zeros((len(joints), 3 + 3 * len(TURNING)))
    springs = np.where(np.arange(moved.shape[1]) < 3, 0.0, STIFFNESS)
    for _ in range(STEPS):
        miss = joints - moved[:, None, :3] - places(offsets, turns)[:, NODE_OF_JOINT]
        slopes = derivatives(turns, offsets)
        transposed = slopes.transpose(0, 2, 1)
        pull = transposed @ miss.reshape(len(joints), -1, 1) - (springs * moved)[..., None]
        step = np.linalg.solve(transposed @ slopes + np.diag(springs), pull)[..., 0]
        moved += step
        change = Rotation.from_rotvec(step[:, 3:].reshape(-1, 3)).as_matrix()
        turns[:, TURNING] = change.reshape(len(joints), -1, 3, 3) @ turns[:, TURNING]
    return with_hands_and_feet(turns), moved[:, :3]


def derivatives(turns: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """How joints move (T, 51, 3 + 3 M) as the hips move, and as each of `TURNING` turns a little about the axes."""
    slopes = np.zeros((len(turns), len(JOINTS), 3, 1 + len(TURNING), 3))
    slopes[..., 0, :] = np.eye(3)
    for joint, way in enumerate(WAYS):
        for node in way:
            arm = turns[:, NODE_PARENTS[node]] @ offsets[node]
            # turn v by a small w: v + w x v, so the derivative's columns are the axes x v.
            moved = np.cross(np.eye(3), arm[:, None]).transpose(0, 2, 1)
            slopes[:, joint, :, 1 + TURNING.index(NODE_PARENTS[node])] = moved
    return slopes.reshape(len(turns), 3 * len(JOINTS), -1)


def local_rotations(turns: np.ndarray) -> np.ndarray:
    """Quaternions (T, N, 4) x, y, z, w of turns (T, N, 3, 3) in those of the parents, without jumps of sign in time."""
    parents = [turns[:, parent].transpose(0, 2, 1) if parent >= 0 else np.eye(3) for parent in NODE_PARENTS]
    local = np.stack([parent @ turns[:, node] for node, parent in enumerate(parents)], axis=1)
    quaternions = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_quat().reshape(*turns.shape[:2], 4)
    same = (quaternions[1:] * quaternions[:-1]).sum(axis=-1) >= 0
    quaternions[1:] *= np.cumprod(np.where(same, 1, -1), axis=0)[..., None]
    return quaternions
