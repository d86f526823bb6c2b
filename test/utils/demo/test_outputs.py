import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from samples_keypoints import lifted, standing

from utils.demo.images import Picture
from utils.demo.outputs import AZIMUTHS_DEG, all_or_nothing, overview, save_scene, square_around, write_gif
from utils.demo.people import Camera, Scene
from utils.drawing.poses import turntable
from utils.skeleton import JOINTS

CAMERA = Camera(None, "none")
FILES = ["input.png", "overview.png", "pose.html", "pose.json", "pose_2d.png", "pose_3d_000.png", "pose_3d_015.png",
         "pose_3d_090.png", "pose_3d_165.png", "turntable.gif"]  # fmt: skip


@pytest.fixture
def person():
    return lifted(standing())


@pytest.fixture
def picture():
    return Picture(np.full((300, 200, 3), 200, np.uint8))


@pytest.fixture
def few_frames(monkeypatch):
    monkeypatch.setattr("utils.demo.outputs.turntable", lambda pose, **marks: turntable(pose, 2, 64, **marks))


def test_every_file_is_written(person, picture, tmp_path):
    save_scene(tmp_path, "photo.jpg", picture, Scene([person], CAMERA, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    assert Image.open(tmp_path / "pose_2d.png").size == (200, 300)
    with Image.open(tmp_path / "turntable.gif") as turntable:
        assert turntable.n_frames == 40
        assert turntable.info["loop"] == 0


def test_json_says_what_the_numbers_are(person, picture, tmp_path, few_frames):
    save_scene(tmp_path, "photo.jpg", picture, Scene([person], CAMERA, 1))
    content = json.loads((tmp_path / "pose.json").read_text())
    assert content["picture"] == {"name": "photo.jpg", "width_px": 200, "height_px": 300}
    assert content["joints"] == list(JOINTS)
    assert np.allclose(content["people"][0]["joints_3d"], person.pose, atol=1e-3)
    assert {"camera", "axes", "unit", "bones"} <= content.keys()


def test_second_person_has_files_of_its_own_that_a_later_run_removes(person, picture, tmp_path, few_frames):
    (tmp_path / "person2_notes.txt").write_text("mine")
    save_scene(tmp_path, "photo.jpg", picture, Scene([person, person], CAMERA, 2))
    assert (tmp_path / "person2_turntable.gif").is_file()
    save_scene(tmp_path, "photo.jpg", picture, Scene([person], CAMERA, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "person2_notes.txt"])


def test_a_huge_picture_is_written_smaller_but_its_coordinates_stay(person, tmp_path, few_frames):
    save_scene(tmp_path, "photo.jpg", Picture(np.zeros((3200, 2400, 3), np.uint8)), Scene([person], CAMERA, 1))
    assert Image.open(tmp_path / "pose_2d.png").size == (1200, 1600)
    joints = json.loads((tmp_path / "pose.json").read_text())["people"][0]["joints_2d_px"]
    assert np.allclose(joints, person.joints.joints_px, atol=0.01)


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), all_or_nothing(tmp_path / "out") as partial:
        (partial / "half.png").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_earlier_results(tmp_path):
    (tmp_path / "pose.json").write_text("earlier")
    with pytest.raises(RuntimeError), all_or_nothing(tmp_path) as partial:
        (partial / "pose.json").write_text("half")
        raise RuntimeError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["earlier"]


def test_no_permission_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(ValueError, match=r"cannot write to .*out: Permission denied"), all_or_nothing(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ValueError, match="cannot write to"), all_or_nothing(tmp_path / "out"):
        pass


def test_full_disk(tmp_path):
    with pytest.raises(ValueError, match="No space left"), all_or_nothing(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_overview_shows_the_person_and_all_views(person):
    photo, views = np.zeros((100, 400, 3), np.uint8), [np.zeros((480, 480, 3), np.uint8)] * len(AZIMUTHS_DEG)
    photo[50, 350] = 255
    corners = np.array([[340.0, 40], [360, 60]])[np.arange(17) % 2]
    person = replace(person, seen=replace(person.seen, joints=replace(person.joints, joints_px=corners)))
    strip = overview(photo, views, person)
    assert strip.shape == (514, 5 * 480, 3)
    rows, columns = np.nonzero(strip[:480, :480, 0] > 128)
    assert rows.mean() == pytest.approx(240, abs=20)
    assert columns.mean() == pytest.approx(240, abs=20)


def test_overview_has_a_row_for_every_person(person, picture, tmp_path, few_frames):
    save_scene(tmp_path, "photo.jpg", picture, Scene([person] * 3, CAMERA, 3))
    assert Image.open(tmp_path / "overview.png").size == (5 * 480, 3 * 514)


@pytest.mark.parametrize("joints", [[[0, 0], [50, 50]], [[350, 10], [420, 110]], [[-300, -300], [900, 900]]])
def test_overview_at_the_edge(joints):
    photo = np.zeros((100, 400, 3), np.uint8)
    tile = np.asarray(square_around(photo, np.array(joints, float), 480))
    assert tile.shape == (480, 480, 3)
    assert (tile == 0).any()


def test_gif_keeps_its_colours(tmp_path):
    frames = [np.full((20, 20, 3), colour, np.uint8) for colour in ((30, 119, 208), (224, 72, 46), (60, 60, 70))]
    write_gif(tmp_path / "a.gif", frames)
    with Image.open(tmp_path / "a.gif") as animation:
        for number, frame in enumerate(frames):
            animation.seek(number)
            assert np.abs(np.asarray(animation.convert("RGB")).astype(int) - frame).max() < 8
