"""Which skeleton points belong to: by the file's names, by the user's word, or by number and anatomy."""

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from utils.messages import print_note
from utils.skeleton import JOINTS_FROM, SOURCES

from .anatomy import CLEARLY_BETTER, MANY, body_likeness
from .records import People

# Files in MPII's points or PoseTrack's name them; without names they look like Human3.6M's and COCO's.
GUESSED = tuple(name for name in SOURCES if name not in ("mpii_17", "posetrack_17"))

FACE = {"left_eye", "right_eye", "left_ear", "right_ear"}
"""Points that others stand in for."""

_SAME = [
    {"hip", "pelvis", "root", "mid_hip", "midhip", "hips", "hip_center", "center_hip", "chip"},
    {"neck", "neck_base", "base_neck", "upper_neck", "head_bottom", "mid_shoulder"},
    {"head_top", "top_head", "head", "headtop", "top_of_head"},
    {"spine", "belly", "torso"}, {"thorax", "mpii_thorax", "chest"},
]  # fmt: skip
# What joints are called where they belong to a limb.
_LIMB_NAMES = {"foot": "ankle", "hand": "wrist", "shldr": "shoulder"}
_OWN_MEANING = {
    # Human3.6M's neck is above its thorax, and its head is no top.
    "h36m_17": {"neck_base": "neck", "neck_nose": "neck", "root": "hip", "pelvis": "hip", "left_ankle": "left_foot",
                "right_ankle": "right_foot", "head_top": "head", "top_head": "head"},
}  # fmt: skip


def with_skeleton(people: People, given: str | None, where: str) -> People:
    """The people with `skeleton` set and their points in its order.

    Args:
        people: as they are in the file.
        given: the user's skeleton, which wins over everything but names in the file.
        where: the file.

    Raises:
        ValueError: one sentence, if the skeleton is unknown or ambiguous.
    """
    for skeleton in filter(None, (given, people.skeleton)):
        if skeleton not in SOURCES:
            raise ValueError(f"{where}: unknown skeleton {skeleton!r:.60}; known: {', '.join(SOURCES)}")
    if people.names:
        named = by_names(people)
        if named is None and not given:
            raise ValueError(f"{where}: the points {', '.join(people.names)[:200]} do not make up a known skeleton")
        if named is not None:
            if given and given != named.skeleton:
                print_note(f"{where}: the file names the points of {named.skeleton}, so --skeleton {given} is not used")
            return named
    skeleton = given or people.skeleton or _by_number(people, where)
    if people.points_px.shape[1] != len(SOURCES[skeleton]):
        count = people.points_px.shape[1]
        raise ValueError(f"{where}: {count} points a person, but skeleton {skeleton!r} has {len(SOURCES[skeleton])}")
    return replace(people, skeleton=skeleton)


def _by_number(people: People, where: str) -> str:
    count = people.points_px.shape[1]
    own = [name for name in people.usual if len(SOURCES[name]) == count]
    options = own or [name for name in GUESSED if len(SOURCES[name]) == count]
    if not options:
        raise ValueError(f"{where}: {count} points a person do not tell the skeleton; give --skeleton, one of "
                         f"{', '.join(SOURCES)}")  # fmt: skip
    fits = _fits(people, options)
    if not fits and len(own) == 1 and len(people) < MANY and not _fits(people, GUESSED):
        # The layout itself says what its points are, and a few people may be contorted.
        print_note(
            f"{where}: the people do not look like bodies; if their points are not those of {own[0]}, give --skeleton"
        )
        return own[0]
    if not fits:
        raise ValueError(f"{where}: {count} points a person in the order of {' or '.join(options)} look like no body; "
                         "give the right --skeleton")  # fmt: skip
    best, *others = sorted(fits, key=lambda name: -fits[name])
    if others and fits[best] < fits[others[0]] + CLEARLY_BETTER:
        raise ValueError(f"{where}: {count} points a person may be {best} or {others[0]}; give --skeleton")
    if len(own) != 1:
        print_note(f"{where}: {count} points a person are taken for {best}; if they are not, give --skeleton")
    return best


def _fits(people: People, options: Iterable[str]) -> dict[str, float]:
    """How well the skeletons fit that may be meant; 0 where too little is seen to speak against any."""
    count = people.points_px.shape[1]
    looks = {name: body_likeness(people.points_px, name) for name in options if len(SOURCES[name]) == count}
    return {name: look for name, look in looks.items() if look is not None}


def canonical(name: str) -> str:
    """A point's name in words: left_big_toe for LBigToe, "Left Big Toe" or bigtoe_l."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"^([LR])([A-Z])", r"\1_\2", name.strip()))
    parts = [part for part in re.split(r"[^a-z0-9]+", words.lower()) if part]
    parts = [{"l": "left", "r": "right"}.get(part, part) for part in parts]
    for side in ("left", "right"):
        if parts and parts[0].startswith(side) and len(parts[0]) > len(side):
            parts = [side, parts[0].removeprefix(side), *parts[1:]]
        if side in parts:
            parts = [side, *(part for part in parts if part != side)]
    if len(parts) == 2 and parts[0] in ("left", "right"):
        parts[1] = _LIMB_NAMES.get(parts[1], parts[1])
    return "_".join(parts)


def by_names(people: People) -> People | None:
    """The people in the order of the skeleton that most of the file's names belong to; None where limbs lack."""
    found = []
    for skeleton, points in SOURCES.items():
        places = _places(people.names or (), skeleton)
        needed = {point for row in JOINTS_FROM[skeleton].values() for point, weight in row.items() if weight}
        missing = needed - {points[target] for target in places}
        if any(point.startswith(("left", "right")) for point in missing - FACE):
            continue
        # All that is needed if possible, as many of the file's names as possible, and as few others.
        found.append(((not missing, len(places), -len(points)), skeleton, places))
    if not found:
        return None
    _, skeleton, places = max(found, key=lambda option: option[0])
    shape = (len(people), len(SOURCES[skeleton]))
    points_px, confidence = np.full((*shape, 2), np.nan), np.zeros(shape)
    targets, origins = list(places), list(places.values())
    points_px[:, targets], confidence[:, targets] = people.points_px[:, origins], people.confidence[:, origins]
    return replace(people, points_px=points_px, confidence=confidence, names=None, skeleton=skeleton)


def _places(names: tuple[str, ...], skeleton: str) -> dict[int, int]:
    """Number of a skeleton's point -> number of the file's point of the same meaning."""
    own = _OWN_MEANING.get(skeleton, {})
    columns: dict[str, int] = {}
    for number, name in enumerate(map(canonical, names)):
        columns.setdefault(own.get(name, name), number)
    places = {}
    for target, point in enumerate(SOURCES[skeleton]):
        same = next((group for group in _SAME if point in group), set()) if skeleton != "h36m_17" else set()
        found = next((columns[name] for name in (point, *sorted(same)) if name in columns), None)
        if found is not None:
            places[target] = found
    return places
