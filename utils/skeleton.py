"""The 17-joint Human3.6M skeleton, and how other skeletons map onto it.

Joints have names; their numbers live in this file alone. Everything else (mirror index, bones, colours,
mapping matrices) is derived from the names, the parents and one table of weights a source.
"""

import numpy as np

JOINTS = (
    "hip", "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot",
    "spine", "thorax", "neck", "head",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip
PARENT_NAMES = {
    "right_hip": "hip", "right_knee": "right_hip", "right_foot": "right_knee",
    "left_hip": "hip", "left_knee": "left_hip", "left_foot": "left_knee",
    "spine": "hip", "thorax": "spine", "neck": "thorax", "head": "neck",
    "left_shoulder": "thorax", "left_elbow": "left_shoulder", "left_wrist": "left_elbow",
    "right_shoulder": "thorax", "right_elbow": "right_shoulder", "right_wrist": "right_elbow",
}  # fmt: skip

NUM_JOINTS = len(JOINTS)
INDEX = {name: number for number, name in enumerate(JOINTS)}
ROOT = INDEX["hip"]
PARENTS = tuple(INDEX[PARENT_NAMES[name]] if name in PARENT_NAMES else -1 for name in JOINTS)


def mirrored_name(name: str) -> str:
    """The joint on the other side of the body: left_knee for right_knee, hip for hip."""
    return "_".join({"left": "right", "right": "left"}.get(word, word) for word in name.split("_"))


MIRROR = tuple(INDEX[mirrored_name(name)] for name in JOINTS)
BONES = tuple((parent, child) for child, parent in enumerate(PARENTS) if parent >= 0)
BONE_NAMES = tuple(JOINTS[child] for _, child in BONES)
"""A bone is named after the joint at its far end."""
TRUNK = ("hip", "left_hip", "right_hip", "thorax", "left_shoulder", "right_shoulder")
"""Without these nobody is lifted."""
SIDES = tuple(name.split("_")[0] if name.startswith(("left_", "right_")) else "middle" for name in JOINTS)
SIDE_COLOURS = {"left": "#1f77d0", "right": "#e0482e", "middle": "#3c3c46"}

_SIDED_LIMBS = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"]


def _both_sides(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in ("left", "right"))


# OpenPose's order: the right arm before the left one, likewise the legs.
_ARMS, _LEGS = (
    tuple(f"{side}_{limb}" for side in ("right", "left") for limb in limbs)
    for limbs in (_SIDED_LIMBS[:3], _SIDED_LIMBS[3:])
)
_COCO = ("nose", *_both_sides("eye", "ear", *_SIDED_LIMBS))
_HALPE = (*_COCO, "head_top", "neck_base", "pelvis", *_both_sides("big_toe", "small_toe", "heel"))
_LEFT_FOOT, _RIGHT_FOOT = (
    tuple(f"{side}_{part}" for part in ("big_toe", "small_toe", "heel")) for side in ("left", "right")
)
_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")
# 68 points of the face and 21 of each hand end Halpe-136 and COCO-WholeBody; nothing of ours depends on them.
_FACE_AND_HANDS = (*(f"face_{number}" for number in range(68)),
                   *(f"{side}_hand_{number}" for side in ("left", "right") for number in range(21)))  # fmt: skip
# Other skeletons: the names of their points, in the order of their files.
SOURCES: dict[str, tuple[str, ...]] = {
    "h36m_17": JOINTS,
    # The 17 joints of mpii_poses.npy: Human3.6M's order, but MPII's own points (see JOINTS_FROM).
    "mpii_17": tuple({"spine": "mpii_thorax", "thorax": "upper_neck", "neck": "mpii_neck", "head": "head_top"}
                     .get(name, name) for name in JOINTS),
    "mpii_16": ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis",
                "mpii_thorax", "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder",
                "left_shoulder", "left_elbow", "left_wrist"),
    "coco_17": _COCO,
    "posetrack_17": ("nose", "head_bottom", "head_top", *_both_sides("ear", *_SIDED_LIMBS)),
    "crowdpose_14": (*_both_sides(*_SIDED_LIMBS), "head_top", "neck_base"),
    "ai_challenger_14": (*_ARMS, *_LEGS, "head_top", "neck_base"),
    "coco_wholebody_133": (*_COCO, *_LEFT_FOOT, *_RIGHT_FOOT, *_FACE_AND_HANDS),
    "halpe_26": _HALPE,
    "halpe_136": (*_HALPE, *_FACE_AND_HANDS),
    "openpose_coco_18": ("nose", "neck_base", *_ARMS, *_LEGS, *_FACE),
    "openpose_mpi_15": ("head_top", "neck_base", *_ARMS, *_LEGS, "chest"),
    "openpose_body_25": ("nose", "neck_base", *_ARMS, "pelvis", *_LEGS, *_FACE, *_LEFT_FOOT, *_RIGHT_FOOT),
    "openpose_body_25b": (*_COCO, "upper_neck", "head_top", *_LEFT_FOOT, *_RIGHT_FOOT),
    "blazepose_33": ("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
                     "right_eye_outer", "left_ear", "right_ear", "mouth_left", "mouth_right",
                     *_both_sides("shoulder", "elbow", "wrist", "pinky", "index", "thumb",
                                  "hip", "knee", "ankle", "heel", "foot_index")),
}  # fmt: skip

