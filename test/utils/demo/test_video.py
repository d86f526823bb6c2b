import json
import sys

import numpy as np
import pytest
from samples_keypoints import lifted, standing

from utils.demo.images import Picture
from utils.demo.people import Camera
from utils.demo.video import VideoFrames, VideoOutput, import_opencv, side_by_side

cv2 = pytest.importorskip("cv2")


@pytest.fixture
def person():
    return lifted(standing())


@pytest.fixture
def write_video(tmp_path):
    def write(name="video.avi", frames=40, size=(64, 48)):
        path = tmp_path / name
        code = {"avi": "MJPG", "mp4": "mp4v"}[path.suffix[1:]]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 20, size)
        rng = np.random.default_rng(0)
        for number in range(frames):
            frame = rng.integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
            frame[:, :, 2] = 5 * number
            writer.write(frame)
        writer.release()
        return path

    return write


@pytest.mark.parametrize("name", ["video.avi", "video.mp4"])
def test_frames_come_in_order_with_their_times(write_video, name):
    frames = VideoFrames(write_video(name))
    assert frames.rate == 20
    assert frames.expected == 40
    times, red = zip(*((seconds, picture.rgb[..., 0].mean()) for seconds, picture in frames), strict=True)
    assert len(times) == 40
    assert (np.diff(times) > 0).all()
    assert times[20] - times[0] == pytest.approx(1, abs=0.06)
    assert red[35] - red[5] == pytest.approx(150, abs=15), "RGB, not BGR"


def test_limit(write_video):
    assert len(list(VideoFrames(write_video(), limit=7))) == 7


def test_a_video_broken_in_the_middle(write_video):
    path = write_video()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"is broken: \d+ of \d+ frames can be read|not a video"):
        list(VideoFrames(path))


def test_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="is not a video that can be read"):
        VideoFrames(tmp_path / "text.mp4")


def test_no_camera():
    with pytest.raises(ValueError, match="there is no camera 77"):
        VideoFrames(77)


def test_opencv_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ValueError, match="need OpenCV: pip install"):
        import_opencv()


def test_output_can_be_read_again(person, tmp_path):
    picture = Picture(np.full((300, 202, 3), 90, np.uint8))
    with VideoOutput(tmp_path, "in.mp4", 20.0) as output:
        for number in range(5):
            output.add(number / 20, picture, [(1, person)] if number != 2 else [], Camera(None, "none"))
    content = json.loads((tmp_path / "pose.json").read_text())
    assert content["video"] == {"name": "in.mp4", "frames_per_second": 20.0}
    assert [len(frame["people"]) for frame in content["frames"]] == [1, 1, 0, 1, 1]
    assert content["frames"][4]["time_s"] == 0.2
    assert content["frames"][0]["people"][0]["id"] == 1
    assert (output.frames, output.people) == (5, 4)
    assert len(list(VideoFrames(tmp_path / "pose.mp4"))) == 5


def test_a_change_of_size_is_refused(person, tmp_path):
    with (
        pytest.raises(ValueError, match="change their size after 1 frames"),
        VideoOutput(tmp_path, "x", 20.0) as output,
    ):
        for size in ((300, 200), (200, 300)):
            output.add(0.0, Picture(np.zeros((*size, 3), np.uint8)), [], Camera(None, "none"))


@pytest.mark.parametrize("size", [(300, 201), (1080, 1920), (721, 333), (40, 30)])
def test_frames_have_even_sides_and_equal_heights(person, size):
    picture = np.zeros((*size, 3), np.uint8)
    with_person, without = side_by_side(picture, [person]), side_by_side(picture, [])
    assert with_person.shape == without.shape
    assert with_person.shape[0] % 2 == with_person.shape[1] % 2 == 0
    assert with_person.shape[0] <= 720
