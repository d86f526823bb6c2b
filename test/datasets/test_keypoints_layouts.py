"""The same person from every layout that tools write."""

import csv
import json

import numpy as np
import pytest
from samples_keypoints import flat, standing

from datasets.keypoints import load_keypoints, read_keypoints
from utils.keypoints import Keypoints
from utils.skeleton import JOINTS, SOURCES

COCO, BODY_25 = standing("coco_17"), standing("openpose_body_25")
H36M_NAMES = ["root", *JOINTS[1:9], "neck_base", *JOINTS[10:]]


def pairs(person):
    return person.points_px.tolist()


def scores(person):
    return person.confidence.tolist()


def of(source):
    return flat(standing(source))


def openpose_names(person):
    """RHip and MidHip as OpenPose and Pose2Sim write names."""
    words = {"neck_base": "Neck", "pelvis": "Hip", "head_top": "Head"}
    short = {"left": "L", "right": "R"}
    return [
        words.get(name) or "".join(short.get(part, part.capitalize()) for part in name.split("_"))
        for name in SOURCES[person.source]
    ]


def annotations(person, names=None, **more):
    category = {"id": 1, "name": "person"} | ({"keypoints": names} if names else {})
    return {"categories": [category], "annotations": [{"category_id": 1, "keypoints": flat(person), **more}]}


def mmpose(person):
    return {"keypoints": pairs(person), "keypoint_scores": scores(person), "bbox_score": 0.9}


def landmarks(person):
    return [{"x": x, "y": y, "z": 0.1, "visibility": 0.9} for x, y in pairs(person)]


