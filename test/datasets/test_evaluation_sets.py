"""Files of 2D and 3D poses in the layouts that `--val_data FILE` takes."""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.evaluation_layouts import HUMANEVA_CAMERAS, HUMANEVA_JOINTS, MPI_INF_3DHP_JOINTS
from datasets.evaluation_sets import load_evaluation_set
from datasets.loading import load_validation
from utils.anthropometry import standing_pose
from utils.config import DataConfig
from utils.evaluation.protocol import evaluate
from utils.skeleton import INDEX, JOINTS, SOURCES, joint_weights

INTRINSICS_PX = np.array([1000.0, 1010.0, 500.0, 510.0])


def project(points_mm, intrinsics_px=INTRINSICS_PX):
    return points_mm[..., :2] / points_mm[..., 2:] * intrinsics_px[:2] + intrinsics_px[2:]


@pytest.fixture
def poses_mm():
    """Twelve people of different postures, 4 m away."""
    rest = 300 * np.asarray(standing_pose(), dtype=float)
    return rest + np.random.default_rng(0).normal(0, 60, (12, 17, 3)) + [200, -100, 4000]


@pytest.fixture
def own(poses_mm, tmp_path):
    """Writes our own layout, with changes; None leaves an array out."""

    def write(**changes):
        arrays = {"poses_2d_px": project(poses_mm), "poses_3d_mm": poses_mm, **changes}
        path = tmp_path / "poses.npz"
        np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
        return path

    return write


def test_two_arrays_suffice(own, poses_mm):
    poses = load_evaluation_set(own())
    np.testing.assert_allclose(poses.poses_cam_mm, poses_mm, rtol=1e-5)
    np.testing.assert_allclose(poses.poses_px["gt"], project(poses_mm), rtol=1e-5)
    assert poses.intrinsics_px is None and poses.actions is None and poses.scored is None
    assert (poses.name, poses.left_out) == ("poses.npz: 12 poses", 0)


def test_everything_that_a_file_may_have(own, poses_mm):
    points = np.random.default_rng(1).normal(500, 100, (12, 17, 2))
    points[3, SOURCES["coco_17"].index("left_knee")] = np.nan
    path = own(intrinsics_px=INTRINSICS_PX, actions=np.array(["Run", "Jump"] * 6), detected_2d_px=points,
               detected_skeleton="coco_17")  # fmt: skip
    poses = load_validation(DataConfig(val_data=str(path), val_stride=3))
    assert poses.action_names == ("Jump", "Run") and poses.actions.tolist() == [1, 0, 1, 0]
    assert poses.intrinsics_px.shape == (4, 4)
    detected = poses.poses_px["detected"]
    np.testing.assert_allclose(detected[0], joint_weights("coco_17") @ points[0], rtol=1e-5)
    assert torch.isnan(detected[1]).any() and not torch.isnan(detected[[0, 2, 3]]).any()


def test_joints_in_another_order_and_points_that_are_not_ours(own, poses_mm):
    names = [*reversed(JOINTS), "left_big_toe"]
    points_mm = np.concatenate([poses_mm[:, ::-1], np.full((12, 1, 3), np.nan)], axis=1)
    poses = load_evaluation_set(own(poses_2d_px=project(points_mm), poses_3d_mm=points_mm, joints=np.array(names)))
    np.testing.assert_allclose(poses.poses_cam_mm, poses_mm, rtol=1e-5)


def test_lacking_joints_are_filled_for_the_lifter_and_not_scored(own, poses_mm):
    lacking = ("hip", "spine", "thorax", "head")
    names = [name for name in JOINTS if name not in lacking]
    points_mm = poses_mm[:, [INDEX[name] for name in names]]
    poses = load_evaluation_set(own(poses_2d_px=project(points_mm), poses_3d_mm=points_mm, joints=np.array(names)))
    assert poses.scored == tuple(INDEX[name] for name in names)
    assert poses.name.endswith("13 of 17 joints scored")
    hips = poses_mm[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=1)
    np.testing.assert_allclose(poses.poses_cam_mm[:, INDEX["hip"]], hips, rtol=1e-5)

    def lift_truth(poses_px, intrinsics_px, confidence):
        lifted = poses.poses_cam_mm.clone()
        lifted[:, [INDEX["spine"], INDEX["head"]]] += 500
        return lifted

    assert evaluate(lift_truth, poses)["inputs"]["gt"]["n_mpjpe"] < 0.1


