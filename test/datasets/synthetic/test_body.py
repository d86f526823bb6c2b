"""Bodies obey anatomy: lengths, sides, and limbs that bend as they should."""

import math

import pytest
import torch

from datasets.synthetic.body import SEGMENTS, SHAPE_STD, Bodies, bend_arm
from datasets.synthetic.postures import POSTURES
from utils.skeleton import INDEX

SIDES = (("right", 1.0), ("left", -1.0))


@pytest.fixture(scope="module")
def bodies():
    return Bodies().sample(20_000, torch.Generator().manual_seed(0))


def joint(pose, name):
    return pose[..., INDEX[name], :]


def length(pose, one, other):
    return (joint(pose, one) - joint(pose, other)).norm(dim=-1)


def doing(bodies, *names):
    poses, posture = bodies
    return poses[torch.isin(posture, torch.tensor([list(POSTURES).index(name) for name in names]))]


def test_every_posture_appears_as_often_as_its_weight_says(bodies):
    frequency = torch.bincount(bodies[1], minlength=len(POSTURES)) / len(bodies[1])
    wanted = torch.tensor([posture.weight for posture in POSTURES.values()])
    assert (frequency - wanted / wanted.sum()).abs().max() < 0.01


def test_bones_have_published_lengths(bodies):
    poses = bodies[0]
    thigh = length(poses, "right_hip", "right_knee")
    assert thigh.mean() == pytest.approx(1700 * SEGMENTS["thigh"], rel=0.01)
    for one, other, segment in (("right_knee", "right_foot", "shank"), ("left_elbow", "left_wrist", "forearm")):
        ratio = length(poses, one, other) / thigh * SEGMENTS["thigh"] / SEGMENTS[segment]
        assert ratio.min() > (1 - 2.5 * SHAPE_STD) / (1 + 2.5 * SHAPE_STD) - 1e-3
        assert ratio.max() < (1 + 2.5 * SHAPE_STD) / (1 - 2.5 * SHAPE_STD) + 1e-3
    for bone in (("hip", "knee"), ("knee", "foot"), ("shoulder", "elbow"), ("elbow", "wrist")):
        right, left = (length(poses, *(f"{side}_{name}" for name in bone)) for side in ("right", "left"))
        torch.testing.assert_close(right, left, rtol=1e-3, atol=0.1)


def test_joints_are_human36m_s(bodies):
    poses = doing(bodies, "standing")
    torso = length(poses, "hip", "spine") + length(poses, "spine", "thorax")
    assert (length(poses, "hip", "spine") / torso).median() == pytest.approx(0.485, abs=0.005)
    assert (length(poses, "right_hip", "left_hip") / torso).median() == pytest.approx(0.54, abs=0.02)
    assert (length(poses, "thorax", "head") / torso).median() == pytest.approx(0.37, abs=0.02)
    # The neck point lies in front of the line from thorax to head.
    middle = (joint(poses, "thorax") + joint(poses, "head")) / 2
    assert ((joint(poses, "neck") - middle)[:, 2] > 0).float().mean() > 0.95


def test_left_is_left(bodies):
    poses = bodies[0]
    across = joint(poses, "right_hip") - joint(poses, "left_hip")
    up = joint(poses, "spine") - joint(poses, "hip")
    neck = joint(poses, "neck") - (joint(poses, "thorax") + joint(poses, "head")) / 2
    # x right, y down, z forward is right-handed: right x up = right x (-down) = -forward.
    facing_away = -torch.linalg.cross(across, up)
    assert ((facing_away * neck).sum(dim=-1) > 0).float().mean() > 0.97
    standing = doing(bodies, "standing", "walking")
    assert (joint(standing, "left_shoulder")[:, 0] < joint(standing, "right_shoulder")[:, 0]).float().mean() > 0.99


def test_joints_keep_their_range_of_motion(bodies):
    poses = bodies[0]
    for side, sign in SIDES:
        hip, knee, foot = (joint(poses, f"{side}_{name}") for name in ("hip", "knee", "foot"))
        cosine = torch.nn.functional.cosine_similarity(knee - hip, foot - knee, dim=-1)
        assert cosine.min() > math.cos(math.radians(156))
        shoulder, elbow, wrist = (joint(poses, f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        cosine = torch.nn.functional.cosine_similarity(elbow - shoulder, wrist - elbow, dim=-1)
        assert cosine.min() > math.cos(math.radians(151))
        # In front of an upright chest, elbows hang below or stand outside the line from shoulder to wrist.
        upright = joint(poses, "thorax")[:, 1] < -0.97 * joint(poses, "thorax").norm(dim=-1)
        outward_down = torch.tensor([sign, 1.0, 0.0])
        offset = ((elbow - (shoulder + wrist) / 2) * outward_down).sum(dim=-1)
        assert (offset[upright] > -30).float().mean() > 0.97


def test_knees_bend_backward_only(bodies):
    poses = doing(bodies, "standing", "walking", "squatting", "kneeling", "sitting")
    for side in ("right", "left"):
        hip, knee, foot = (joint(poses, f"{side}_{name}") for name in ("hip", "knee", "foot"))
        # With the knee in front of the line from hip to foot, the shank is bent backward.
        line = (foot - hip) / (foot - hip).norm(dim=-1, keepdim=True)
        kneecap = (knee - hip) - ((knee - hip) * line).sum(dim=-1, keepdim=True) * line
        bent = kneecap.norm(dim=-1) > 40
        assert (kneecap[bent][:, 2] > -20).float().mean() > 0.97


def test_people_who_stand_have_their_feet_below_and_their_head_above(bodies):
    poses = doing(bodies, "standing", "walking")
    for side in ("right", "left"):
        feet = joint(poses, f"{side}_foot")[:, 1]
        assert feet.min() > 100 and (feet > 500).float().mean() > 0.99
    assert joint(poses, "head")[:, 1].max() < -300


def test_arms_reach_their_place_or_stop_short():
    wrist = torch.tensor([[0.0, 0.9, 0.1], [0.1, -0.7, 0.3], [0.0, 0.0, 3.0], [0.0, 0.01, 0.01]])
    upper = torch.full((4, 1), 0.54)
    elbow, reached = bend_arm(wrist, upper, torch.zeros(4, 3))
    torch.testing.assert_close(reached[:2], wrist[:2])
    assert reached.norm(dim=-1).max() <= 0.9951
    torch.testing.assert_close(elbow.norm(dim=-1, keepdim=True), upper)
    torch.testing.assert_close((reached - elbow).norm(dim=-1, keepdim=True), 1 - upper)
