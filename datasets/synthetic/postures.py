"""What the synthetic people do: tables of joint angles and hand positions, in words and numbers.

Angles are degrees, in the clinical sense: hip and knee flexion, hip abduction (away from the middle) and external
rotation are positive. Means and standard deviations were set by hand from the anatomy of each posture; every angle is
clipped to the range of motion of healthy adults (American Academy of Orthopaedic Surgeons 1965; Norkin and White 2009,
"Measurement of Joint Motion").
"""

from typing import NamedTuple

LEG_RANGE = {"flexion": (-30.0, 130.0), "abduction": (-30.0, 60.0), "rotation": (-45.0, 60.0), "knee": (0.0, 155.0)}
"""Least and largest angles of a leg: three of the hip, and the knee's flexion. The hip's flexion is measured from the
vertical, so that the pelvis' tilt adds to the joint's own range."""
TRUNK_RANGE = {"lean": (-75.0, 110.0), "bend": (-15.0, 70.0), "side": (-35.0, 35.0), "twist": (-45.0, 45.0)}
"""lean: the whole trunk tips forward; bend: its upper half bends forward over the lower one."""


class Posture(NamedTuple):
    """Where legs and trunk are. Angles come in the order of LEG_RANGE and TRUNK_RANGE.

    Attributes:
        weight: how often the posture is taken, relative to the others.
        leg: mean angles of one leg; whether it is the right or the left one is drawn at random.
        other: mean angles of the other leg; None if they are the same.
        leg_std: standard deviations of the legs' angles.
        trunk: mean angles of the trunk.
        trunk_std: their standard deviations.
        arms: the key of ARMS that says what the hands may do.
        lying: the probability that the whole body lies down, on its back, front or a side.
    """

    weight: float
    leg: tuple[float, float, float, float]
    other: tuple[float, float, float, float] | None = None
    leg_std: tuple[float, float, float, float] = (6, 4, 8, 6)
    trunk: tuple[float, float, float, float] = (-1, 6, 0, 0)
    trunk_std: tuple[float, float, float, float] = (6, 9, 5, 12)
    arms: str = "upright"
    lying: float = 0.0


POSTURES: dict[str, Posture] = {
    "standing": Posture(0.20, (2, 5, 8, 6)),
    "standing on one leg": Posture(0.07, (0, 4, 6, 4), (18, 8, 10, 28), (7, 7, 10, 13), (0, 6, 3, 0)),
    "standing with crossed legs": Posture(
        0.03, (2, -5, 4, 4), (8, -10, 10, 18), (6, 5, 10, 12), (0, 6, 3, 0), (6, 8, 6, 10)),
    "stepping": Posture(0.06, (24, 6, 8, 22), (-12, 5, 6, 14), (14, 7, 8, 16), (6, 6, 0, 0), (11, 9, 6, 14)),
    "lunging": Posture(0.04, (62, 14, 10, 60), (-14, 12, 10, 28), (20, 13, 12, 24), (14, 8, 0, 0), (18, 11, 9, 15),
                       "active"),
    "walking": Posture(0.17, (0, 2, 5, 0), None, (4, 3, 6, 6), (2, 4, 0, 0), (6, 7, 4, 8), "walking"),
    "sitting": Posture(0.09, (82, 10, 0, 85), None, (12, 10, 10, 20), (2, 12, 0, 0), (14, 11, 7, 11), "sitting"),
    "sitting with crossed legs": Posture(
        0.04, (86, 0, 0, 88), (97, -6, 12, 82), (9, 8, 12, 16), (0, 14, 0, 0), (13, 11, 8, 11), "sitting"),
    "sitting with one foot on a knee": Posture(
        0.02, (86, 5, 0, 88), (96, 32, 38, 95), (9, 9, 12, 14), (2, 14, 0, 0), (13, 11, 8, 11), "sitting"),
    "sitting with stretched legs": Posture(
        0.03, (74, 8, 6, 42), None, (14, 9, 11, 24), (-10, 14, 0, 0), (13, 11, 7, 11), "sitting"),
    "sitting on the floor, legs folded": Posture(
        0.025, (98, 36, 40, 126), None, (11, 11, 12, 13), (8, 24, 0, 0), (14, 11, 8, 12), "floor"),
    "sitting on the floor, legs stretched": Posture(
        0.025, (86, 9, 8, 14), None, (8, 9, 12, 14), (-6, 20, 0, 0), (20, 12, 8, 11), "floor"),
    "sitting on the floor, one knee up": Posture(
        0.025, (90, 12, 18, 35), (118, 8, 6, 112), (13, 12, 14, 24), (-4, 22, 0, 0), (17, 12, 8, 12), "floor"),
    "sitting on the floor, knees up": Posture(
        0.02, (116, 10, 5, 108), None, (12, 11, 10, 20), (-6, 22, 0, 0), (18, 12, 7, 11), "floor"),
    "sitting on the floor, legs to a side": Posture(
        0.015, (80, 25, 40, 115), (75, 15, -32, 120), (14, 12, 11, 16), (0, 16, 6, 0), (15, 11, 10, 14), "floor"),
    "reclining": Posture(0.02, (86, 8, 6, 15), (112, 12, 8, 85), (16, 12, 14, 32), (-45, 10, 0, 0), (14, 11, 10, 14),
                         "reclining"),
    "squatting": Posture(0.04, (104, 14, 8, 128), None, (18, 11, 11, 20), (32, 20, 0, 0), (16, 11, 8, 12), "low"),
    "kneeling": Posture(0.02, (14, 6, 4, 98), None, (18, 7, 9, 13), (10, 12, 0, 0), (18, 11, 7, 11), "low"),
    "sitting on the heels": Posture(
        0.015, (78, 10, 4, 146), None, (10, 9, 9, 8), (12, 18, 0, 0), (16, 11, 7, 11), "low"),
    "kneeling on one knee": Posture(
        0.025, (88, 9, 5, 92), (4, 7, 4, 92), (15, 10, 10, 17), (14, 14, 0, 0), (18, 11, 8, 12), "low"),
    "on all fours": Posture(0.01, (8, 6, 4, 98), None, (16, 7, 9, 16), (76, 12, 0, 0), (12, 10, 6, 9), "bending"),
    "bending": Posture(0.07, (14, 8, 6, 18), None, (14, 8, 9, 19), (44, 20, 0, 0), (24, 13, 9, 13), "bending"),
    "lying": Posture(0.02, (22, 7, 6, 32), None, (24, 10, 14, 30), (0, 8, 0, 0), (10, 11, 10, 14), "active", 1.0),
    "exercising": Posture(
        0.08, (30, 14, 8, 38), None, (36, 17, 18, 36), (12, 10, 0, 0), (24, 14, 13, 18), "active", 0.07),
}  # fmt: skip


