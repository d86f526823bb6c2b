"""Scoring of a video and triangulation, on a made-up man in front of made-up cameras."""

import json

import numpy as np
import pytest
import real_video
import real_video_truth
from real_video import LIMBS, followed, format_table, read_people, score
from real_video_truth import CALIBRATION, TRIAL, Camera, agreement, make_truth

FRAMES = 40
CAMERA = """<camera serial="{name}"><transform {turn} x="{x}" y="{y}" z="{z}"/><intrinsic centerPointU="32000"
centerPointV="64000" focalLengthU="64000" focalLengthV="64000" radialDistortion1="-0.05" radialDistortion2="0.1"
tangentalDistortion1="0.001" tangentalDistortion2="-0.002"/></camera>"""


@pytest.fixture(scope="module")
def world_mm():
    """Twelve limbs that sway slowly."""
    rest = np.random.default_rng(0).normal((0, 0, 900), 300, (12, 3))
    time = np.linspace(0, 1, FRAMES)[:, None, None]
    return rest + 40 * np.sin(2 * np.pi * time) * [1, 0.5, 0.2]


def camera_at(degrees, name="cam"):
    """A camera 4 m from the middle, level, whose world has z up."""
    angle = np.radians(degrees)
    place = 4000 * np.array([np.cos(angle), np.sin(angle), 0]) + [0, 0, 900]
    back = np.array([np.cos(angle), np.sin(angle), 0])
    right = np.array([-np.sin(angle), np.cos(angle), 0])
    rotation = np.stack([right, [0, 0, -1], -back])
    return Camera(name, rotation, -rotation @ place, np.full(2, 1000.0), np.array([500.0, 1000.0]),
                  np.array([-0.05, 0.1]), np.array([0.001, -0.002]))  # fmt: skip


def test_a_perfect_video_of_any_size_has_no_error(world_mm):
    figures = score(0.003 * world_mm + 5, world_mm)
    assert figures.pop("frames") == FRAMES
    assert max(figures.values()) < 1e-3


def test_a_lean_costs_n_mpjpe_and_tilt_but_not_p_mpjpe(world_mm):
    lean = np.radians(10)
    turn = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    figures = score(world_mm @ turn.T, world_mm)
    assert figures["tilt"] == pytest.approx(10, abs=1e-3)
    assert figures["p_mpjpe"] < 1e-3 < 10 < figures["n_mpjpe"]


def test_trembling_shows_as_acceleration(world_mm):
    trembling = world_mm.copy()
    trembling[::2, 0, 0] += 12.0
    # A joint that jumps to and fro by 12 mm has second differences of 24 mm.
    assert score(trembling, world_mm)["acceleration"] == pytest.approx(24 / 12, rel=0.02)


def test_frames_without_the_person_are_not_scored(world_mm):
    pred = world_mm.copy()
    pred[:5] = np.nan
    assert score(pred, world_mm)["frames"] == FRAMES - 5
    with pytest.raises(ValueError, match="not found"):
        score(np.full_like(pred, np.nan), world_mm)


def test_the_person_nearest_to_the_truth_is_followed():
    true_px = np.full((3, 12, 2), 400.0)
    here, there = (np.full((12, 2), 410.0), np.ones((12, 3))), (np.full((12, 2), 450.0), np.zeros((12, 3)))
    far = (np.full((12, 2), 900.0), np.zeros((12, 3)))
    poses = followed([[there, here], [far], []], true_px)
    assert (poses[0] == 1).all() and np.isnan(poses[1:]).all()


def test_limbs_are_read_by_name_and_left_out_ones_are_nan(tmp_path):
    joints = ["hip", *reversed(LIMBS)]
    person = {
        "joints_2d_px": [[number, 0] for number in range(13)],
        "joints_3d": [[number] * 3 for number in range(13)],
    }
    person["joints_3d"][joints.index("left_foot")] = None
    path = tmp_path / "pose.json"
    path.write_text(json.dumps({"joints": joints, "frames": [{"people": [person]}, {"people": []}]}))
    (frame, empty) = read_people(path)
    assert empty == []
    np.testing.assert_array_equal(frame[0][0][:, 0], np.arange(12, 0, -1))
    assert np.isnan(frame[0][1][LIMBS.index("left_foot")]).all() and np.isfinite(frame[0][1]).sum() == 33


def test_triangulation_leaves_out_the_camera_that_disagrees(world_mm):
    cameras = [camera_at(degrees) for degrees in (0, 80, 170, 260)]
    points = np.stack([np.column_stack([camera.project(world_mm[0]), np.ones(12)]) for camera in cameras])
    points[2, :4, :2] += 150
    found, error_px, left_out = agreement(cameras, points)
    np.testing.assert_allclose(found, world_mm[0], atol=0.1)
    assert left_out.tolist() == [1] * 4 + [0] * 8 and error_px.max() < 0.1


def test_the_truth_out_of_a_wheel(world_mm, tmp_path, monkeypatch):
    cameras = [camera_at(degrees, f"cam0{number}") for number, degrees in enumerate((0, 90, 200), 1)]
    elements = []
    for camera in cameras:
        place, turn = -camera.rotation.T @ camera.translation_mm, np.diag([1, -1, -1]) @ camera.rotation
        words = " ".join(f'r{row + 1}{column + 1}="{turn[row, column]}"' for row in range(3) for column in range(3))
        name = camera.name.replace("cam", "cam_")
        elements.append(CAMERA.format(name=name, turn=words, x=place[0], y=place[1], z=place[2]))
        folder = tmp_path / TRIAL / "pose" / f"{camera.name}_json"
        folder.mkdir(parents=True)
        for number, pose in enumerate(world_mm):
            write_openpose(folder / f"{number:04}.json", camera.project(pose))
    (tmp_path / CALIBRATION).parent.mkdir(parents=True)
    (tmp_path / CALIBRATION).write_text(f"<calibration><cameras>{''.join(elements)}</cameras></calibration>")
    found, truth, off_px = make_truth(tmp_path)
    assert [camera.name for camera in found] == ["cam01", "cam02", "cam03"] and off_px < 0.1
    # Smoothing touches the ends.
    np.testing.assert_allclose(truth[8:-8], world_mm[8:-8], atol=2)


def write_openpose(path, limbs_px):
    """Two people of BODY_25B: a bystander, and the man himself."""
    points = np.ones((25, 3))
    points[real_video_truth.OPENPOSE_LIMBS, :2] = limbs_px
    people = [{"pose_keypoints_2d": values.ravel().tolist()} for values in (points + np.array([300, 50, 0]), points)]
    path.write_text(json.dumps({"people": people}))


def test_another_file_than_the_wheel_is_refused(tmp_path, capsys):
    (tmp_path / real_video.WHEEL).write_bytes(b"something else")
    assert real_video.main([str(tmp_path)]) == 2
    assert "not the file that this tool knows" in capsys.readouterr().err


def test_the_table_has_both_and_their_means():
    figures = {"frames": 100, "p_mpjpe": 60.0, "n_mpjpe": 90.0, "tilt": 5.0, "acceleration": 10.0}
    table = format_table({"cam01": {"demo": figures, "MediaPipe": figures},
                          "cam02": {"demo": {**figures, "p_mpjpe": 70.0}, "MediaPipe": figures}})  # fmt: skip
    assert "| mean | 100 / 100 | 65.0 / 60.0 | 90.0 / 90.0 | 5.0 / 5.0 | 10.0 / 10.0 |" in table