BLAZEPOSE, HALPE = standing("blazepose_33"), standing("halpe_26")
CANVAS = {"canvas_width": 640, "canvas_height": 480}
SHUFFLED = np.random.default_rng(3).permutation(26)
LAYOUTS = {
    "COCO annotations": ("coco_17", annotations(COCO)),
    "COCO results": ("coco_17", [{"image_id": 1, "keypoints": flat(COCO), "score": 0.9}]),
    "COCO results in triples": ("coco_17", [{"keypoints": np.reshape(flat(COCO), (17, 3)).tolist()}]),
    "COCO results in pairs": ("coco_17", [{"keypoints": np.ravel(pairs(COCO)).tolist()}]),
    "COCO-WholeBody annotations": ("coco_17", annotations(COCO, foot_kpts=[1] * 18, face_kpts=[1] * 204)),
    "COCO-WholeBody results": ("coco_wholebody_133", [{"keypoints": of("coco_wholebody_133")}]),
    "names of Human3.6M": ("h36m_17", annotations(standing("h36m_17"), H36M_NAMES)),
    "names of CrowdPose": (
        "crowdpose_14",
        annotations(standing("crowdpose_14"), [*SOURCES["crowdpose_14"][:12], "top_head", "neck"]),
    ),
    "names of PoseTrack": ("posetrack_17", annotations(standing("posetrack_17"), list(SOURCES["posetrack_17"]))),
    "names of MPII": (
        "mpii_16",
        annotations(standing("mpii_16"), [name.removeprefix("mpii_") for name in SOURCES["mpii_16"]]),
    ),
    "names of Pose2Sim in another order": (
        "halpe_26",
        annotations(
            Keypoints("halpe_26", HALPE.points_px[SHUFFLED], HALPE.confidence[SHUFFLED]),
            [openpose_names(HALPE)[number] for number in SHUFFLED],
        ),
    ),
    "OpenPose": ("openpose_body_25", {"version": 1.3, "people": [{"pose_keypoints_2d": flat(BODY_25)}]}),
    "ControlNet": ("openpose_body_25", [{"people": [{"pose_keypoints_2d": flat(BODY_25)}], **CANVAS}]),
    "OpenPose BODY_25B": ("openpose_body_25b", {"people": [{"pose_keypoints_2d": of("openpose_body_25b")}]}),
    "OpenPose COCO, old key": ("openpose_coco_18", {"people": [{"pose_keypoints": of("openpose_coco_18")}]}),
    "OpenPose MPI": ("openpose_mpi_15", {"people": [{"pose_keypoints_2d": of("openpose_mpi_15")}]}),
    "Halpe-26 as OpenPose": ("halpe_26", {"people": [{"pose_keypoints_2d": of("halpe_26")}]}),
    "BlazePose as OpenPose": ("blazepose_33", {"people": [{"pose_keypoints_2d": flat(BLAZEPOSE)}]}),
    "AlphaPose Halpe-136": ("halpe_136", [{"image_id": "a.jpg", "keypoints": of("halpe_136"), "score": 3.2}]),
    "AlphaPose open": ("openpose_coco_18", {"a.jpg": {"people": [{"pose_keypoints_2d": of("openpose_coco_18")}]}}),
    "AlphaPose cmu": ("openpose_coco_18", {"version": "1", "bodies": [{"joints": of("openpose_coco_18")}]}),
    "MMPose inferencer": ("coco_17", [mmpose(COCO)]),
    "MMPose inferencer, batch": ("coco_17", {"predictions": [[mmpose(COCO)]]}),
    "MMPose inferencer, video": ("coco_17", [{"frame_id": 0, "instances": [mmpose(COCO)]}]),
    "MMPose demo": ("coco_17", {"meta_info": {}, "instance_info": [mmpose(COCO)]}),
    "MMPose demo with names": (
        "h36m_17",
        {
            "meta_info": {"keypoint_id2name": {str(number): name for number, name in enumerate(H36M_NAMES)}},
            "instance_info": [{"frame_id": 1, "instances": [mmpose(standing("h36m_17"))]}],
        },
    ),
    "Ultralytics": (
        "coco_17",
        [{"name": "person", "confidence": 0.9, "keypoints": {
            "x": COCO.points_px[:, 0].tolist(), "y": COCO.points_px[:, 1].tolist(), "visible": scores(COCO)}}],
    ),
    "MPII of HRNet": (
        "mpii_16", [{"image": "a.jpg", "joints": pairs(standing("mpii_16")), "joints_vis": [1] * 16, "scale": 2.0}],
    ),
    "MPII of hourglasses": (
        "mpii_16", [{"img_paths": "a.jpg", "joint_self": [[*pair, 0] for pair in pairs(standing("mpii_16"))]}],
    ),
    "MediaPipe": ("blazepose_33", [landmarks(BLAZEPOSE)]),
    "MediaPipe, bare": ("blazepose_33", landmarks(BLAZEPOSE)),
    "own": ("mpii_16", {"skeleton": "mpii_16", "keypoints": pairs(standing("mpii_16"))}),
    "bare triples": ("crowdpose_14", np.reshape(of("crowdpose_14"), (14, 3)).tolist()),
    "bare rows": ("openpose_body_25", [flat(BODY_25)]),
    "bare Human3.6M": ("h36m_17", [pairs(standing("h36m_17"))]),
    "bare COCO": ("coco_17", [pairs(COCO)]),
}  # fmt: skip


def is_standing(person, skeleton):
    expected = standing(skeleton).to_joints()
    np.testing.assert_allclose(person.to_joints().joints_px, expected.joints_px, atol=1e-6)
    return person.source == skeleton and not person.to_joints().filled.any()


@pytest.mark.parametrize("name", LAYOUTS)
def test_json(name, tmp_path):
    skeleton, content = LAYOUTS[name]
    path = tmp_path / "a.JSON"
    path.write_text(json.dumps(content))
    (person,) = read_keypoints(path, "a.jpg", (640, 480))
    assert is_standing(person, skeleton)
    poses = load_keypoints(path)
    np.testing.assert_allclose(poses.poses_px["gt"][0], person.to_joints().joints_px, rtol=1e-5, atol=1e-3)


def test_arrays_with_depths_and_visibilities(tmp_path):
    points = np.column_stack([BLAZEPOSE.points_px, np.linspace(-50, 50, 33), np.full(33, 0.9)])
    np.save(tmp_path / "a.npy", points)
    (person,) = read_keypoints(tmp_path / "a.npy")
    assert is_standing(person, "blazepose_33")
    np.save(tmp_path / "a.npy", points[:, :3])
    with pytest.raises(ValueError, match="neither a score nor a visibility"):
        read_keypoints(tmp_path / "a.npy")


