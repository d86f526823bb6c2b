"""The README's moving pictures, from the demo's files."""

import json

import numpy as np
from moving_pictures import EVERY, SIDE_PX, TURN_FRAMES, main
from PIL import Image

NOBODY = {"people": []}
POSE = np.random.default_rng(0).normal(0, 0.5, (17, 3))


def results(folder, **content):
    """A folder with a pose.json."""
    folder.mkdir()
    (folder / "pose.json").write_text(json.dumps(content))
    return folder


def someone(turn=0):
    pose = POSE @ [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    return {"people": [{"joints_2d_px": (300 + 100 * pose[:, :2]).tolist(), "joints_3d": pose.tolist()}]}


def test_the_sample_turns_and_the_video_moves(tmp_path):
    sample = results(tmp_path / "sample", **someone())
    Image.new("RGB", (600, 600), "green").save(sample / "pose_2d.png")
    video = results(tmp_path / "video", frames=[someone(frame / 10) for frame in range(10)] + [NOBODY] * EVERY)
    assert main([str(sample), str(video), "--out", str(tmp_path / "out")]) == 0
    for name, frames in (("sample.gif", TURN_FRAMES), ("video.gif", 10 // EVERY)):
        with Image.open(tmp_path / "out" / name) as animation:
            assert (animation.n_frames, animation.size) == (frames, (2 * SIDE_PX, SIDE_PX))
            first = np.asarray(animation.convert("RGB")).astype(int)
            animation.seek(frames // 2)
            changed = np.abs(np.asarray(animation.convert("RGB")) - first).max(axis=-1) > 40
            assert changed[:, SIDE_PX:].any()
            assert changed[:, :SIDE_PX].any() == (name == "video.gif")


def test_missing_results_are_named(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "pose.json" in capsys.readouterr().err
    empty = results(tmp_path / "video", frames=[NOBODY])
    sample = results(tmp_path / "sample", **someone())
    Image.new("RGB", (600, 600)).save(sample / "pose_2d.png")
    assert main([str(sample), str(empty), "--out", str(tmp_path)]) == 2
    assert "shows nobody" in capsys.readouterr().err
