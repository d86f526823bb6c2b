"""Human3.6M as other tools write it: the same poses as from 3d-pose-baseline's folders, or what is missing."""

import json
from collections import defaultdict

import h5py
import numpy as np
import pytest
import torch
from samples_h36m import (
    CAMERA_NAMES,
    CENTRE,
    FOCAL,
    RADIAL,
    TANGENTIAL,
    joints_of,
    make_detections,
    make_world_m,
    rotations_and_centres,
    write_baseline,
    write_cameras,
    write_videopose3d,
)

from datasets.h36m import load_h36m
from utils.geometry import usable
from utils.skeleton import SOURCES, joint_weights

WORLD_M = make_world_m(4, 1)
RECORDINGS = {("S9", "Walking"): WORLD_M}


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("POSE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def expected(tmp_path):
    return load_h36m(write_baseline(tmp_path / "expected", RECORDINGS), ["S9"])


def assert_same(poses, expected, sources=("gt", "detected")):
    torch.testing.assert_close(poses.poses_cam_mm, expected.poses_cam_mm, atol=2e-3, rtol=0)
    torch.testing.assert_close(poses.intrinsics_px, expected.intrinsics_px)
    assert tuple(poses.poses_px) == sources and poses.action_names == expected.action_names
    for source in sources:
        torch.testing.assert_close(poses.poses_px[source], expected.poses_px[source], atol=1e-3, rtol=1e-5)


def write_json_cameras(path):
    places = {
        name: {"R": rotation.tolist(), "t": (-rotation @ centre)[:, None].tolist()}
        for name, (rotation, centre) in zip(CAMERA_NAMES, rotations_and_centres(), strict=True)
    }
    matrix = [[FOCAL[0], 0, CENTRE[0]], [0, FOCAL[1], CENTRE[1]], [0, 0, 1]]
    lens = {"calibration_matrix": matrix, "distortion": [*RADIAL[:2], *TANGENTIAL, RADIAL[2]]}
    path.write_text(json.dumps({"intrinsics": dict.fromkeys(CAMERA_NAMES, lens), "extrinsics": {"S9": places}}))


@pytest.mark.parametrize("write", [write_baseline, write_videopose3d])
def test_cameras_from_the_public_json_file(write, expected, tmp_path):
    folder = write(tmp_path / "h36m", RECORDINGS)
    (folder / "cameras.h5").unlink()
    with pytest.raises(ValueError, match=r"cameras\.h5 is not there.* or camera-parameters\.json from https://"):
        load_h36m(folder, ["S9"])
    path = folder / "camera-parameters.json"
    write_json_cameras(path)
    assert_same(load_h36m(folder, ["S9"]), expected)
    content = json.loads(path.read_text())
    content["extrinsics"]["S9"][CAMERA_NAMES[2]]["R"][0] = [1, 1, 1]
    for damaged, message in ((content, "is not a camera"), ({"extrinsics": {}}, r"not camera-parameters\.json"),
                             ({**content, "extrinsics": {}}, "no cameras of subject S9")):  # fmt: skip
        path.write_text(json.dumps(damaged))
        with pytest.raises(ValueError, match=message) as error:
            load_h36m(folder, ["S9"])
        assert path.name in str(error.value)


def test_fine_tuned_detections_are_a_source_of_their_own(expected, tmp_path):
    folder = write_baseline(tmp_path / "h36m", RECORDINGS)
    detected = folder / "S9" / "StackedHourglass"
    detected.rename(detected.with_name("StackedHourglassFineTuned240"))
    poses = load_h36m(folder, ["S9"])
    assert list(poses.poses_px) == ["gt", "finetuned240"] and "StackedHourglassFineTuned240" in poses.name
    torch.testing.assert_close(poses.poses_px["finetuned240"], expected.poses_px["detected"])
    write_baseline(folder, RECORDINGS)
    both = load_h36m(folder, ["S9"])
    assert list(both.poses_px) == ["gt", "detected", "finetuned240"]


def test_upper_case_suffixes_and_what_macos_leaves(expected, tmp_path):
    folder = write_baseline(tmp_path / "h36m", RECORDINGS)
    for path in list(folder.rglob("*.h5")):
        path.with_name(f"._{path.name}").write_bytes(b"not for us")
        path.rename(path.with_suffix(".H5"))
    assert_same(load_h36m(folder, ["S9"]), expected)


def rewritten(folder, views=None, metadata=None, positions=None):
    """VideoPose3D's files with other content."""
    write_videopose3d(folder, RECORDINGS, detections=False)
    if positions is not None:
        np.savez(folder / "data_3d_h36m.npz", positions_3d={"S9": {"Walking": positions}})
    if views is not None:
        extra = {} if metadata is None else {"metadata": metadata}
        np.savez(folder / "data_2d_h36m_sh_pt_mpii.npz", positions_2d={"S9": {"Walking": views}}, **extra)
    return folder


VIEWS = [make_detections(4, number) for number in range(4)]
SYMMETRY = {"keypoints_symmetry": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]}


@pytest.mark.parametrize(
    ("views", "metadata"),
    [
        (VIEWS, {"num_joints": 16, **SYMMETRY}),
        (VIEWS, {"num_joints": np.int64(16), "layout_name": np.str_("mpii")}),
        (VIEWS, {"layout_name": np.array("mpii")}),
        (VIEWS, None),
        (np.stack(VIEWS), {}),
        (tuple(VIEWS), {"layout_name": "mpii"}),
        ([np.pad(view, ((0, 0), (0, 0), (0, 1)), constant_values=0.9) for view in VIEWS], {}),
    ],
)
def test_sixteen_points_are_mpiis(views, metadata, expected, tmp_path):
    assert_same(load_h36m(rewritten(tmp_path / "h36m", views, metadata), ["S9"]), expected)


