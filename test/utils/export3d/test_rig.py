import numpy as np
import pytest
from samples_motions import RATE, SHANK, THIGH, on_the_floor_m, track, walker, walking
from scipy.spatial.transform import Rotation

from utils.anthropometry import ANKLE_HEIGHT
from utils.export3d import rig as rig_module
from utils.export3d.body import HEAD_ABOVE_ANKLES, equalise, places
from utils.export3d.motion import motion_of
from utils.export3d.nodes import NODE_NUMBER, NODE_OF_JOINT, NODE_PARENTS, NODES
from utils.export3d.rig import TURNING, fit_rig
from utils.export3d.turns import turns_along_bones
from utils.skeleton import INDEX, MIRROR, ROOT

KINDS = ("Arm", "Hand", "UpLeg", "Leg", "Foot", "Toe_End")


def chained(rig):
    """Where the nodes are (T, N, 3), from rotations in the parents alone."""
    turns, found = {}, {}
    for node, parent in enumerate(NODE_PARENTS):
        turn = Rotation.from_quat(rig.rotations[:, node])
        turns[node] = turn if parent < 0 else turns[parent] * turn
        found[node] = rig.hips_m if parent < 0 else found[parent] + turns[parent].apply(rig.offsets_m[node])
    return np.stack([found[node] for node in range(len(NODES))], axis=1)


def other_side(name):
    left, right = name.startswith("Left"), name.startswith("Right")
    return "Right" + name[4:] if left else "Left" + name[5:] if right else name


def angles_deg(rig, node):
    """Euler angles X, Y, Z (T, 3) of a node in its parent."""
    return Rotation.from_quat(rig.rotations[:, NODE_NUMBER[node]]).as_euler("XYZ", degrees=True)


def test_a_rigid_person_is_followed_exactly():
    rig = walker().rig
    assert rig.error_percent < 0.1
    assert chained(rig)[:, NODE_OF_JOINT] == pytest.approx(on_the_floor_m(walking()), abs=5e-3)


def test_the_skeleton_is_this_persons_in_a_t_pose():
    rest = places(walker(height_m=1.8).rig.offsets_m)
    left, right = ({kind: rest[NODE_NUMBER[side + kind]] for kind in KINDS} for side in ("Left", "Right"))
    assert left["Leg"] - left["UpLeg"] == pytest.approx([0, -1.8 * THIGH, 0], abs=3e-3)
    assert left["Foot"] - left["Leg"] == pytest.approx([0, -1.8 * SHANK, 0], abs=3e-3)
    assert left["Hand"][0] > left["Arm"][0] > 0 > right["Arm"][0] > right["Hand"][0]
    assert left["Hand"][1:] == pytest.approx(left["Arm"][1:])
    assert all(right[kind] == pytest.approx(left[kind] * [-1, 1, 1]) for kind in left)
    height = rest[NODE_NUMBER["HeadTop_End"], 1] - rest[NODE_NUMBER["LeftFoot"], 1]
    assert height == pytest.approx(1.8 * HEAD_ABOVE_ANKLES)
    assert left["Toe_End"][2] > left["Foot"][2], "it faces +Z"
    assert left["Toe_End"][1] == pytest.approx(left["Foot"][1] - 1.8 * ANKLE_HEIGHT), "flat on the floor"


def test_each_frames_size_does_not_matter():
    sizes = np.random.default_rng(0).uniform(0.7, 1.4, (50, 1, 1))
    plain, wavering = walker().rig, motion_of(track(walking() * sizes), RATE, 1.8).rig
    assert wavering.joints_m == pytest.approx(plain.joints_m, abs=1e-6)


def test_wavering_bones_are_followed_as_nearly_as_can_be():
    noise = np.random.default_rng(0).normal(0, 0.02, (50, 17, 3))
    noise[:, ROOT] = 0
    joints = equalise((walking() + noise) * [1, -1, -1])
    rig = fit_rig(joints, 1.8)
    unrefined = fit_rig_without_steps(joints)
    assert rig.error_percent < 0.75 * unrefined.error_percent
    places_m = chained(rig)[:, NODE_OF_JOINT]
    off = places_m - places_m[:, :1] - (rig.joints_m - rig.joints_m[:, :1])
    distance = np.linalg.norm(rig.joints_m - rig.joints_m[:, :1], axis=-1).mean()
    assert rig.error_percent == pytest.approx(100 * np.linalg.norm(off, axis=-1).mean() / distance, rel=1e-6)
    thigh = [NODE_NUMBER["LeftUpLeg"], NODE_NUMBER["LeftLeg"]]
    lengths = np.linalg.norm(np.diff(chained(rig)[:, thigh], axis=1), axis=-1)
    assert np.ptp(lengths) < 1e-9


