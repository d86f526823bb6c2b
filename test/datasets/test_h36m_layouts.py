import numpy as np
import pytest
from samples_h36m import (
    CAMERA_NAMES,
    joints_of,
    make_detections,
    make_world_m,
    rotations_and_centres,
    write_baseline,
    write_cameras,
    write_videopose3d,
)

from datasets.h36m_layouts import ACTIONS, BaselineLayout, Wanted, parse_name
from datasets.h36m_videopose3d import VideoPose3DLayout
from utils.skeleton import joint_weights

RECORDINGS = {
    ("S9", "Walking 1"): make_world_m(4, 1),
    ("S9", "Walking"): make_world_m(5, 2),
    ("S9", "_ALL 1"): make_world_m(2, 3),
    ("S1", "SittingDown 2"): make_world_m(3, 4),
}


@pytest.mark.parametrize(
    ("stem", "parsed"),
    [
        ("Directions", ("Directions", "", "")),
        ("Directions 1", ("Directions", "1", "")),
        ("Directions_1", ("Directions", "1", "")),
        ("TakingPhoto-2", ("Photo", "2", "")),
        ("WalkTogether_1.54138969", ("WalkTogether", "1", "54138969")),
        ("TakingPhoto.54138969", ("Photo", "", "54138969")),
        ("WalkingDog 1", ("WalkDog", "1", "")),
        ("Walking", ("Walking", "", "")),
        ("_ALL 1", ("_ALL", "1", "")),
        ("", ("", "", "")),
        ("a\nb", ("a\nb", "", "")),
    ],
)
def test_names_of_recordings(stem, parsed):
    assert parse_name(stem) == parsed


@pytest.mark.parametrize(
    ("write", "layout"), [(write_baseline, BaselineLayout), (write_videopose3d, VideoPose3DLayout)]
)
def test_views_come_sorted_with_our_joints(write, layout, tmp_path):
    views = list(layout(write(tmp_path / "h36m", RECORDINGS), Wanted(("S1", "S9"), ACTIONS)))
    names = [("S1", "SittingDown", "2"), ("S9", "Walking", ""), ("S9", "Walking", "1")]
    assert [(view.recording, view.camera) for view in views] == [(name, one) for name in names for one in CAMERA_NAMES]
    rotation, centre = next(iter(rotations_and_centres()))
    expected = (joints_of(RECORDINGS["S9", "Walking"]) - centre) @ rotation.T
    np.testing.assert_allclose(views[4].cam_mm, expected, atol=1e-3)
    assert list(views[11].detected_px) == ["detected"]
    expected = joint_weights("mpii_16") @ make_detections(4, 3)
    np.testing.assert_allclose(views[11].detected_px["detected"], expected, rtol=1e-5)


def test_only_what_is_wanted_is_read(tmp_path):
    folder = write_baseline(tmp_path / "h36m", RECORDINGS)
    layout = BaselineLayout(folder, Wanted(("S9",), ("Walking",), detections=False))
    assert sorted(path.name for path in layout.files) == ["Walking 1.h5", "Walking.h5", "cameras.h5"]
    assert layout.sources == {} and len(list(layout)) == 2 * 4
    layout = BaselineLayout(folder, Wanted(("S9",), ("Walking",)))
    assert len(layout.files) == 1 + 2 * (1 + len(CAMERA_NAMES)) and layout.sources == {"detected": "StackedHourglass"}


def test_several_detectors_have_names_and_the_stacked_hourglass_is_first(tmp_path):
    folder = write_videopose3d(tmp_path / "h36m", RECORDINGS)
    for name in ("cpn_ft_h36m_dbb", "SH_ft_h36m", "gt"):
        (folder / f"data_2d_h36m_{name}.npz").write_bytes(b"")
    assert VideoPose3DLayout(folder, Wanted(("S9",), ACTIONS)).sources == {
        "detected": "data_2d_h36m_sh_pt_mpii.npz",
        "finetuned240": "data_2d_h36m_SH_ft_h36m.npz",
        "cpn_ft_h36m_dbb": "data_2d_h36m_cpn_ft_h36m_dbb.npz",
    }


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": {}}, "has no 'positions_3d'"),
        ({"positions_3d": np.zeros(3)}, "no 'positions_3d' in VideoPose3D's layout"),
        ({"positions_3d": {"S9": [1, 2]}}, "no 'positions_3d' in VideoPose3D's layout"),
        ({"positions_3d": {"S1": {}}}, "has no subject S9, only S1"),
        ({"positions_3d": {"S9": {"Walking": np.zeros((4, 18, 3))}}}, r"has shape \(4, 18, 3\) instead of"),
        ({"positions_3d": {"S9": {"Walking": "words"}}}, "is a str instead of an array"),
        ({"positions_3d": {"S9": {"Walking": np.array(["a", "b"])}}}, "not an even table of numbers"),
        ({"positions_3d": {"S9": {"Walking": print}}}, "more than arrays"),
    ],
)
def test_other_content_is_named(arrays, message, tmp_path):
    write_cameras(tmp_path / "cameras.h5")
    np.savez(tmp_path / "data_3d_h36m.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        list(VideoPose3DLayout(tmp_path, Wanted(("S9",), ACTIONS)))
    assert "\n" not in str(error.value) and "data_3d_h36m.npz" in str(error.value)


@pytest.mark.parametrize(
    ("metadata", "views", "message"),
    [
        ({"layout_name": "dog"}, [], "unknown layout 'dog'; known: h36m, mpii, coco"),
        ({"layout_name": ["mpii"]}, [], "unknown layout"),
        ({"layout_name": "mpii"}, [np.zeros((4, 17, 2))], "has 17 points instead of 16"),
        ({"layout_name": "mpii"}, [np.zeros((4, 32))], "has shape"),
        ({"layout_name": "mpii"}, ["a"], "is a str instead of an array"),
        ({"layout_name": "mpii"}, 3, "not a list of one array a camera"),
    ],
)
def test_other_detections_are_named(metadata, views, message, tmp_path):
    folder = write_videopose3d(tmp_path / "h36m", RECORDINGS, detections=False)
    path = folder / "data_2d_h36m_sh_pt_mpii.npz"
    np.savez(path, positions_2d={"S9": {"Walking": views}}, metadata=metadata)
    with pytest.raises(ValueError, match=message) as error:
        list(VideoPose3DLayout(folder, Wanted(("S9",), ACTIONS)))
    assert "\n" not in str(error.value) and path.name in str(error.value)
