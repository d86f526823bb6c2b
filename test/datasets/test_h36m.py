import os
from pathlib import Path

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
from datasets.h36m_cameras import read_cameras
from utils.skeleton import INDEX, joint_weights

RECORDINGS = {
    ("S9", "Walking"): make_world_m(5, 1),
    ("S9", "Walking 1"): make_world_m(4, 2),
    ("S9", "SittingDown 2"): make_world_m(3, 3),
    ("S11", "Directions"): make_world_m(6, 4),
    ("S11", "Directions 1"): make_world_m(2, 5),
}


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("POSE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def h36m_dir(tmp_path):
    return write_baseline(tmp_path / "h36m", RECORDINGS)


def expected_view(world_m, number):
    """Camera frame and pixels of one camera, written out one coordinate at a time."""
    rotation, centre = list(rotations_and_centres())[number]
    cam = np.array([[rotation @ (point - centre) for point in pose] for pose in joints_of(world_m)])
    x, y = cam[..., 0] / cam[..., 2], cam[..., 1] / cam[..., 2]
    r2 = x * x + y * y
    radial = 1 + RADIAL[0] * r2 + RADIAL[1] * r2**2 + RADIAL[2] * r2**3
    u = x * radial + 2 * TANGENTIAL[0] * x * y + TANGENTIAL[1] * (r2 + 2 * x * x)
    v = y * radial + 2 * TANGENTIAL[1] * x * y + TANGENTIAL[0] * (r2 + 2 * y * y)
    return cam, np.stack([FOCAL[0] * u + CENTRE[0], FOCAL[1] * v + CENTRE[1]], axis=-1)


def test_every_camera_sees_every_frame_where_its_calibration_puts_it(h36m_dir):
    poses = load_h36m(h36m_dir, subjects=["S9"])
    assert len(poses) == 4 * (5 + 4 + 3)
    assert poses.action_names == ("SittingDown", "Walking")
    assert poses.actions.tolist() == [0] * 12 + [1] * 36
    start = 12
    for number in range(4):
        cam, pixels = expected_view(RECORDINGS["S9", "Walking"], number)
        np.testing.assert_allclose(poses.poses_cam_mm[start : start + 5], cam, atol=2e-3)
        np.testing.assert_allclose(poses.poses_px["gt"][start : start + 5], pixels, atol=1e-3)
        start += 5
    assert poses.poses_cam_mm.dtype == poses.poses_px["gt"].dtype == poses.intrinsics_px.dtype == torch.float32
    assert poses.intrinsics_px.tolist() == [[*FOCAL, *CENTRE]] * 48
    assert poses.left_out == 0


def test_detections_are_mapped_to_our_joints_frame_by_frame(h36m_dir):
    poses = load_h36m(h36m_dir, subjects=["S9"], actions=["SittingDown"])
    for number in range(4):
        expected = joint_weights("mpii_16") @ make_detections(3, number)
        np.testing.assert_allclose(poses.poses_px["detected"][3 * number : 3 * number + 3], expected, rtol=1e-5)


def test_both_layouts_give_the_same(h36m_dir, tmp_path):
    ours = load_h36m(h36m_dir)
    theirs = load_h36m(write_videopose3d(tmp_path / "vp3d", RECORDINGS))
    assert len(ours) == len(theirs) == 4 * 20 - 6
    torch.testing.assert_close(ours.poses_cam_mm, theirs.poses_cam_mm, atol=2e-3, rtol=0)
    torch.testing.assert_close(ours.poses_px["gt"], theirs.poses_px["gt"], atol=1e-3, rtol=0)
    torch.testing.assert_close(ours.poses_px["detected"], theirs.poses_px["detected"])
    assert torch.equal(ours.actions, theirs.actions) and ours.action_names == theirs.action_names


def test_the_corrupted_video_is_nowhere(h36m_dir):
    poses = load_h36m(h36m_dir, subjects=["S11"], actions=["Directions"])
    assert len(poses) == 3 * 6 + 4 * 2
    first = expected_view(RECORDINGS["S11", "Directions"], 1)[1]
    np.testing.assert_allclose(poses.poses_px["gt"][:6], first, atol=1e-3)
    assert torch.isfinite(poses.poses_px["detected"]).all()


def test_stride_starts_anew_in_each_recording(h36m_dir):
    every, second = load_h36m(h36m_dir, ["S9"]), load_h36m(h36m_dir, ["S9"], stride=2)
    lengths = [3] * 4 + [5] * 4 + [4] * 4
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    index = torch.tensor([start + i for start, n in zip(starts, lengths, strict=True) for i in range(0, n, 2)])
    assert torch.equal(second.poses_cam_mm, every.poses_cam_mm[index])
    assert torch.equal(second.poses_px["detected"], every.poses_px["detected"][index])


def test_frames_follow_each_other_within_one_recording_of_one_camera(tmp_path):
    recordings = {("S9", "Walking"): make_world_m(5, 1), ("S9", "Walking 1"): make_world_m(4, 2)}
    recordings["S9", "Walking"][2, 0] = np.nan
    poses = load_h36m(write_baseline(tmp_path / "h36m", recordings), ["S9"])
    # Of the first recording's frames 0, 1, 3 and 4 are left.
    starts = range(0, 32, 4)
    expected = [[start + 1, -1, start + 3, -1] for start in starts[:4]]
    expected += [[start + 1, start + 2, start + 3, -1] for start in starts[4:]]
    assert poses.next_frame.view(8, 4).tolist() == expected and poses.left_out == 4


def test_cameras_come_in_the_order_of_their_numbers(tmp_path):
    write_cameras(tmp_path / "sorted.h5")
    write_cameras(tmp_path / "shuffled.h5", shuffled=True)
    for subject in ("S9", "S11"):
        one, other = read_cameras(tmp_path / "sorted.h5", subject), read_cameras(tmp_path / "shuffled.h5", subject)
        assert [camera.name for camera in one] == [camera.name for camera in other] == list(CAMERA_NAMES)
        assert all(torch.equal(a.rotation, b.rotation) for a, b in zip(one, other, strict=True))


def test_other_spellings_of_actions_are_understood(tmp_path):
    recordings = {("S9", "TakingPhoto 1"): make_world_m(2), ("S9", "WalkingDog"): make_world_m(2)}
    poses = load_h36m(write_baseline(tmp_path / "h36m", recordings), ["S9"], actions=["WalkingDog", "Photo"])
    assert poses.action_names == ("Photo", "WalkDog")
    assert torch.isfinite(poses.poses_px["detected"]).all()


def test_missing_detections_are_nan_and_no_detections_no_entry(h36m_dir):
    (h36m_dir / "S9" / "StackedHourglass" / f"SittingDown_2.{CAMERA_NAMES[1]}.h5").unlink()
    poses = load_h36m(h36m_dir, ["S9"], ["SittingDown"])
    missing = torch.isnan(poses.poses_px["detected"]).all(dim=(1, 2))
    assert missing.tolist() == [False] * 3 + [True] * 3 + [False] * 6
    assert torch.isfinite(poses.poses_px["gt"]).all()
    assert "detected" not in load_h36m(h36m_dir, ["S9"], detections=False).poses_px


def rewrite(path, key, values):
    with h5py.File(path, "w") as file:
        file[key] = values


def test_lengths_that_differ_by_a_frame_are_cut_and_others_refused(h36m_dir):
    path = h36m_dir / "S9" / "StackedHourglass" / f"SittingDown_2.{CAMERA_NAMES[1]}.h5"
    rewrite(path, "poses", make_detections(2))
    assert len(load_h36m(h36m_dir, ["S9"], ["SittingDown"])) == 3 + 2 + 3 + 3
    rewrite(path, "poses", make_detections(30))
    with pytest.raises(ValueError, match="S9 SittingDown 2 has 3 frames of 3D but 30 of detections by 55011271"):
        load_h36m(h36m_dir, ["S9"], ["SittingDown"])


def test_impossible_frames_are_left_out_and_counted(tmp_path):
    world = make_world_m(5)
    world[1, 3, 0] = np.nan
    world[2] = world[2, :1]
    # On the optical axis of the first camera, a metre behind it.
    world[3, 0] = 6, 0, 0
    poses = load_h36m(write_baseline(tmp_path / "h36m", {("S9", "Posing"): world}), ["S9"])
    assert poses.left_out == 4 + 4 + 1 and len(poses) == 20 - 9
    assert torch.isfinite(poses.poses_px["gt"]).all() and (poses.poses_cam_mm[..., 2] > 0).all()
    world[:] = np.inf
    with pytest.raises(ValueError, match="no usable frame among 20"):
        load_h36m(write_baseline(tmp_path / "bad", {("S9", "Posing"): world}), ["S9"])


def one_sentence(error):
    text = str(error.value)
    return "\n" not in text and len(text) < 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subjects": ["S2"]}, "unknown subject 'S2'; known: S1, S5"),
        ({"actions": ["Dancing"]}, "unknown action 'Dancing'; known: Directions"),
        ({"subjects": ["S1"]}, "no recordings in .*S1"),
        ({"stride": 0}, "stride is 0"),
        ({"actions": ["Eating"]}, "no usable frame"),
    ],
)
def test_impossible_wishes_are_named(h36m_dir, options, message):
    with pytest.raises(ValueError, match=message) as error:
        load_h36m(h36m_dir, **options)
    assert one_sentence(error)