class Hand(NamedTuple):
    """Where a wrist goes.

    Attributes:
        anchor: one of ANCHORS, from which the offset is measured.
        offset: mean offset outward, downward and forward, in arm lengths.
        std: standard deviations of the offset.
    """

    anchor: str
    offset: tuple[float, float, float]
    std: tuple[float, float, float]


ANCHORS = ("shoulder", "head", "hip", "middle_hip", "knee", "thigh", "foot")

HANDS: dict[str, Hand] = {
    "hanging": Hand("shoulder", (0.08, 0.95, 0.06), (0.06, 0.03, 0.10)),
    "swinging": Hand("shoulder", (0.06, 0.92, 0.12), (0.05, 0.04, 0.10)),
    "bent": Hand("shoulder", (0.04, 0.62, 0.42), (0.10, 0.12, 0.12)),
    "gesturing": Hand("shoulder", (0.08, 0.40, 0.52), (0.20, 0.20, 0.14)),
    "reaching": Hand("shoulder", (0.05, 0.05, 0.75), (0.35, 0.35, 0.25)),
    "pointing aside": Hand("shoulder", (0.75, 0.05, 0.20), (0.15, 0.30, 0.25)),
    "overhead": Hand("shoulder", (0.12, -0.75, 0.20), (0.25, 0.22, 0.25)),
    "anywhere": Hand("shoulder", (0.25, 0.10, 0.35), (0.40, 0.55, 0.40)),
    "at the ear": Hand("head", (0.17, 0.14, 0.06), (0.05, 0.07, 0.07)),
    "at the mouth": Hand("head", (0.02, 0.27, 0.24), (0.06, 0.08, 0.08)),
    "before the face": Hand("head", (0.10, 0.12, 0.38), (0.06, 0.10, 0.12)),
    "behind the head": Hand("head", (0.12, 0.08, -0.10), (0.06, 0.08, 0.06)),
    "on the hip": Hand("hip", (0.16, -0.14, 0.02), (0.05, 0.06, 0.07)),
    "in the pocket": Hand("hip", (0.11, 0.00, 0.09), (0.04, 0.06, 0.06)),
    "before the belly": Hand("middle_hip", (0.06, -0.15, 0.32), (0.08, 0.15, 0.08)),
    "behind the back": Hand("middle_hip", (0.04, -0.05, -0.26), (0.07, 0.10, 0.06)),
    "folded": Hand("shoulder", (-0.40, 0.42, 0.32), (0.08, 0.07, 0.07)),
    "on the knee": Hand("knee", (0.00, -0.10, -0.08), (0.07, 0.06, 0.10)),
    "on the thigh": Hand("thigh", (-0.06, -0.15, 0.02), (0.08, 0.08, 0.12)),
    "on a table": Hand("middle_hip", (0.22, -0.35, 0.55), (0.15, 0.08, 0.14)),
    "leaning on the floor": Hand("hip", (0.32, 0.08, -0.42), (0.14, 0.08, 0.20)),
    "at the feet": Hand("foot", (0.02, -0.22, 0.15), (0.18, 0.18, 0.18)),
    "on the shin": Hand("knee", (-0.02, 0.20, 0.10), (0.08, 0.15, 0.08)),
    "toward the floor": Hand("shoulder", (0.02, 0.90, 0.35), (0.15, 0.12, 0.20)),
}

