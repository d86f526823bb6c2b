"""Synthetic 3D poses that obey anatomy, drawn from the tables in `postures`, many at a time.

The legs have published proportions (`utils.anthropometry`). Human3.6M places hips, shoulders, spine, neck and head
elsewhere than anatomists do, so the proportions above the hips follow ratios in its 2D poses: medians over upright
people of the training subjects S1, S5, S6 and S8, in lengths of the torso in the image. No number is fitted to 3D
poses.

The axes are the camera's (x right, y down, z forward) and the person faces along z, away from a camera at negative z:
its right side is at positive x, its left side at negative x. A pair of limbs is one tensor (n, 2, ...), right before
left; both are computed as right limbs, and the left one is mirrored.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from utils.anthropometry import SHANK, THIGH
from utils.geometry import rotate, rotation_x, rotation_y, rotation_z
from utils.skeleton import JOINTS

from .postures import ANCHORS, HANDS, POSTURES, posture_tables

HEIGHT_MM = (1700.0, 90.0)
"""Mean and standard deviation of the body height."""
SEGMENTS = {
    "thigh": THIGH, "shank": SHANK,
    # The medians that the rest follows, in torso lengths: legs 1.73 long, hips 0.54 and shoulders 0.58 apart,
    # shoulders 0.12 below the thorax, head 0.37 above it, the neck 0.12 in front of the middle of that line, upper
    # arm 0.55, forearm 0.50.
    "torso": 0.275, "upper_arm": 0.155, "forearm": 0.139, "hip": 0.0745, "shoulder": 0.080, "shoulder_drop": 0.033,
    "head": 0.102, "nose": 0.033,
}  # fmt: skip
"""Lengths as fractions of the body height; "hip" and "shoulder" are half widths."""
SPINE_FRACTION = 0.485
"""Where the spine joint lies on the way from hip to thorax, in Human3.6M's 2D poses."""
SHAPE_STD = 0.05
"""Standard deviation of each segment's length relative to the body height's, between people."""
ELBOW_FLEXION_MAX = math.radians(150)
HEAD_STD_DEG = (14.0, 9.0, 26.0)
"""Standard deviations of nod, tilt and turn of the head."""
PELVIS_STD_DEG = (5.0, 9.0)
"""Standard deviations of the pelvis' tilt to a side and its turn against the direction of the legs."""

Joints = dict[str, Tensor]
"""Name -> (n, 3) position in mm."""
Lengths = dict[str, Tensor]
"""Name of a segment -> (n, 1) length in mm."""