@pytest.mark.parametrize("write", [write_baseline, write_videopose3d])
def test_cameras_are_needed(write, tmp_path):
    folder = write(tmp_path / "h36m", RECORDINGS)
    write_cameras(folder / "cameras.h5", subjects=["9"])
    with pytest.raises(ValueError, match="no cameras of subject S11") as error:
        load_h36m(folder)
    assert one_sentence(error)
    (folder / "cameras.h5").unlink()
    with pytest.raises(ValueError, match=r"cameras\.h5 is not there") as error:
        load_h36m(folder)
    assert one_sentence(error)


@pytest.mark.parametrize(("key", "value"), [("R", 7.0), ("f", -1145.0), ("T", np.nan), ("k", np.inf)])
def test_impossible_cameras_are_refused(key, value, tmp_path):
    write_cameras(tmp_path / "cameras.h5")
    with h5py.File(tmp_path / "cameras.h5", "a") as file:
        file[f"subject9/camera2/{key}"][0] = value
    with pytest.raises(ValueError, match=rf"S9's camera .* in {tmp_path}/cameras.h5 is not a camera"):
        read_cameras(tmp_path / "cameras.h5", "S9")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:1500]), "cannot be read as HDF5"),
        (lambda path: path.write_text("no numbers"), "cannot be read as HDF5"),
        (lambda path: rewrite(path, "poses", np.zeros((96, 3))), "has no '3D_positions'"),
        (lambda path: rewrite(path, "3D_positions", np.zeros((51, 3))), "instead of 96 x any numbers"),
        (lambda path: rewrite(path, "3D_positions", np.full((96, 3), b"x")), "instead of 96 x any numbers"),
    ],
)
def test_damaged_recordings_are_named(h36m_dir, damage, message):
    path = h36m_dir / "S9" / "MyPoses" / "3D_positions" / "Walking 1.h5"
    damage(path)
    with pytest.raises(ValueError, match=message) as error:
        load_h36m(h36m_dir)
    assert one_sentence(error) and "Walking 1.h5" in str(error.value)


