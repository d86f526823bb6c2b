import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from samples_mpii import make_people, write_annotations, write_hrnet, write_matrix
from scipy.io import savemat

from datasets.mpii import load_mpii
from utils.skeleton import INDEX, JOINTS, SOURCES, joint_weights


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("POSE_CACHE_DIR", str(folder))
    return folder


def test_rows_become_poses_with_the_joints_of_human36m(tmp_path):
    people = make_people(5, 17).astype(np.float32)
    np.save(tmp_path / "mpii_poses.npy", people.reshape(5, 34))
    poses = load_mpii(tmp_path)
    np.testing.assert_allclose(poses.poses_px["gt"], joint_weights("mpii_17") @ people, rtol=1e-4)
    assert poses.poses_px["gt"].dtype == torch.float32 and poses.left_out == 0
    assert poses.poses_cam_mm is None and "5 people" in poses.name
    raw = load_mpii(tmp_path / "mpii_poses.npy", joint_definitions="raw")
    np.testing.assert_array_equal(raw.poses_px["gt"], people)


@pytest.mark.parametrize("joint_definitions", ["h36m", "raw"])
def test_the_official_file(joint_definitions, tmp_path):
    people = make_people(4, 16)
    write_matrix(tmp_path / "mpii_human_pose_v1_u12_2" / "mpii_human_pose_v1_u12_1.mat", people)
    poses = load_mpii(tmp_path, joint_definitions)
    expected = joint_weights("mpii_16", raw=joint_definitions == "raw") @ people[:2]
    np.testing.assert_allclose(poses.poses_px["gt"], expected, rtol=1e-4)
    assert poses.left_out == 1


def test_the_shared_annotations(tmp_path):
    people = make_people(4, 16)
    write_annotations(tmp_path / "mpii_annotations.json", people)
    poses = load_mpii(tmp_path)
    np.testing.assert_allclose(poses.poses_px["gt"], joint_weights("mpii_16") @ people[:2], rtol=1e-4)
    assert poses.left_out == 2


@pytest.mark.parametrize("missing", [(-1.0, -1.0), (0.0, 0.0), (float("nan"), 5.0)])
@pytest.mark.parametrize("with_visibility", [True, False])
def test_annotations_of_hrnet_and_mmpose(missing, with_visibility, tmp_path):
    people = make_people(4, 16)
    people[2, 9], people[3, 1] = missing, missing
    write_hrnet(tmp_path / "mpii_annotations.json", people, with_visibility)
    poses = load_mpii(tmp_path)
    np.testing.assert_allclose(poses.poses_px["gt"], joint_weights("mpii_16") @ people[:2], rtol=1e-4)
    assert poses.left_out == 2


def test_a_joint_that_is_not_annotated_counts_as_missing_whatever_its_numbers(tmp_path):
    people = make_people(3, 16)
    write_hrnet(tmp_path / "mpii_annotations.json", people, unseen=(1, 9))
    assert len(load_mpii(tmp_path)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"joints": None}, {"joints": []}, {"joints": "x"}, {"joints": [[1, 2]] * 17},
        {"joints": [[1, 2], [3]]}, {"joints": [[1, 2]] * 16, "joints_vis": [1]},
        {"joints": [[1, 2]] * 16, "joints_vis": None}, {"joint_self": 5},
    ],
)  # fmt: skip
def test_one_bad_record_is_left_out_and_counted(bad, tmp_path):
    path = tmp_path / "mpii_annotations.json"
    path.write_text(json.dumps([{"joints": make_people(1, 16)[0].tolist()}, bad]))
    poses = load_mpii(tmp_path)
    assert len(poses) == 1 and poses.left_out == 1


@pytest.mark.parametrize("name", ["MPII_POSES.NPY", "mpii_human_pose_v1_u12_1.MAT", "mpii_annotations.JSON"])
def test_upper_case_suffixes(name, tmp_path):
    people = make_people(4, 16)
    if name.endswith("NPY"):
        with (tmp_path / name).open("wb") as file:
            np.save(file, make_people(2, 17).reshape(2, 34))
    elif name.endswith("MAT"):
        write_matrix(tmp_path / "a.mat", people)
        (tmp_path / "a.mat").rename(tmp_path / name)
    else:
        write_annotations(tmp_path / name, people)
    assert len(load_mpii(tmp_path)) == 2


def test_raw_joints_are_the_annotated_points_by_name(tmp_path):
    people = make_people(1, 16)
    write_annotations(tmp_path / "mpii_annotations.json", np.repeat(people, 4, axis=0))
    pose = load_mpii(tmp_path, "raw").poses_px["gt"][0]
    number = SOURCES["mpii_16"].index
    for joint, point in {"left_wrist": "left_wrist", "right_foot": "right_ankle", "hip": "pelvis"}.items():
        np.testing.assert_allclose(pose[INDEX[joint]], people[0, number(point)], rtol=1e-6)
    assert len(pose) == len(JOINTS)