@pytest.mark.parametrize(("layout", "skeleton"), [("coco", "coco_17"), ("h36m", "h36m_17"), (None, "coco_17")])
def test_videopose3d(layout, skeleton, tmp_path):
    points = np.repeat(standing(skeleton).points_px[None], 12, axis=0).astype(np.float32)
    metadata = {"layout_name": layout, "video_metadata": {"a.mp4": {"w": 640, "h": 480}}}
    np.savez(tmp_path / "data_2d_custom_mine.npz", metadata={k: v for k, v in metadata.items() if v},
             positions_2d={"a.mp4": {"custom": [points[:5], None, points[5:]]}})  # fmt: skip
    poses = load_keypoints(tmp_path / "data_2d_custom_mine.npz")
    assert len(poses) == 12 and skeleton in poses.name
    np.testing.assert_allclose(poses.poses_px["gt"][11], standing(skeleton).to_joints().joints_px, atol=1e-3)


def test_deeplabcut(tmp_path):
    """Three lines of names, the picture in the first columns, points in the order of whoever made the project."""
    order = np.random.default_rng(0).permutation(17)
    names = [SOURCES["coco_17"][number].replace("_", "") for number in order]
    lines = [
        ["scorer", "", "", *["me"] * 51],
        ["bodyparts", "", "", *np.repeat(names, 3)],
        ["coords", "", "", *["x", "y", "likelihood"] * 17],
        ["labeled-data", "video", "img01.png", *np.reshape(flat(COCO), (17, 3))[order].ravel()],
        ["labeled-data", "video", "img02.png", *[""] * 51],
    ]
    with (tmp_path / "CollectedData.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    (person,) = read_keypoints(tmp_path / "CollectedData.csv", "video/img01.png")
    assert is_standing(person, "coco_17")
    poses = load_keypoints(tmp_path / "CollectedData.csv")
    assert len(poses) == 1 and poses.left_out == 1


@pytest.mark.parametrize("individuals", ["ab", "12"])
def test_deeplabcut_s_individuals_are_people(individuals, tmp_path):
    """The index is a number too."""
    others = Keypoints("coco_17", COCO.points_px + 50, COCO.confidence)
    lines = [
        ["scorer", *["me"] * 102],
        ["individuals", *np.repeat(list(individuals), 51)],
        ["bodyparts", *np.tile(np.repeat(SOURCES["coco_17"], 3), 2)],
        ["coords", *["x", "y", "likelihood"] * 34],
        [0, *flat(COCO), *flat(others)],
        [1, *flat(COCO), *[""] * 51],
    ]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    assert load_keypoints(tmp_path / "a.csv").poses_px["gt"][:, 0, 0].tolist() == pytest.approx([100, 150, 100])
    assert len(read_keypoints(tmp_path / "a.csv", "0.png")) == 2


def test_a_column_that_comes_twice_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("nose_x,nose_y,nose_x\n1,2,3\n")
    with pytest.raises(ValueError, match="several columns of x of nose"):
        read_keypoints(tmp_path / "a.csv")


@pytest.mark.parametrize("head", [[], [f"{name}_{axis}" for name in SOURCES["coco_17"] for axis in "xy"]])
def test_other_tables(head, tmp_path):
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, np.ravel(pairs(COCO))])
    (person,) = read_keypoints(tmp_path / "a.csv")
    assert is_standing(person, "coco_17")


def test_a_folder_of_openpose_has_a_file_a_picture(tmp_path):
    for number, shift in (("01", 0), ("02", 50)):
        moved = Keypoints("openpose_body_25", BODY_25.points_px + shift, BODY_25.confidence)
        content = {"people": [{"pose_keypoints_2d": flat(moved)}]}
        (tmp_path / f"frame{number}_keypoints.json").write_text(json.dumps(content))
    (tmp_path / "frame03_keypoints.json").write_text("{")
    (person,) = read_keypoints(tmp_path, "frame01.png")
    assert is_standing(person, "openpose_body_25")
    poses = load_keypoints(tmp_path)
    assert len(poses) == 2 and poses.left_out == 1