@pytest.mark.parametrize("nothing", [None, np.zeros((0, 16, 2))])
def test_a_view_without_detections_stays(nothing, expected, tmp_path):
    views = [*VIEWS[:2], nothing, VIEWS[3]]
    poses = load_h36m(rewritten(tmp_path / "h36m", views, {}), ["S9"])
    assert torch.isnan(poses.poses_px["detected"]).all(dim=(1, 2)).tolist() == [False] * 8 + [True] * 4 + [False] * 4
    torch.testing.assert_close(poses.poses_px["gt"], expected.poses_px["gt"], atol=1e-3, rtol=0)


def test_no_detections_of_a_subject_at_all(expected, tmp_path):
    folder = rewritten(tmp_path / "h36m")
    np.savez(folder / "data_2d_h36m_sh_pt_mpii.npz", positions_2d={"S11": {"Walking": VIEWS}}, metadata={})
    assert_same(load_h36m(folder, ["S9"]), expected, ("gt",))


def test_points_with_a_score_of_zero_are_missing(tmp_path):
    views = [np.pad(view, ((0, 0), (0, 0), (0, 1)), constant_values=0.9) for view in VIEWS]
    views[1][2, SOURCES["mpii_16"].index("left_wrist"), 2] = 0
    detected_px = load_h36m(rewritten(tmp_path / "h36m", views, {}), ["S9"]).poses_px["detected"]
    assert usable(detected_px).tolist() == [number != 4 + 2 for number in range(16)]


@pytest.mark.parametrize("skeleton", ["coco_17", "h36m_17"])
def test_seventeen_points_are_told_apart_by_their_sides(skeleton, tmp_path):
    names = SOURCES[skeleton]
    left, right = ([i for i, name in enumerate(names) if name.startswith(side)] for side in ("left_", "right_"))
    points_px = np.random.default_rng(0).uniform(0, 1000, (4, 17, 2))
    folder = rewritten(tmp_path / "h36m", [points_px] * 4, {"keypoints_symmetry": [left, right]})
    poses = load_h36m(folder, ["S9"])
    np.testing.assert_allclose(poses.poses_px["detected"][:4], joint_weights(skeleton) @ points_px, rtol=1e-4)
    rewritten(tmp_path / "h36m", [points_px] * 4, {})
    with pytest.raises(ValueError, match="does not say whose 17 points it has; add 'layout_name'"):
        load_h36m(folder, ["S9"])


@pytest.mark.parametrize("positions", [joints_of(WORLD_M) / 1000, joints_of(WORLD_M), 1000 * WORLD_M.astype(float)])
def test_positions_of_our_joints_or_in_millimetres(positions, expected, tmp_path):
    assert_same(load_h36m(rewritten(tmp_path / "h36m", VIEWS, {}, positions), ["S9"]), expected)


@pytest.mark.parametrize("place", ["MyPoseFeatures/D3_Positions", "Poses_D3_Positions"])
def test_the_official_cdf_files(place, expected, tmp_path):
    pytest.importorskip("cdflib")
    from cdflib.cdfwrite import CDF

    folder = tmp_path / "h36m"
    (folder / "S9" / place).mkdir(parents=True)
    write_cameras(folder / "cameras.h5")
    writer = CDF(str(folder / "S9" / place / "Walking.cdf"))
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [4, 96]}
    writer.write_var(spec, var_data=1000 * WORLD_M.reshape(1, 4, 96))
    writer.close()
    assert_same(load_h36m(folder, ["S9"]), expected, ("gt",))


@pytest.mark.parametrize("poses_name", ["pose/3d", "pose/3d-univ"])
def test_annotations_of_h36m_fetch(poses_name, expected, tmp_path):
    path = tmp_path / "h36m" / "S9" / "Walking-1" / "annot.h5"
    path.parent.mkdir(parents=True)
    columns = defaultdict(list)
    for name, (rotation, centre) in zip(CAMERA_NAMES, rotations_and_centres(), strict=True):
        cam = (1000.0 * WORLD_M - centre) @ rotation.T
        columns[poses_name].append(cam)
        columns["pose/2d"].append(cam[..., :2] / cam[..., 2:] * FOCAL + CENTRE)
        columns["camera"].append(np.full(4, int(name)))
    with h5py.File(path, "w") as file:
        for key, values in columns.items():
            file[key] = np.concatenate(values)
        for name in CAMERA_NAMES:
            file[f"intrinsics/{name}"] = np.array([FOCAL[0], CENTRE[0], FOCAL[1], CENTRE[1]])
    poses = load_h36m(tmp_path / "h36m", ["S9"])
    torch.testing.assert_close(poses.poses_cam_mm, expected.poses_cam_mm, atol=2e-3, rtol=0)
    torch.testing.assert_close(poses.intrinsics_px, expected.intrinsics_px)
    # Apart from the lens's distortion, which that tool's projections have and these lack.
    assert (poses.poses_px["gt"] - expected.poses_px["gt"]).abs().max() < 30
    assert len(load_h36m(tmp_path / "h36m", ["S9"], stride=2)) == 8
