import numpy as np
import pytest
from samples_motions import RATE, on_the_floor_m, track, walker, walking

from utils.export3d.bvh import write_bvh
from utils.export3d.motion import motion_of
from utils.export3d.nodes import NODE_JOINTS, NODES, is_end
from utils.skeleton import INDEX

bvhio = pytest.importorskip("bvhio", reason="needs bvhio, which reads BVH")


@pytest.fixture
def motion():
    return walker(30, height_m=1.8)


@pytest.fixture
def path(motion, tmp_path):
    write_bvh(tmp_path / "pose.bvh", motion)
    return tmp_path / "pose.bvh"


def test_another_reader_finds_every_joint_where_it_was(path):
    hips, joints_m = bvhio.readAsHierarchy(str(path)), on_the_floor_m(walking(30))
    for frame in (0, 7, 29):
        hips.loadPose(frame)
        found = {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in hips.layout()}
        for node, joint in zip(NODES, NODE_JOINTS, strict=True):
            if joint and not is_end(node):
                assert found[node] / 100 == pytest.approx(joints_m[frame, INDEX[joint]], abs=5e-3), node


def test_names_rate_and_length(path, motion):
    file = bvhio.readAsBvh(str(path))
    assert file.FrameCount == 30
    assert file.FrameTime == pytest.approx(1 / RATE)
    assert [joint.Name for joint, _, _ in file.Root.layout()][:4] == ["Hips", "Spine", "Spine1", "Neck"]
    assert {joint.Name for joint, _, _ in file.Root.layout()} == {name for name in NODES if not is_end(name)}
    assert file.Root.Channels == ["Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation"]


def test_at_rest_it_is_a_t_pose_in_centimetres(path, motion):
    file = bvhio.readAsBvh(str(path))
    offsets = {joint.Name: np.array(joint.Offset) for joint, _, _ in file.Root.layout()}
    for node, offset in zip(NODES, motion.rig.offsets_m, strict=True):
        if not is_end(node):
            assert offsets[node] == pytest.approx(100 * offset, abs=1e-3)
    assert offsets["LeftForeArm"][0] > 25 and offsets["RightForeArm"][0] < -25
    ends = {joint.Name: np.array(joint.EndSite) for joint, _, _ in file.Root.layout() if not joint.Children}
    assert set(ends) == {"Head", "LeftHand", "RightHand", "LeftFoot", "RightFoot"}
    assert ends["LeftFoot"][2] > 10, "toes point to +Z"


def test_angles_do_not_jump_by_whole_turns(tmp_path):
    spinning = np.concatenate([walking(1, turned_deg) for turned_deg in range(0, 720, 10)])
    write_bvh(tmp_path / "spin.bvh", motion_of(track(spinning), RATE, 1.8))
    rows = (tmp_path / "spin.bvh").read_text().split("Frame Time")[1].splitlines()[1:]
    hips_y = np.array([float(row.split()[5]) for row in rows])
    assert np.abs(np.diff(hips_y)).max() < 15
    assert abs(hips_y[-1] - hips_y[0]) == pytest.approx(710, abs=2)
