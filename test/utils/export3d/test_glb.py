import struct

import numpy as np
import pytest
from samples_motions import RATE, on_the_floor_m, walker, walking
from scipy.spatial.transform import Rotation

from utils.drawing.poses import SIDE_RGB
from utils.export3d.body import places
from utils.export3d.glb import write_glb
from utils.export3d.mesh import body_mesh
from utils.export3d.nodes import NODE_NUMBER, NODE_OF_JOINT, NODES, children_of

pygltflib = pytest.importorskip("pygltflib", reason="needs pygltflib, which reads GLB")
KINDS = {5126: ("f", 4), 5121: ("B", 1), 5123: ("H", 2)}
SHAPES = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@pytest.fixture
def load(tmp_path):
    def write_and_load(motion):
        write_glb(tmp_path / "pose.glb", motion)
        return pygltflib.GLTF2().load_binary(str(tmp_path / "pose.glb"))

    return write_and_load


def array_of(file, number):
    """The numbers of an accessor (count, ...)."""
    accessor = file.accessors[number]
    view, (letter, size) = file.bufferViews[accessor.bufferView], KINDS[accessor.componentType]
    count = accessor.count * SHAPES[accessor.type]
    content = file.binary_blob()[view.byteOffset : view.byteOffset + count * size]
    return np.array(struct.unpack(f"<{count}{letter}", content)).reshape(accessor.count, -1)


def world(file, frame=None):
    """Matrices (N, 4, 4) of the nodes, as they stand in the file or at a frame of the animation."""
    moved = {}
    for channel in file.animations[0].channels if frame is not None else []:
        sampler = file.animations[0].samplers[channel.sampler]
        moved[channel.target.node, channel.target.path] = array_of(file, sampler.output)[frame]
    parents = {child: number for number, node in enumerate(file.nodes) for child in node.children or []}

    def matrix(number):
        node, local = file.nodes[number], np.eye(4)
        turn = moved.get((number, "rotation"), node.rotation or [0, 0, 0, 1])
        local[:3, :3] = Rotation.from_quat(turn).as_matrix()
        local[:3, 3] = moved.get((number, "translation"), node.translation or [0, 0, 0])
        return matrix(parents[number]) @ local if number in parents else local

    return np.stack([matrix(number) for number in range(len(file.nodes))])


def test_the_animation_puts_every_joint_where_it_was(load):
    file, joints_m = load(walker(30)), on_the_floor_m(walking(30))
    assert [node.name for node in file.nodes[: len(NODES)]] == list(NODES)
    for frame in (0, 11, 29):
        assert world(file, frame)[list(NODE_OF_JOINT), :3, 3] == pytest.approx(joints_m[frame], abs=5e-3)


def test_times_begin_when_the_person_comes(load):
    file = load(walker(30, start_s=2.0))
    sampler = file.animations[0].samplers[0]
    assert array_of(file, sampler.input)[:, 0] == pytest.approx(2.0 + np.arange(30) / RATE)
    assert file.accessors[sampler.input].min == [2.0]
    assert {item.interpolation for item in file.animations[0].samplers} == {"LINEAR"}


def test_at_rest_the_body_stands_in_a_t_pose_on_the_floor(load):
    file = load(walker(height_m=1.8))
    skin, nodes = file.skins[0], world(file)
    back = array_of(file, skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    assert nodes[skin.joints] @ back == pytest.approx(np.tile(np.eye(4), (len(NODES), 1, 1)), abs=1e-6)
    corners = np.concatenate([array_of(file, part.attributes.POSITION) for part in file.meshes[0].primitives])
    assert corners[:, 1].min() == pytest.approx(0, abs=0.03)
    assert np.ptp(corners[:, 1]) == pytest.approx(1.8, abs=0.05)
    left = nodes[NODE_NUMBER["LeftHand"], :3, 3]
    assert left[0] > 0.6 and left[2] == pytest.approx(0, abs=0.02)


def test_each_limb_moves_with_its_bone(load):
    file = load(walker())
    nodes = world(file)[:, :3, 3]
    for part in file.meshes[0].primitives:
        corners, joints, weights = (
            array_of(file, getattr(part.attributes, name)) for name in ("POSITION", "JOINTS_0", "WEIGHTS_0")
        )
        assert weights.tolist() == [[1, 0, 0, 0]] * len(weights)
        assert array_of(file, part.indices).max() < len(corners)
        for place, node in zip(corners[::5], joints[::5, 0].astype(int), strict=True):
            bones = [(nodes[node], nodes[child]) for child in children_of(node)]
            assert min(distance_to_line(place, *bone) for bone in bones) < 0.12


def distance_to_line(point, start, end):
    way = np.clip((point - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    return np.linalg.norm(start + way * (end - start) - point)


def test_left_limbs_are_blue(load):
    file = load(walker())
    left = file.meshes[0].primitives[list(SIDE_RGB).index("left")]
    red, _, blue, _ = file.materials[left.material].pbrMetallicRoughness.baseColorFactor
    assert blue > red
    assert array_of(file, left.attributes.POSITION)[:, 0].mean() > 0


def test_triangles_face_outwards():
    mesh = body_mesh(places(walker(1).rig.offsets_m), 1.8, "left")
    a, b, c = np.moveaxis(mesh.places[mesh.corners], 1, 0)
    outwards = (np.cross(b - a, c - a) * mesh.normals[mesh.corners].mean(axis=1)).sum(axis=-1)
    assert (outwards > 0).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(np.ones(len(mesh.normals)), abs=1e-6)


def test_a_picture_stands_in_its_pose(load):
    file = load(walker(1))
    assert not file.animations
    assert world(file)[list(NODE_OF_JOINT), :3, 3] == pytest.approx(on_the_floor_m(walking(1))[0], abs=5e-3)