def test_files_are_taken_in_order_and_parsed_once(tmp_path, cache_dir):
    people = make_people(4, 16)
    write_annotations(tmp_path / "mpii_annotations.json", people)
    assert "json" in load_mpii(tmp_path).name
    write_matrix(tmp_path / "mpii_human_pose_v1_u12_1.mat", people)
    assert "mat" in load_mpii(tmp_path).name
    assert "mat" in load_mpii(tmp_path).name
    assert len(list(cache_dir.iterdir())) == 1
    np.save(tmp_path / "mpii_poses.npy", make_people(3, 17).reshape(3, 34))
    assert "npy" in load_mpii(tmp_path).name
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".mat", ".npy"}


def test_unusable_people_are_left_out_and_counted(tmp_path):
    people = make_people(6, 17)
    people[0, 3] = 0
    people[1, 3, 0] = np.nan
    people[2, 3, 1] = np.inf
    people[3] = people[3, :1]
    people[4, 3, 0] = 0
    np.save(tmp_path / "mpii_poses.npy", people.reshape(6, 34))
    poses = load_mpii(tmp_path)
    assert len(poses) == 2 and poses.left_out == 4
    np.save(tmp_path / "mpii_poses.npy", people[:4].reshape(4, 34))
    with pytest.raises(ValueError, match="no person with all the points"):
        load_mpii(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mpii_poses.npy", b"", "is empty"),
        ("mpii_poses.npy", b"12 13 14", "cannot be read as .npy"),
        ("mpii_poses.npy", np.zeros((3, 32)), "has shape .* wanted is"),
        ("mpii_poses.npy", np.zeros((0, 34)), "no person"),
        ("mpii_poses.npy", np.array([["a"] * 34]), "not an even table of numbers"),
        ("mpii_human_pose_v1_u12_1.mat", b"", "is empty"),
        ("mpii_human_pose_v1_u12_1.mat", b"MATLAB 5.0 MAT-file" * 20, "cannot be read as MATLAB"),
        ("mpii_annotations.json", b"[{", "cannot be read as JSON"),
        ("mpii_annotations.json", b"[1, 2]", "of no layout that is known"),
        ("mpii_annotations.json", b'[{"joint_self": [["a", 1, 1]]}]', "not an even table of numbers"),
        ("mpii_annotations.json", json.dumps([{"joint_self": [[1, 1, 1]] * 17}]).encode(), "17 points a person"),
        ("mpii_annotations.json", b'[{"joints": [[1, 1]], "joints_vis": [1, 1]}]', "1 points, but 2 scores"),
        ("mpii_annotations.json", b'[{"image": "a.jpg", "center": [1, 2]}]', "of no layout that is known"),
    ],
)
def test_bad_files_are_named_in_one_sentence(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(ValueError, match=message) as error:
        load_mpii(tmp_path)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_a_truncated_official_file_is_named(tmp_path):
    path = tmp_path / "mpii_human_pose_v1_u12_1.mat"
    write_matrix(path, make_people(4, 16))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="cannot be read as MATLAB"):
        load_mpii(tmp_path)
    for content, message in (({"SOMETHING": 1}, "no 'RELEASE'"), ({"RELEASE": 1}, "not MPII's annotation file")):
        savemat(path, content)
        with pytest.raises(ValueError, match=message):
            load_mpii(tmp_path)


def test_nothing_there_and_unknown_definitions(tmp_path):
    with pytest.raises(ValueError, match=r"no mpii_poses\.npy.* in .*absent"):
        load_mpii(tmp_path / "absent")
    np.save(tmp_path / "mpii_poses.npy", make_people(3, 17).reshape(3, 34))
    with pytest.raises(ValueError, match="unknown joint definitions 'coco'; known: h36m, raw"):
        load_mpii(tmp_path, "coco")


@pytest.mark.real_data
@pytest.mark.skipif(
    not (Path(os.environ.get("POSE_DATA_DIR", "")) / "mpii_poses.npy").is_file(),
    reason="needs MPII in POSE_DATA_DIR/mpii_poses.npy",
)
def test_mpii_has_everybody_and_joints_near_human36m():
    poses = load_mpii(os.environ["POSE_DATA_DIR"])
    assert len(poses) == 19_919 and poses.left_out == 0
    pose = poses.poses_px["gt"]
    torso = (pose[:, INDEX["thorax"]] - pose[:, INDEX["hip"]]).norm(dim=-1)
    head = (pose[:, INDEX["head"]] - pose[:, INDEX["thorax"]]).norm(dim=-1)
    hips = (pose[:, INDEX["left_hip"]] - pose[:, INDEX["right_hip"]]).norm(dim=-1)
    assert (head / torso).median() == pytest.approx(0.39, abs=0.03)
    assert (hips / torso).median() == pytest.approx(0.45, abs=0.04)