ARMS: dict[str, dict[str | tuple[str, str], float]] = {
    "upright": {
        "hanging": 0.30, "bent": 0.10, "gesturing": 0.12, ("gesturing", "hanging"): 0.06,
        ("at the ear", "hanging"): 0.04, ("at the ear", "bent"): 0.03, ("at the mouth", "hanging"): 0.03,
        ("at the mouth", "bent"): 0.02, "before the face": 0.05, "on the hip": 0.03, ("on the hip", "hanging"): 0.03,
        "in the pocket": 0.03, ("in the pocket", "gesturing"): 0.02, "folded": 0.04, "before the belly": 0.04,
        "behind the back": 0.02, ("reaching", "hanging"): 0.05, "reaching": 0.04, ("pointing aside", "hanging"): 0.02,
        "pointing aside": 0.02, "overhead": 0.02, ("overhead", "hanging"): 0.02, "behind the head": 0.01,
        "anywhere": 0.06,
    },
    "walking": {
        "swinging": 0.60, ("bent", "swinging"): 0.10, "bent": 0.08, ("at the ear", "swinging"): 0.05,
        "in the pocket": 0.05, ("gesturing", "swinging"): 0.06, ("reaching", "swinging"): 0.04, "anywhere": 0.02,
    },
    "sitting": {
        "on the thigh": 0.18, "on the knee": 0.12, ("on the thigh", "gesturing"): 0.08, "on a table": 0.12,
        ("on a table", "at the mouth"): 0.08, ("on the thigh", "at the mouth"): 0.06,
        ("at the ear", "on the thigh"): 0.08, ("at the ear", "folded"): 0.02, "gesturing": 0.08, "folded": 0.04,
        "before the belly": 0.05, "before the face": 0.02, "hanging": 0.03, ("reaching", "on the thigh"): 0.03,
        "behind the head": 0.01, "leaning on the floor": 0.02, "anywhere": 0.02,
    },
    "floor": {
        "on the knee": 0.20, "on the thigh": 0.12, "on the shin": 0.10, "leaning on the floor": 0.15,
        ("leaning on the floor", "on the knee"): 0.12, "gesturing": 0.06, ("gesturing", "on the knee"): 0.05,
        ("at the ear", "on the knee"): 0.04, ("at the mouth", "on the thigh"): 0.04, "at the feet": 0.06,
        ("reaching", "on the knee"): 0.04, "anywhere": 0.02,
    },
    "low": {
        "on the knee": 0.18, "on the thigh": 0.14, "at the feet": 0.12, "toward the floor": 0.12,
        "before the face": 0.10, "bent": 0.10, ("gesturing", "on the knee"): 0.06, "reaching": 0.08, "gesturing": 0.05,
        "anywhere": 0.05,
    },
    "bending": {
        "toward the floor": 0.30, "at the feet": 0.12, "on the knee": 0.12, ("reaching", "on the knee"): 0.08,
        "hanging": 0.12, "bent": 0.10, "reaching": 0.10, "anywhere": 0.06,
    },
    "reclining": {
        "leaning on the floor": 0.50, ("leaning on the floor", "on the knee"): 0.15,
        ("leaning on the floor", "on the thigh"): 0.10, "on the thigh": 0.08,
        ("leaning on the floor", "at the ear"): 0.05, ("leaning on the floor", "gesturing"): 0.07,
        "behind the head": 0.05,
    },
    "active": {
        "anywhere": 0.50, "reaching": 0.15, "overhead": 0.12, "pointing aside": 0.08, "hanging": 0.15,
    },
}  # fmt: skip
"""By `Posture.arms`: one of HANDS for both sides, or a pair of them, and how often. Which of a pair is right is
drawn at random."""


def posture_tables() -> dict[str, list]:
    """The tables above as nested lists with a row for each posture or kind of hand; "arms" and "anchor" are indices."""
    postures, hands, kinds = list(POSTURES.values()), list(HANDS.values()), list(HANDS)
    most = max(len(choices) for choices in ARMS.values())
    pairs = {name: [(choice, choice) if isinstance(choice, str) else choice for choice in ARMS[name]] for name in ARMS}
    indices = {name: [[kinds.index(one), kinds.index(other)] for one, other in pairs[name]] for name in ARMS}
    plain = ("weight", "lying", "leg_std", "trunk", "trunk_std")
    return {name: [getattr(posture, name) for posture in postures] for name in plain} | {
        "legs": [[posture.leg, posture.other or posture.leg] for posture in postures],
        "leg_range": list(LEG_RANGE.values()),
        "trunk_range": list(TRUNK_RANGE.values()),
        "arms": [(indices[posture.arms] + [[0, 0]] * most)[:most] for posture in postures],
        "arms_weight": [([*ARMS[posture.arms].values()] + [0.0] * most)[:most] for posture in postures],
        "hand": [hand.offset for hand in hands],
        "hand_std": [hand.std for hand in hands],
        "anchor": [ANCHORS.index(hand.anchor) for hand in hands],
    }