# Human3.6M's hip joints lie 0.47 of the torso (hip to thorax) apart in the image, MPII's and COCO's 0.32, and
# its head point 0.39 of the torso above the thorax, MPII's head top 0.53 (medians over 2D poses, no 3D):
# annotators mark points on the body's surface, motion capture reports joint centres of a fitted skeleton.
HIP_SPREAD = 1.35
HEAD_SHORTENING = 0.75

Weights = dict[str, float]
"""A weighted sum of a source's points."""


def _mix(first: Weights, second: Weights, fraction: float = 0.5) -> Weights:
    """(1 - fraction) * first + fraction * second, as weights of source points."""
    return {name: (1 - fraction) * first.get(name, 0.0) + fraction * second.get(name, 0.0) for name in first | second}


def _moved(point: Weights, *moves: tuple[float, Weights, Weights]) -> Weights:
    """A point moved by fractions of the way from one point to another, as weights of source points."""
    weights = dict(point)
    for fraction, start, end in moves:
        for name in start | end:
            weights[name] = weights.get(name, 0.0) + fraction * (end.get(name, 0.0) - start.get(name, 0.0))
    return weights


def _from_annotators(hip: Weights, thorax: Weights, head: Weights, ankle: str = "ankle") -> dict[str, Weights]:
    """Points where people who look at pictures mark them, and their detectors find them, to Human3.6M's joints.

    The moves come from regressing 2D points on 2D points: those of a detector trained on MPII, on the projected joints
    of Human3.6M's training subjects S1, S5, S6 and S8. No depth enters. COCO's annotators mark limbs as MPII's do, and
    BlazePose and OpenPose learnt from such marks.

    Args:
        hip, thorax, head: the middle of the hips, the base of the neck and Human3.6M's head point, as weighted sums.
        ankle: what the source calls it, without its side.
    """
    table = {
        "hip": _moved(hip, (0.065, hip, thorax)),
        "thorax": _moved(thorax, (-0.05, hip, thorax), (0.10, thorax, head)),
        "head": _moved(thorax, (0.9, thorax, head)),
    }
    table |= {"spine": _mix(table["hip"], table["thorax"]), "neck": _mix(table["thorax"], table["head"])}
    for side in ("right", "left"):
        knee, foot, shoulder, elbow, wrist = (
            {f"{side}_{name}": 1.0} for name in ("knee", ankle, "shoulder", "elbow", "wrist")
        )
        wide = {f"{side}_hip": (1 + HIP_SPREAD) / 2, mirrored_name(f"{side}_hip"): (1 - HIP_SPREAD) / 2}
        table |= {
            f"{side}_hip": _moved(hip, (0.98, hip, wide), (0.075, hip, thorax)),
            f"{side}_knee": _moved(knee, (-0.06, wide, knee)),
            f"{side}_foot": _moved(foot, (0.085, knee, foot)),
            f"{side}_shoulder": _moved(thorax, (0.83, thorax, shoulder)),
            f"{side}_elbow": _moved(elbow, (-0.03, elbow, wrist)),
            f"{side}_wrist": wrist,
        }
    return table


