import numpy as np
import pytest
from h36m_files import CAMERA_NAMES, joints_of, make_detections, make_world_m, write_baseline, write_videopose3d

from datasets.h36m_layouts import ACTIONS, SUBJECTS, BaselineLayout, VideoPose3DLayout, parse_name
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
def test_recordings_come_sorted_with_our_joints(write, layout, tmp_path):
    recordings = list(layout(write(tmp_path / "h36m", RECORDINGS), ["S1", "S9"], ACTIONS, True))
    names = [(recording.subject, recording.action, recording.trial) for recording in recordings]
    assert names == [("S1", "SittingDown", "2"), ("S9", "Walking", ""), ("S9", "Walking", "1")]
    np.testing.assert_allclose(recordings[1].world_mm, joints_of(RECORDINGS["S9", "Walking"]), atol=1e-3)
    assert len(recordings[2].detected_px) == 4
    expected = joint_weights("mpii_16") @ make_detections(4, 3)
    np.testing.assert_allclose(list(recordings[2].detected_px.values())[3], expected, rtol=1e-5)


def test_only_what_is_wanted_is_read(tmp_path):
    folder = write_baseline(tmp_path / "h36m", RECORDINGS)
    layout = BaselineLayout(folder, ["S9"], ["Walking"], False)
    assert sorted(path.name for path in layout.files) == ["Walking 1.h5", "Walking.h5"]
    assert len(layout) == 2
    assert len(BaselineLayout(folder, ["S9"], ["Walking"], True).files) == 2 * (1 + len(CAMERA_NAMES))


def test_among_detectors_the_stacked_hourglass_comes_first(tmp_path):
    folder = write_videopose3d(tmp_path / "h36m", RECORDINGS)
    for name in ("cpn_ft_h36m_dbb", "gt"):
        (folder / f"data_2d_h36m_{name}.npz").write_bytes(b"")
    assert VideoPose3DLayout(folder, ["S9"], ACTIONS, True).files[1].name == "data_2d_h36m_sh_pt_mpii.npz"
    (folder / "data_2d_h36m_sh_pt_mpii.npz").unlink()
    assert VideoPose3DLayout(folder, ["S9"], ACTIONS, True).files[1].name == "data_2d_h36m_cpn_ft_h36m_dbb.npz"
    (folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz").unlink()
    assert len(VideoPose3DLayout(folder, ["S9"], ACTIONS, True).files) == 1


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": {}}, "has no 'positions_3d'"),
        ({"positions_3d": np.zeros(3)}, "plain array instead of a dictionary"),
        ({"positions_3d": {"S9": [1, 2]}}, "not VideoPose3D's layout"),
        ({"positions_3d": {"S1": {}}}, "has no subject S9, only S1"),
        ({"positions_3d": {"S9": {"Walking": np.zeros((4, 17, 3))}}}, r"has shape \(4, 17, 3\) instead of"),
        ({"positions_3d": {"S9": {"Walking": "words"}}}, "not an even table of numbers"),
        ({"positions_3d": {"S9": {"Walking": print}}}, "more than arrays"),
    ],
)
def test_other_content_is_named(arrays, message, tmp_path):
    np.savez(tmp_path / "data_3d_h36m.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        list(VideoPose3DLayout(tmp_path, SUBJECTS[5:6], ACTIONS, True))
    assert "\n" not in str(error.value) and "data_3d_h36m.npz" in str(error.value)


@pytest.mark.parametrize(
    ("metadata", "views", "message"),
    [
        ({"layout_name": "dog"}, [], "unknown layout 'dog'; known: h36m, mpii, coco"),
        ({"layout_name": ["mpii"]}, [], "unknown layout"),
        ({"layout_name": "mpii"}, [np.zeros((4, 17, 2))], r"has shape \(4, 17, 2\) instead of \(frames, 16, 2\)"),
        ({"layout_name": "mpii"}, [None], "has shape"),
        ({"layout_name": "mpii"}, 3, "not a list of one array a camera"),
    ],
)
def test_other_detections_are_named(metadata, views, message, tmp_path):
    folder = write_videopose3d(tmp_path / "h36m", RECORDINGS, detections=False)
    path = folder / "data_2d_h36m_sh_pt_mpii.npz"
    np.savez(path, positions_2d={"S9": {"Walking": views}}, metadata=metadata)
    with pytest.raises(ValueError, match=message) as error:
        list(VideoPose3DLayout(folder, ["S9"], ACTIONS, True))
    assert "\n" not in str(error.value) and path.name in str(error.value)