def test_incomplete_poses_are_counted(own, poses_mm):
    spoilt_mm, spoilt_px = poses_mm.copy(), project(poses_mm)
    spoilt_mm[1, 3], spoilt_px[2, 4] = np.nan, np.nan
    poses = load_evaluation_set(own(poses_2d_px=spoilt_px, poses_3d_mm=spoilt_mm))
    assert (len(poses), poses.left_out) == (10, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses_3d_mm": None}, "no 'poses_3d_mm'"),
        ({"poses_2d_px": None}, "none of the arrays"),
        ({"poses_2d_px": np.ones((12, 16, 2))}, "instead of any x 17 x 2"),
        ({"poses_3d_mm": np.ones((11, 17, 3))}, "instead of 12 x 17 x 3"),
        ({"poses_3d_mm": np.full((12, 17, 3), "far")}, "not an even table of numbers"),
        ({"intrinsics_px": np.zeros(4)}, "must be fx, fy, cx, cy"),
        ({"intrinsics_px": np.ones((3, 3))}, "instead of 12 x 4"),
        ({"actions": np.array(["Run"])}, "1 names for 12 poses"),
        ({"actions": np.arange(12)}, "array of text"),
        ({"joints": np.array([*JOINTS[:-1], "tail"])}, "no joint right_wrist"),
        ({"joints": np.array([*JOINTS[:-1], "hip"])}, "names a joint twice"),
        ({"detected_2d_px": np.ones((12, 17, 2)), "detected_skeleton": "fish"}, "unknown skeleton 'fish'"),
        ({"poses_2d_px": np.full((12, 17, 2), np.nan)}, r"no pose whose joints are all there \(12 incomplete\)"),
        ({"actions": np.array([{"a": print}], dtype=object)}, "never run"),
    ],
)
def test_what_is_wrong_is_one_sentence(own, changes, words):
    path = own(**changes)
    with pytest.raises(ValueError, match=words) as raised:
        load_evaluation_set(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_metres_and_other_axes_are_refused(own, poses_mm):
    with pytest.raises(ValueError, match="millimetres"):
        load_evaluation_set(own(poses_3d_mm=poses_mm / 1000))
    with pytest.raises(ValueError, match="y does not point down"):
        load_evaluation_set(own(poses_3d_mm=poses_mm * [1, -1, 1]))
    with pytest.raises(ValueError, match="x does not point right"):
        load_evaluation_set(own(poses_3d_mm=poses_mm * [-1, 1, 1]))


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match="neither h36m, synthetic nor an existing file"):
        load_validation(DataConfig(val_data="nowhere.npz"))


def quaternion_matrix(w, x, y, z):
    """From the textbook, as a second computation."""
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


@pytest.fixture
def humaneva(tmp_path, poses_mm):
    """VideoPose3D's two files: people in the world's metres, z up, and what the three cameras see."""
    standing = poses_mm - poses_mm[:, :1]
    world_mm = np.stack([standing[..., 0], standing[..., 2], 900 - standing[..., 1]], axis=-1)
    world_mm = world_mm[:, [INDEX[name] for name in HUMANEVA_JOINTS]]
    positions, points = {}, {}
    for subject, cameras in HUMANEVA_CAMERAS.items():
        name = "Walking 1 chunk0" if subject.endswith("1") else "Jog 1 chunk2"
        cam_mm = [(world_mm - place_mm) @ quaternion_matrix(*turn) for turn, place_mm in cameras]
        positions[subject] = {name: (world_mm / 1000).astype(np.float32)}
        points[subject] = {name: [project(view).astype(np.float32) for view in cam_mm]}
    positions["Train/S1"] = points["Train/S1"] = {}
    np.savez_compressed(tmp_path / "data_3d_humaneva15.npz", positions_3d=positions)
    np.savez_compressed(tmp_path / "data_2d_humaneva15_gt.npz", positions_2d=points, metadata={"num_joints": 15})
    return tmp_path / "data_3d_humaneva15.npz"


