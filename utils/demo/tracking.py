"""Following people through a video."""

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..keypoints import Joints
from ..skeleton import JOINTS, MIRROR
from .people import SeenPerson

FORGET_S = 2.0
"""A person who is gone for longer comes back under a new number."""
NEAR, SPEED = 0.1, 3.0
"""The same person's joints move on average by no more than this fraction of the person's size (the diagonal of the box
around the keypoints, about 2 m), and by this many sizes more for each second that has passed: 6 m/s."""
FARTHEST = 1.0
"""And never by more than this many sizes, however long the person was not seen."""
SIZE_RATIO = 2.0
"""The same person's size changes by less than this factor, times one more for each second that has passed."""
IMPOSSIBLE = 1e6
GAP_S = 0.25
"""After a longer gap, left and right are believed as they are found."""
CONFUSED_S = 1.0
"""Left and right that jump to each other's places are changed back for so long: who turns round moves them there."""
MEMORY_S = 0.5
"""A joint that was seen this long ago is still where it was about the body; later it is left out."""
SIDED = tuple(
    np.array([number for number, name in enumerate(JOINTS) if name.split("_")[-1] in kinds])
    for kinds in (
        ("hip", "knee", "foot", "shoulder", "elbow", "wrist"), ("hip", "knee", "foot"), ("shoulder", "elbow", "wrist")
    )
)  # fmt: skip
"""What a detector mirrors: a whole person, legs, or arms."""
ORDERS = (range(len(JOINTS)), MIRROR)


class Track:
    """One person through time.

    Args:
        number: from 1 on.
        size_px: of the person, when first seen.
    """

    def __init__(self, number: int, size_px: float) -> None:
        self.number, self.seen_s, self.size_px = number, 0.0, size_px
        self.joints_px: np.ndarray | None = None
        self._swapped_s = [0.0] * len(SIDED)
        self._joint_seen_s = np.full(len(JOINTS), -np.inf)

    def follow(self, person: SeenPerson, seconds: float) -> SeenPerson:
        """This person at a time: left and right as before, joints unseen for a moment remembered."""
        self._joint_seen_s[~person.left_out] = seconds
        person = self._remember(person, seconds)
        joints = person.joints
        if self.joints_px is not None:
            joints = self._sides_as_before(joints, self.joints_px, seconds - self.seen_s)
        self.seen_s, self.size_px, self.joints_px = seconds, person.keypoints.size_px, joints.joints_px
        return replace(person, joints=joints)

    def _remember(self, person: SeenPerson, seconds: float) -> SeenPerson:
        """Joints that are out of sight for a moment, where they were about the body when last seen."""
        recent = person.left_out & (seconds - self._joint_seen_s <= MEMORY_S)
        if self.joints_px is None or not recent.any():
            return person
        joints = person.joints
        moved = (joints.joints_px - self.joints_px)[~person.left_out].mean(axis=0)
        joints_px = np.where(recent[:, None], self.joints_px + moved, joints.joints_px)
        joints = Joints(joints_px, np.where(recent, 0.0, joints.confidence), joints.filled | recent)
        return replace(person, joints=joints, left_out=person.left_out & ~recent)

    def _sides_as_before(self, joints: Joints, last_px: np.ndarray, passed_s: float) -> Joints:
        """A person, legs or arms that change sides from one frame to the next are changed back for a while."""
        order, mirror = np.arange(len(MIRROR)), np.array(MIRROR)
        for part, numbers in enumerate(SIDED):
            mirrored = order.copy()
            mirrored[numbers] = order[mirror[numbers]]
            kept, changed = (
                np.linalg.norm(last_px[numbers] - joints.joints_px[other[numbers]], axis=1).mean()
                for other in (order, mirrored)
            )
            if passed_s > GAP_S or kept < NEAR * self.size_px or changed > kept / 2:
                self._swapped_s[part] = 0.0
                continue
            self._swapped_s[part] += passed_s
            if self._swapped_s[part] >= CONFUSED_S:
                break
            order = mirrored
        return Joints(joints.joints_px[order], joints.confidence[order], joints.filled[order])

    def distance(self, person: SeenPerson) -> tuple[float, float]:
        """How far a person is from where this one was last seen, in sizes, and the ratio of their sizes, 1 or more."""
        size = max(self.size_px, person.keypoints.size_px, 1e-9)
        joints_px = person.joints.joints_px
        # A detector may take left for right: that is no movement.
        away = np.minimum(*(np.linalg.norm(self.joints_px - joints_px[list(order)], axis=1) for order in ORDERS))
        away = away[~person.left_out].mean()
        return float(away / size), size / max(min(self.size_px, person.keypoints.size_px), 1e-9)


class Tracker:
    """Gives people the same number from frame to frame.

    People are assigned to tracks all at once, by distance and size. Who is found near a person who was lost just now,
    but farther off than people move, is taken for an error about that person, and is left out.
    """

    def __init__(self) -> None:
        self._count = 0
        self._tracks: list[Track] = []

    def __call__(self, people: list[SeenPerson], seconds: float) -> tuple[list[Track], list[SeenPerson]]:
        """The people of one frame with their tracks, in the order of their numbers."""
        self._tracks = [track for track in self._tracks if seconds - track.seen_s <= FORGET_S]
        assigned = self._assign(people, seconds)
        lost = [track for track in self._tracks if track not in assigned.values()]
        followed = [(track, track.follow(people[number], seconds)) for number, track in assigned.items()]
        for number, person in enumerate(people):
            if number not in assigned and not any(track.distance(person)[0] < FARTHEST for track in lost):
                self._count += 1
                self._tracks.append(Track(self._count, person.keypoints.size_px))
                followed.append((self._tracks[-1], self._tracks[-1].follow(person, seconds)))
        followed.sort(key=lambda pair: pair[0].number)
        return [track for track, _ in followed], [person for _, person in followed]

    def _assign(self, people: list[SeenPerson], seconds: float) -> dict[int, Track]:
        """Which person, by number in the list, continues which track: the cheapest of all assignments."""
        if not people or not self._tracks:
            return {}
        distances = np.array([[track.distance(person) for track in self._tracks] for person in people])
        away, ratio = distances[..., 0], distances[..., 1]
        passed = np.array([seconds - track.seen_s for track in self._tracks])
        possible = (away <= np.minimum(NEAR + SPEED * passed, FARTHEST)) & (ratio < SIZE_RATIO * (1 + passed))
        cost = np.where(possible, away + np.log(ratio), IMPOSSIBLE)
        rows, columns = linear_sum_assignment(cost)
        pairs = [(int(row), column) for row, column in zip(rows, columns, strict=True) if possible[row, column]]
        return {row: self._tracks[column] for row, column in pairs}
