import json

import av
import pytest
from samples_keypoints import lifted, standing
from samples_videos import noise, write_video

from utils.demo.people import Camera, Scene
from utils.demo.recording import Recording, panel_side, side_by_side, views_of
from utils.demo.video import VideoFrames


@pytest.fixture
def person():
    return lifted(standing())


def record(folder, video, people_of=lambda number: []):
    frames = VideoFrames(video)
    with Recording(folder, "in.mp4", frames.rate) as recording:
        for number, frame in enumerate(frames):
            people = people_of(number)
            recording.add(frame, Scene(people, Camera(None, "none"), len(people)), list(range(1, len(people) + 1)))
    return recording


def test_both_files_say_who_is_where_and_when(person, tmp_path):
    video = write_video(tmp_path / "in.mp4", noise(5, (202, 300)))
    recording = record(tmp_path, video, lambda number: [person] if number != 2 else [])
    content = json.loads((tmp_path / "pose.json").read_text())
    assert content["video"] == {"name": "in.mp4", "frames_per_second": 20.0}
    assert [len(frame["people"]) for frame in content["frames"]] == [1, 1, 0, 1, 1]
    assert content["frames"][4]["time_s"] == 0.2
    assert content["frames"][0]["people"][0]["id"] == 1
    assert (recording.frames, recording.numbers) == (5, {1})
    assert len(list(VideoFrames(tmp_path / "pose.mp4"))) == 5


def test_the_video_keeps_the_times_and_the_length(tmp_path):
    stamps = [0, 0.033, 0.066, 0.1, 0.4, 0.7, 1.0]
    record(tmp_path, write_video(tmp_path / "in.mkv", noise(7), stamps))
    with av.open(str(tmp_path / "pose.mp4")) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(1.05, abs=0.02)
        assert [frame.time for frame in container.decode(stream)] == pytest.approx(stamps, abs=2e-3)


def test_browsers_play_it(tmp_path):
    record(tmp_path, write_video(tmp_path / "in.avi", noise(4), codec="mjpeg"))
    with av.open(str(tmp_path / "pose.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "pose.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "it can begin before all of it has come"


@pytest.mark.parametrize("size", [(202, 300), (1920, 1080), (334, 720), (30, 40), (2, 2)])
def test_frames_have_even_sides_and_equal_heights(person, tmp_path, size):
    (frame,) = VideoFrames(write_video(tmp_path / "a.mp4", noise(1, size)))
    with_person = side_by_side(frame, [person], views_of(person, panel_side(frame)))
    without = side_by_side(frame, [], [])
    assert with_person.shape == without.shape
    assert with_person.shape[0] % 2 == with_person.shape[1] % 2 == 0
    assert with_person.shape[0] <= 720
