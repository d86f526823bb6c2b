import json

import numpy as np
import pytest
import torch
from samples_keypoints import make_points, openpose, rows

from datasets.keypoints import load_keypoints, points_to_joints
from utils.skeleton import SOURCES, joint_weights


def check(poses, points, skeleton, left_out=0):
    expected = joint_weights(skeleton) @ points[..., :2]
    np.testing.assert_allclose(poses.poses_px["gt"], expected, rtol=1e-4, atol=1e-2)
    assert poses.left_out == left_out and skeleton in poses.name


@pytest.mark.parametrize("shape", [(4, 34), (4, 17, 2)])
def test_npy_is_in_the_order_of_human36m(shape, tmp_path):
    points = make_points(4, "h36m_17")[..., :2]
    np.save(tmp_path / "poses.npy", points.reshape(shape))
    check(load_keypoints(tmp_path / "poses.npy"), points, "h36m_17")
    check(load_keypoints(tmp_path / "poses.npy", skeleton="mpii_17"), points, "mpii_17")


@pytest.mark.parametrize("skeleton", SOURCES)
def test_npz_states_its_skeleton(skeleton, tmp_path):
    points = make_points(3, skeleton)
    np.savez(tmp_path / "poses.npz", keypoints=points, skeleton=skeleton)
    check(load_keypoints(tmp_path / "poses.npz"), points, skeleton)


@pytest.mark.parametrize("skeleton", [name for name in SOURCES if not name.endswith("_17")])
def test_the_number_of_points_tells_the_skeleton(skeleton, tmp_path):
    points = make_points(12, skeleton)
    np.savez(tmp_path / "poses.npz", keypoints=points[..., :2])
    check(load_keypoints(tmp_path / "poses.npz"), points, skeleton)
    (tmp_path / "poses.json").write_text(json.dumps({"keypoints": points.tolist()}))
    check(load_keypoints(tmp_path / "poses.json"), points, skeleton)


def test_coco_annotations_and_results(tmp_path):
    points = make_points(3, "coco_17")
    points[..., 2] = [[2], [1], [0]]
    entries = [{"image_id": 1, "category_id": 1, "num_keypoints": 17, "keypoints": row} for row in rows(points)]
    entries.append({"image_id": 2, "bbox": [1, 2, 3, 4]})
    (tmp_path / "person_keypoints.json").write_text(json.dumps({"images": [], "annotations": entries}))
    check(load_keypoints(tmp_path / "person_keypoints.json"), points[:2], "coco_17", left_out=1)
    (tmp_path / "results.json").write_text(json.dumps(entries[:3]))
    check(load_keypoints(tmp_path / "results.json"), points[:2], "coco_17", left_out=1)


@pytest.mark.parametrize("skeleton", ["openpose_body_25", "openpose_coco_18", "openpose_mpi_15"])
def test_openpose_files_and_folders(skeleton, tmp_path):
    points = make_points(3, skeleton)
    for number, people in enumerate([points[:2], points[:0], points[2:]]):
        (tmp_path / f"video_{number:012}_keypoints.json").write_text(json.dumps(openpose(people)))
    check(load_keypoints(tmp_path), points, skeleton)
    check(load_keypoints(tmp_path / "video_000000000000_keypoints.json"), points[:2], skeleton)