def test_parsed_data_is_cached_until_a_file_changes(h36m_dir, cache_dir, monkeypatch):
    first = load_h36m(h36m_dir)
    assert len(list(cache_dir.iterdir())) == 1
    monkeypatch.setattr("datasets.h36m._assemble", lambda *_: pytest.fail("parsed again"))
    again = load_h36m(h36m_dir)
    assert torch.equal(first.poses_px["detected"], again.poses_px["detected"])
    assert torch.equal(first.actions, again.actions) and first.action_names == again.action_names
    assert again.name == first.name and again.left_out == first.left_out
    monkeypatch.undo()
    monkeypatch.setenv("POSE_CACHE_DIR", str(cache_dir))
    path = h36m_dir / "S9" / "MyPoses" / "3D_positions" / "Walking 1.h5"
    rewrite(path, "3D_positions", np.random.default_rng(0).uniform(-900, 900, (96, 4)))
    assert not torch.equal(load_h36m(h36m_dir).poses_cam_mm, first.poses_cam_mm)
    assert len(load_h36m(h36m_dir, stride=2)) < len(first)


def test_progress_is_shown_when_asked(h36m_dir, capsys):
    load_h36m(h36m_dir, ["S9"])
    assert capsys.readouterr().out == ""
    load_h36m(h36m_dir, ["S11"], progress=True)
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.real_data
@pytest.mark.skipif(
    not (Path(os.environ.get("POSE_DATA_DIR", "")) / "h36m" / "cameras.h5").is_file(),
    reason="needs Human3.6M in POSE_DATA_DIR/h36m",
)
@pytest.mark.parametrize(
    ("subject", "frames", "thigh_mm", "shin_mm"), [("S9", 294_176, 472.2, 468.6), ("S11", 231_151, 461.9, 460.2)]
)
def test_human36m_is_what_it_should_be(subject, frames, thigh_mm, shin_mm):
    poses = load_h36m(Path(os.environ["POSE_DATA_DIR"]) / "h36m", [subject])
    # Some copies lack S9 Discussion 1: 4 x 5,873 frames.
    assert len(poses) in (frames, frames + 4 * 5873 * (subject == "S9")) and len(poses.action_names) == 15

    def length_mm(one, other):
        return (poses.poses_cam_mm[:, INDEX[one]] - poses.poses_cam_mm[:, INDEX[other]]).norm(dim=-1).median().item()

    for side in ("left", "right"):
        assert length_mm(f"{side}_hip", f"{side}_knee") == pytest.approx(thigh_mm, abs=0.1)
        assert length_mm(f"{side}_knee", f"{side}_foot") == pytest.approx(shin_mm, abs=0.1)
    same = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("knee", "shoulder", "elbow", "wrist")]
    distance_px = (poses.poses_px["gt"] - poses.poses_px["detected"])[:, same].norm(dim=-1)
    # More for S9, three of whose recordings are shifted against their videos.
    assert 6 < distance_px.nanmedian() < 10