_MIDDLE_HIP = {"left_hip": 0.5, "right_hip": 0.5}
_MIDDLE_SHOULDER = {"left_shoulder": 0.5, "right_shoulder": 0.5}
# Detectors without an upper neck: the line from middle hip to middle shoulder, carried on to Human3.6M's thorax.
# MPII's middle shoulder lies at 0.89 of the way from hip to upper neck.
_SHOULDER_TO_THORAX = 1 / 0.89
_THORAX = _mix(_MIDDLE_HIP, _MIDDLE_SHOULDER, _SHOULDER_TO_THORAX)
_NECK_THORAX = _mix(_MIDDLE_HIP, {"neck_base": 1.0}, _SHOULDER_TO_THORAX)


def _from_ears(thorax: Weights) -> Weights:
    """Ears are half way between upper neck and head top; Human3.6M's head is at three quarters of it."""
    return _mix(thorax, {"left_ear": 0.5, "right_ear": 0.5}, 1.5)


def _from_top(thorax: Weights) -> Weights:
    return _mix(thorax, {"head_top": 1.0}, HEAD_SHORTENING)


def _from_mpii(pelvis: str, ankle: str) -> dict[str, Weights]:
    return _from_annotators({pelvis: 1.0}, {"upper_neck": 1.0}, _from_top({"upper_neck": 1.0}), ankle)


_WITHOUT_NECK = _from_annotators(_MIDDLE_HIP, _THORAX, _from_ears(_THORAX))
_WITH_NECK = _from_annotators(_MIDDLE_HIP, _NECK_THORAX, _from_ears(_NECK_THORAX))
_WITH_NECK_AND_TOP = _from_annotators(_MIDDLE_HIP, _NECK_THORAX, _from_top(_NECK_THORAX))

JOINTS_FROM: dict[str, dict[str, Weights]] = {
    "h36m_17": {name: {name: 1.0} for name in JOINTS},
    "mpii_17": _from_mpii("hip", "foot"),
    "mpii_16": _from_mpii("pelvis", "ankle"),
    "coco_17": _WITHOUT_NECK,
    # PoseTrack 2018 leaves the ears out, though it has places for them.
    "posetrack_17": _from_annotators(_MIDDLE_HIP, _THORAX, _from_top(_THORAX)),
    "crowdpose_14": _WITH_NECK_AND_TOP,
    "ai_challenger_14": _WITH_NECK_AND_TOP,
    "coco_wholebody_133": _WITHOUT_NECK,
    "halpe_26": _WITH_NECK,
    "halpe_136": _WITH_NECK,
    "openpose_coco_18": _WITH_NECK,
    "openpose_mpi_15": _WITH_NECK_AND_TOP,
    "openpose_body_25": _WITH_NECK,
    "openpose_body_25b": _WITHOUT_NECK,
    "blazepose_33": _WITHOUT_NECK,
}  # fmt: skip

# The same sources with their own points taken as they are: what a reproduction of older work needs.
_MPII_RAW = {joint: {point: 1.0} for joint, point in zip(JOINTS, SOURCES["mpii_17"], strict=True)}
JOINTS_FROM_RAW: dict[str, dict[str, Weights]] = {
    "h36m_17": JOINTS_FROM["h36m_17"],
    "mpii_17": _MPII_RAW,
    "mpii_16": {**_MPII_RAW, "hip": {"pelvis": 1.0}, "neck": {"upper_neck": 0.5, "head_top": 0.5},
                "left_foot": {"left_ankle": 1.0}, "right_foot": {"right_ankle": 1.0}},
}  # fmt: skip


def joint_weights(source: str, raw: bool = False) -> np.ndarray:
    """The matrix that turns a source's keypoints into our joints: `joints = weights @ points`.

    Args:
        source: a name in `SOURCES`.
        raw: take the source's own points for ours instead of Human3.6M's definitions (MPII only).

    Returns:
        (17, number of source points) float64; every row sums to 1, so that positions move with the person.

    Raises:
        ValueError: for an unknown source, naming the known ones.
    """
    table = JOINTS_FROM_RAW if raw else JOINTS_FROM
    if source not in table:
        raise ValueError(f"unknown skeleton {source!r}; known: {', '.join(table)}")
    column = {name: number for number, name in enumerate(SOURCES[source])}
    weights = np.zeros((NUM_JOINTS, len(column)))
    for row, joint in enumerate(JOINTS):
        for point, weight in table[source][joint].items():
            weights[row, column[point]] = weight
    return weights