class Bodies:
    """Draws bodies on a device, where the generators passed in must live as well."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        body = {"segments": list(SEGMENTS.values()), "head_pelvis": [*HEAD_STD_DEG, *PELVIS_STD_DEG]}
        self.table = {name: torch.tensor(rows, device=self.device) for name, rows in (posture_tables() | body).items()}
        # Angles that are all whole numbers would be integers; only indices should be.
        self.table |= {name: self.table[name].float() for name in self.table.keys() - {"arms", "anchor"}}
        self.mirror = torch.tensor([[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]], device=self.device)

    def sample(self, n: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Root-relative poses (n, 17, 3) in mm of people who face along z, and indices (n,) into POSTURES."""
        posture = torch.multinomial(self.table["weight"], n, replacement=True, generator=generator)
        size = self.sizes(n, generator)
        stride, cycle = self._stride(posture, generator)
        joints, chest = self._torso(posture, size, generator)
        joints |= self._legs(joints, posture, size, gait(stride, cycle), generator)
        swing = -0.28 * stride * (2 * math.pi * cycle).cos()
        joints |= self._arms(joints, chest, posture, size, swing, generator)
        pose = torch.stack([joints[name] for name in JOINTS], dim=1)
        return rotate(pose, self._lie_down(posture, generator)), posture

    def _normal(self, *shape: int, generator: Generator) -> Tensor:
        return torch.randn(*shape, device=self.device, generator=generator)

    def _chance(self, n: int, probability: float, generator: Generator) -> Tensor:
        return torch.rand(n, device=self.device, generator=generator) < probability

    def _clipped(self, angles: Tensor, name: str) -> tuple[Tensor, ...]:
        """Angles in degrees, clipped to the joints' ranges; in radians, one tensor for each angle."""
        low, high = self.table[f"{name}_range"].unbind(dim=1)
        return torch.minimum(torch.maximum(angles, low), high).deg2rad().unbind(dim=-1)

    def sizes(self, n: int, generator: Generator) -> Lengths:
        """Segment lengths (n, 1) in mm of n different people, by the names in `SEGMENTS`."""
        noise = self._normal(n, len(SEGMENTS) + 1, generator=generator).clamp(-2.5, 2.5)
        height = HEIGHT_MM[0] + HEIGHT_MM[1] * noise[:, -1:]
        lengths = height * (1 + SHAPE_STD * noise[:, :-1]) * self.table["segments"]
        return dict(zip(SEGMENTS, lengths.split(1, dim=1), strict=True))

    def _paired(self, n: int, width: int, generator: Generator) -> Tensor:
        """Standard normal numbers (n, 2, width) for right and left, correlated: strongly in half of the people."""
        alike = torch.where(self._chance(n, 0.5, generator), 0.9, 0.15)[:, None, None]
        shared = self._normal(n, 1, width, generator=generator)
        return alike.sqrt() * shared + (1 - alike).sqrt() * self._normal(n, 2, width, generator=generator)

    def _swapped(self, pair: Tensor, generator: Generator) -> Tensor:
        """The pair (n, 2, ...) with its sides exchanged in half of the people."""
        coin = self._chance(len(pair), 0.5, generator).reshape(-1, *[1] * (pair.ndim - 1))
        return torch.where(coin, pair.flip(1), pair)

    def _stride(self, posture: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Step lengths (n, 1), 0 for those who do not walk, and where in the gait cycle each leg is (n, 2)."""
        draw = torch.rand(len(posture), 2, device=self.device, generator=generator)
        walks = (posture == list(POSTURES).index("walking"))[:, None]
        return walks * (0.4 + 0.9 * draw[:, :1]), torch.cat([draw[:, 1:], draw[:, 1:] + 0.5], dim=1) % 1

    def _torso(self, posture: Tensor, size: Lengths, generator: Generator) -> tuple[Joints, Tensor]:
        """The joints from hip to head, hips and shoulders, and the chest's frame (n, 3, 3)."""
        noise = self._normal(len(posture), 9, generator=generator)
        angles = self.table["trunk"][posture] + self.table["trunk_std"][posture] * noise[:, :4]
        lean, bend, side, twist = self._clipped(angles, "trunk")
        nod, tilt, turn, lift, yaw = (noise[:, 4:] * self.table["head_pelvis"]).deg2rad().unbind(dim=1)
        pelvis = rotation_x(bend / 2 - lean) @ rotation_z(side / 2 + lift) @ rotation_y(yaw)
        chest = rotation_x(-bend / 2 - lean) @ rotation_z(side) @ rotation_y(yaw + twist)
        # The gaze stays level in part when the trunk leans; the line from neck to head tips forward by 10 degrees.
        pitch = math.radians(10) + 0.65 * (lean + bend / 2) + nod
        head = rotation_x(-pitch) @ rotation_z(0.7 * side + tilt) @ rotation_y(yaw + twist + turn)
        spine = -SPINE_FRACTION * size["torso"] * pelvis[..., 1]
        thorax = spine - (1 - SPINE_FRACTION) * size["torso"] * chest[..., 1]
        joints = {"hip": torch.zeros_like(spine), "spine": spine, "thorax": thorax}
        joints["neck"] = thorax - size["head"] / 2 * head[..., 1] + size["nose"] * head[..., 2]
        joints["head"] = thorax - size["head"] * head[..., 1]
        for name, sign in (("right", 1), ("left", -1)):
            joints[f"{name}_hip"] = sign * size["hip"] * pelvis[..., 0]
            across = sign * size["shoulder"] * chest[..., 0]
            joints[f"{name}_shoulder"] = thorax + across + size["shoulder_drop"] * chest[..., 1]
        return joints, chest

    def _legs(self, joints: Joints, posture: Tensor, size: Lengths, walk: Tensor, generator: Generator) -> Joints:
        """Knees and feet by forward kinematics. The legs' angles are against the vertical, whatever the trunk does."""
        noise = self._paired(len(posture), 4, generator)
        angles = self._swapped(self.table["legs"][posture], generator)
        angles = angles + self.table["leg_std"][posture][:, None] * noise + walk
        flexion, abduction, rotation, knee = self._clipped(angles, "leg")
        thigh = rotation_x(flexion) @ rotation_z(-abduction) @ rotation_y(rotation)
        down, front = thigh[..., 1], thigh[..., 2]
        shank = knee.cos()[..., None] * down - knee.sin()[..., None] * front
        hips = _pair(joints, "hip")
        knees = hips + size["thigh"][:, None] * down * self.mirror
        return _named("knee", knees) | _named("foot", knees + size["shank"][:, None] * shank * self.mirror)

    def _arms(
        self, joints: Joints, chest: Tensor, posture: Tensor, size: Lengths, swing: Tensor, generator: Generator
    ) -> Joints:
        """Shoulders, elbows and wrists: the hand goes to its place and the elbow follows."""
        n = len(posture)
        choice = torch.multinomial(self.table["arms_weight"][posture], 1, generator=generator)[:, 0]
        hands = self._swapped(self.table["arms"][posture, choice], generator)
        offset = self.table["hand"][hands] + self.table["hand_std"][hands] * self._paired(n, 3, generator)
        swing = swing * (hands == list(HANDS).index("swinging"))
        offset = offset + torch.stack([0 * swing, -0.2 * swing.abs(), swing], dim=-1)
        arm = (size["upper_arm"] + size["forearm"])[:, None]
        step = offset * arm * self.mirror
        anchor = self.table["anchor"][hands][..., None]
        on_trunk = anchor < ANCHORS.index("hip")
        places = _anchors(joints).gather(2, anchor[..., None].expand(-1, -1, -1, 3))[:, :, 0]
        shoulders = _pair(joints, "shoulder")
        wrist = places + torch.where(on_trunk, rotate(step, chest), step) - shoulders
        # From here in the chest's frame, as seen by a right arm, in arm lengths.
        wrist = rotate(wrist, chest.mT) * self.mirror / arm
        girdle = torch.stack([0 * swing, 0.12 * wrist[..., 1].clamp(-1, 0), 0.08 * wrist[..., 2].clamp(-0.5, 1)], -1)
        girdle = girdle + 0.015 * self._normal(n, 2, 3, generator=generator)
        upper = (size["upper_arm"] / (size["upper_arm"] + size["forearm"]))[:, None]
        elbow, wrist = bend_arm(wrist - girdle, upper, self._normal(n, 2, 3, generator=generator))

        def placed(point: Tensor) -> Tensor:
            return shoulders + rotate((girdle + point) * arm * self.mirror, chest)

        return _named("shoulder", placed(0 * elbow)) | _named("elbow", placed(elbow)) | _named("wrist", placed(wrist))

    def _lie_down(self, posture: Tensor, generator: Generator) -> Tensor:
        """Rotations (n, 3, 3) onto the back, the front or a side for those who lie, the identity for all others."""
        n = len(posture)
        draw = torch.rand(n, 2, device=self.device, generator=generator)
        lies = draw[:, 0] < self.table["lying"][posture]
        noise = self._normal(n, 3, generator=generator) * math.radians(14) * lies[:, None]
        quarter = math.pi / 2 * lies
        back = quarter * ((draw[:, 1] < 0.45).float() - ((draw[:, 1] >= 0.45) & (draw[:, 1] < 0.7)).float())
        side = quarter * ((draw[:, 1] >= 0.85).float() - ((draw[:, 1] >= 0.7) & (draw[:, 1] < 0.85)).float())
        return rotation_x(back + noise[:, 0]) @ rotation_z(side + noise[:, 1]) @ rotation_y(3 * noise[:, 2])


def gait(stride: Tensor, cycle: Tensor) -> Tensor:
    """Degrees (n, 2, 4) that walking adds to the legs' angles: the curves of Winter 2009, appendix A, as smooth bumps.

    Args:
        stride: (n, 1), 1 for a normal step and 0 for none.
        cycle: (n, 2) in [0, 1), 0 where the heel strikes the ground.
    """
    hip = stride * (4 + 23 * (2 * math.pi * cycle).cos())
    bend = 16 * (-(((cycle - 0.14) / 0.09) ** 2)).exp() + 58 * (-(((cycle - 0.72) / 0.12) ** 2)).exp()
    return torch.stack([hip, 0 * hip, 0 * hip, stride.sqrt() * (4 + bend)], dim=-1)


def bend_arm(wrist: Tensor, upper: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Elbow and wrist of right arms of length 1, by inverse kinematics.

    Args:
        wrist: (..., 3) where the wrist should be, from the shoulder, in the chest's frame.
        upper: (..., 1) the upper arm's fraction of the arm's length.
        noise: (..., 3) standard normal numbers; they turn the elbow about the line from shoulder to wrist.

    Returns:
        The elbow, and the wrist moved into reach, both (..., 3). Elbows point outward, downward and, while the hand
        is below the shoulder, backward.
    """
    lower = 1 - upper
    nearest = (upper**2 + lower**2 - 2 * upper * lower * math.cos(math.pi - ELBOW_FLEXION_MAX)).sqrt()
    distance = wrist.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    # Shoulders hardly move backward or inward: hands far behind or across the body are brought back.
    x, y, z = (wrist / distance).unbind(dim=-1)
    direction = normalize(torch.stack([x.clamp(min=-0.75), y, z.clamp(min=-0.65)], dim=-1), dim=-1, eps=1e-6)
    distance = distance.minimum(torch.full_like(distance, 0.995)).maximum(nearest)
    sideways = torch.full_like(wrist[..., 0], 0.6)
    pole = torch.stack([sideways, sideways, -0.7 * direction[..., 1]], dim=-1) + 0.3 * noise
    pole = normalize(pole - (pole * direction).sum(dim=-1, keepdim=True) * direction, dim=-1, eps=1e-6)
    along = (upper**2 + distance**2 - lower**2) / (2 * distance)
    across = (upper**2 - along**2).clamp(min=0).sqrt()
    return along * direction + across * pole, distance * direction


def _pair(joints: dict[str, Tensor], joint: str) -> Tensor:
    return torch.stack([joints[f"right_{joint}"], joints[f"left_{joint}"]], dim=1)


def _named(joint: str, pair: Tensor) -> dict[str, Tensor]:
    return {f"right_{joint}": pair[:, 0], f"left_{joint}": pair[:, 1]}


def _anchors(joints: dict[str, Tensor]) -> Tensor:
    """(n, 2, ANCHORS, 3): the places from which hands are measured, for the right and the left one."""
    hip, knee = _pair(joints, "hip"), _pair(joints, "knee")
    middle, head = (joints[name][:, None].expand_as(hip) for name in ("hip", "head"))
    return torch.stack([_pair(joints, "shoulder"), head, hip, middle, knee, (hip + knee) / 2, _pair(joints, "foot")], 2)