def test_a_skeleton_without_a_whole_person_costs_the_others_nothing(tmp_path, capsys):
    names = {1: "coco_17", 2: "crowdpose_14"}
    people = {number: make_points(2, name) for number, name in names.items()}
    people[2][:, SOURCES["crowdpose_14"].index("left_knee")] = 0
    content = {
        "categories": [{"id": number, "keypoints": list(SOURCES[name])} for number, name in names.items()],
        "annotations": [{"category_id": n, "keypoints": row} for n, points in people.items() for row in rows(points)],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    check(load_keypoints(tmp_path / "a.json"), people[1], "coco_17", left_out=2)
    assert "no person with all the points of 'crowdpose_14' (2 incomplete)" in capsys.readouterr().err
    content["annotations"] = content["annotations"][2:]
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no person with all the points of 'crowdpose_14'"):
        load_keypoints(tmp_path / "a.json")


@pytest.mark.parametrize("bad", [None, [1, 2], 5, "x", [[1, 2], 3], {}])
def test_one_bad_row_of_hourglasses_is_left_out(bad, tmp_path):
    points = make_points(1, "mpii_16")
    (tmp_path / "a.json").write_text(json.dumps([{"joint_self": points[0].tolist()}, {"joint_self": bad}]))
    check(load_keypoints(tmp_path / "a.json"), points, "mpii_16", left_out=1)


def test_one_person_may_come_alone(tmp_path):
    points = make_points(1, "blazepose_33")
    np.save(tmp_path / "pose.npy", points[0])
    check(load_keypoints(tmp_path / "pose.npy"), points, "blazepose_33")


def test_people_with_a_missing_needed_point_are_left_out_and_counted(tmp_path):
    points = make_points(7, "openpose_body_25")
    number = SOURCES["openpose_body_25"].index
    points[0, number("left_knee"), 2] = 0
    points[1, number("left_knee"), 0] = np.nan
    points[2, number("left_knee"), 2] = np.nan
    points[3, :, 1] = np.inf
    points[4, :, :2] = 812.3, 417.9
    # Nothing of ours depends on the toes.
    points[5, number("left_big_toe")] = 0
    points[6, number("left_big_toe"), 0] = np.nan
    np.savez(tmp_path / "poses.npz", keypoints=points)
    poses = load_keypoints(tmp_path / "poses.npz")
    assert len(poses) == 2 and poses.left_out == 5
    np.savez(tmp_path / "poses.npz", keypoints=points[:5])
    with pytest.raises(ValueError, match="no person with all the points"):
        load_keypoints(tmp_path / "poses.npz")


def test_a_low_score_is_a_score(tmp_path):
    points = make_points(3, "mpii_16")
    points[:, 4, 2] = [0.2, 0.01, 0]
    np.savez(tmp_path / "poses.npz", keypoints=points)
    check(load_keypoints(tmp_path / "poses.npz"), points[:2], "mpii_16", left_out=1)


def test_raw_joints_exist_for_mpii_alone(tmp_path):
    np.savez(tmp_path / "poses.npz", keypoints=make_points(3, "mpii_16"))
    raw = load_keypoints(tmp_path / "poses.npz", joint_definitions="raw")
    expected = joint_weights("mpii_16", raw=True) @ make_points(3, "mpii_16")[..., :2]
    np.testing.assert_allclose(raw.poses_px["gt"], expected, rtol=1e-4)
    with pytest.raises(ValueError, match="'openpose_body_25' has no raw joints"):
        np.savez(tmp_path / "poses.npz", keypoints=make_points(3, "openpose_body_25"))
        load_keypoints(tmp_path / "poses.npz", joint_definitions="raw")


def test_points_to_joints_is_the_weighted_sum():
    weights, points = joint_weights("coco_17"), make_points(5, "coco_17")[..., :2]
    points[0, SOURCES["coco_17"].index("left_eye")] = np.nan
    points[1, SOURCES["coco_17"].index("left_knee")] = np.nan
    joints = points_to_joints(points, weights)
    assert joints.shape == (5, 17, 2) and joints.dtype == torch.float32
    np.testing.assert_allclose(joints[2:], weights @ points[2:], rtol=1e-4, atol=1e-2)
    assert np.isfinite(joints[0]).all() and not np.isfinite(joints[1]).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"", "is empty"),
        ("a.npy", np.zeros((3, 4, 5)), "numbers, which are x, y and score of no known skeleton|has shape"),
        ("a.npy", np.zeros((0, 34)), "no points"),
        ("a.npy", np.zeros((3, 17, 2)), "there are no people"),
        ("a.npy", np.random.default_rng(0).uniform(0, 999, (3, 14, 2)), "look like no body"),
        ("a.npy", np.ones((3, 19, 2)), "19 points a person do not tell the skeleton; give --skeleton"),
        ("a.txt", b"1 2", "unknown kind of file"),
        ("a.json", b"{}", "of no layout that is known"),
        ("a.json", b"3", "of no layout that is known"),
        ("a.json", b"[]", "of no layout that is known"),
        ("a.json", b'{"people": 3}', "of no layout that is known"),
        ("a.json", b'{"people": []}', "there are no people"),
        ("a.json", b'{"people": [{"face": 1}]}', "no points"),
        ("a.json", b"[[1, 2], [3, 4]]", "2 points a person do not tell the skeleton"),
        ("a.json", b'[{"keypoints": [1, 2]}]', "2 numbers, which are x, y and score of no known skeleton"),
        ("a.json", b'[{"keypoints": []}]', "no points"),
        ("a.json", b'[{"keypoints": ["a", 2, 2]}]', "not an even table of numbers"),
        ("a.json", b'{"keypoints": {"a": 1}}', "not an even table of numbers"),
        ("a.json", b'{"keypoints": [[[1, 2]]], "skeleton": "dog"}', "unknown skeleton 'dog'; known: h36m_17"),
        ("a.json", b'{"keypoints": [[[1, 2]]], "skeleton": "coco_17"}', "1 points a person, but skeleton"),
        ("a.json", b"[{", "cannot be read as JSON"),
        ("a.csv", b"x\n", "no row of numbers"),
        ("a.csv", b"nose_x,nose_z\n1,2\n", "no columns of x and y"),
        ("a.csv", b"\xff\xfe", "not a table of comma-separated values"),
    ],
)
def test_bad_files_are_named_in_one_sentence(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(ValueError, match=message) as error:
        load_keypoints(path)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_archives_without_key_points_pickles_and_absent_files(tmp_path):
    np.savez(tmp_path / "a.npz", poses=np.zeros(3))
    with pytest.raises(ValueError, match="has no 'keypoints', only 'poses'"):
        load_keypoints(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", keypoints=np.array([None]))
    with pytest.raises(ValueError, match="1 numbers"):
        load_keypoints(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="is not there"):
        load_keypoints(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="no OpenPose file"):
        load_keypoints(tmp_path)