def test_humaneva_as_videopose3d_prepares_it(humaneva):
    poses = load_evaluation_set(humaneva)
    assert len(poses) == 3 * 3 * 12 and poses.action_names == ("Jog", "Walking") and len(poses.scored) == 15
    assert not {INDEX["spine"], INDEX["neck"]} & set(poses.scored)
    own_joints = list(poses.scored)
    reprojected = project(poses.poses_cam_mm[:, own_joints].double().numpy())
    np.testing.assert_allclose(poses.poses_px["gt"][:, own_joints], reprojected, atol=0.05)
    # Upright people: the head is above the feet, and y points down.
    assert (poses.poses_cam_mm[:, INDEX["head"], 1] < poses.poses_cam_mm[:, INDEX["left_foot"], 1]).all()


def test_humaneva_without_its_2d_file_is_named(humaneva):
    humaneva.with_name("data_2d_humaneva15_gt.npz").unlink()
    with pytest.raises(ValueError, match=r"data_2d_humaneva15_gt.npz is not there"):
        load_evaluation_set(humaneva)


def test_mpi_inf_3dhp_as_p_stmo_prepares_it(tmp_path, poses_mm):
    points_mm = poses_mm[:, [INDEX[name] for name in MPI_INF_3DHP_JOINTS]].astype(np.float32)
    valid = np.ones(12)
    valid[:5] = 0
    sequences = {name: {"data_2d": project(points_mm), "data_3d": points_mm, "valid": valid} for name in ("TS1", "TS6")}
    np.savez_compressed(tmp_path / "data_test_3dhp.npz", data=sequences)
    poses = load_evaluation_set(tmp_path / "data_test_3dhp.npz")
    assert (len(poses), poses.left_out, poses.scored) == (14, 10, None)
    np.testing.assert_allclose(poses.poses_cam_mm[:7], poses_mm[5:], rtol=1e-5)
    assert poses.action_names == ("TS1", "TS6") and poses.intrinsics_px[0, 0] < poses.intrinsics_px[-1, 0]
    del sequences["TS1"]["valid"]
    np.savez_compressed(tmp_path / "data_test_3dhp.npz", data=sequences)
    with pytest.raises(ValueError, match="'valid' of TS1"):
        load_evaluation_set(tmp_path / "data_test_3dhp.npz")


def test_the_documented_way_to_convert_3dpw(tmp_path, monkeypatch, poses_mm):
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    smpl = {"left_hip": 1, "right_hip": 2, "left_knee": 4, "right_foot": 8, "thorax": 12, "right_wrist": 21}
    names = {"left_knee": 4, "right_knee": 5, "left_foot": 7, "neck": 15, "left_shoulder": 16, "right_shoulder": 17,
             "left_elbow": 18, "right_elbow": 19, "left_wrist": 20, **smpl}  # fmt: skip
    turn = quaternion_matrix(0.5, -0.5, 0.5, 0.5)
    world = np.zeros((12, 24, 3))
    for name, number in names.items():
        world[:, number] = (poses_mm[:, INDEX[name]] / 1000 - [0, 1, 2]) @ turn
    pose = np.tile(np.eye(4), (12, 1, 1))
    pose[:, :3, :3], pose[:, :3, 3] = turn, [0, 1, 2]
    sequence = {
        "sequence": "downtown_walk_00",
        "genders": ["m"],
        "jointPositions": [world.reshape(12, 72)],
        "campose_valid": [np.array([1] * 9 + [0] * 3)],
        "cam_poses": pose,
        "cam_intrinsics": np.array([[1000.0, 0, 500], [0, 1010, 510], [0, 0, 1]]),
    }
    folder = tmp_path / "sequenceFiles" / "test"
    folder.mkdir(parents=True)
    (folder / "downtown_walk_00.pkl").write_bytes(pickle.dumps(sequence, protocol=2))
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    poses = load_evaluation_set(tmp_path / "3dpw_test.npz")
    assert len(poses) == 9 and poses.action_names == ("downtown_walk_00",) and len(poses.scored) == 14
    scored = list(poses.scored)
    np.testing.assert_allclose(poses.poses_cam_mm[:, scored], poses_mm[:9, scored], rtol=1e-4)
    np.testing.assert_allclose(poses.poses_px["gt"][:, scored], project(poses_mm)[:9, scored], rtol=1e-4)