def fit_rig_without_steps(joints):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rig_module, "STEPS", 0)
        return fit_rig(joints, 1.8)


@pytest.mark.parametrize("turned_deg", [0, 50, 90, 180])
def test_knees_and_elbows_are_hinges(turned_deg):
    rig = motion_of(track(walking(turned_deg=turned_deg)), RATE, 1.8).rig
    knee, elbow = angles_deg(rig, "LeftLeg"), angles_deg(rig, "LeftForeArm")
    assert (knee[:, 0] > -1).all(), "knees bend backwards"
    assert np.abs(knee[:, 1:]).max() < 1
    assert elbow == pytest.approx(np.tile([0, -60, 0], (50, 1)), abs=2)
    assert angles_deg(rig, "RightForeArm") == pytest.approx(np.tile([0, 20, 0], (50, 1)), abs=4), "straight"
    facing = Rotation.from_quat(rig.rotations[0, 0]).apply([0, 0, 1])
    radians = np.radians(turned_deg)
    assert facing == pytest.approx([-np.sin(radians), 0, np.cos(radians)], abs=0.02)


def test_left_stays_left_and_a_mirrored_person_gets_the_mirrored_rig():
    poses = walking()
    mirrored = poses[:, list(MIRROR)] * [-1, 1, 1]
    rig, other = walker().rig, motion_of(track(mirrored), RATE, 1.8).rig
    assert other.offsets_m == pytest.approx(rig.offsets_m, abs=1e-9)
    opposite = [NODE_NUMBER[other_side(name)] for name in NODES]
    assert chained(other) == pytest.approx(chained(rig)[:, opposite] * [-1, 1, 1], abs=1e-9)
    assert rig.joints_m[:, INDEX["left_hip"], 0].min() > 0


def test_the_lower_foot_stands_on_the_floor_and_feet_are_level():
    rig = walker().rig
    nodes = chained(rig)
    ankles = nodes[:, [NODE_NUMBER["LeftFoot"], NODE_NUMBER["RightFoot"]], 1]
    assert ankles.min(axis=1) == pytest.approx(np.full(50, 1.8 * ANKLE_HEIGHT))
    toes = nodes[:, [NODE_NUMBER["LeftToe_End"], NODE_NUMBER["RightToe_End"]], 1]
    assert toes.min() > -0.02
    assert rig.hips_m[:, [0, 2]] == pytest.approx(np.zeros((50, 2)))


def test_quaternions_do_not_jump():
    turning = np.concatenate([walking(1, turned) for turned in range(0, 720, 10)])
    rotations = motion_of(track(turning), RATE, 1.8).rig.rotations
    assert np.abs(np.diff(rotations, axis=0)).max() < 0.2
    assert np.linalg.norm(rotations, axis=-1) == pytest.approx(np.ones(rotations.shape[:2]))


def test_long_motions_are_done_in_parts(monkeypatch):
    whole = walker().rig
    monkeypatch.setattr(rig_module, "FRAMES_AT_ONCE", 7)
    assert walker().rig.rotations == pytest.approx(whole.rotations, abs=1e-9)


def test_derivatives_are_those_of_the_joints():
    joints, offsets = walking(3) * [1, -1, -1], walker().rig.offsets_m
    turns = turns_along_bones(joints)
    step = np.random.default_rng(0).normal(0, 1e-5, (3, 1 + len(TURNING), 3))
    moved = turns.copy()
    change = Rotation.from_rotvec(step[:, 1:].reshape(-1, 3)).as_matrix().reshape(3, -1, 3, 3)
    moved[:, TURNING] = change @ turns[:, TURNING]
    before, after = (places(offsets, each)[:, NODE_OF_JOINT] for each in (turns, moved))
    shift = after + step[:, :1] - before
    expected = rig_module.derivatives(turns, offsets) @ step.reshape(3, -1, 1)
    assert shift.reshape(3, -1) == pytest.approx(expected[..., 0], abs=1e-9)
