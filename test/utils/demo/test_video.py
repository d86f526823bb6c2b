import threading
import time

import av
import numpy as np
import pytest
from samples_videos import cut_losslessly, noise, write_video

from utils.demo.video import VideoFrames, ahead


def times(path):
    return [frame.seconds for frame in VideoFrames(path)]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mjpeg"), ("a.mp4", "libx264"), ("a.mts", "libx264"), ("a.MKV", "libx264")]
)
def test_frames_come_in_order_with_their_times(tmp_path, name, codec):
    format = "mpegts" if name.endswith("mts") else None
    frames = VideoFrames(write_video(tmp_path / name, noise(40), codec=codec, format=format))
    assert frames.rate == pytest.approx(20, abs=0.1)
    assert frames.expected == pytest.approx(40, abs=1)
    seconds, red = zip(*((frame.seconds, frame.picture().rgb[..., 0].mean()) for frame in frames), strict=True)
    assert len(seconds) == 40
    assert np.diff(seconds) == pytest.approx(0.05, abs=1e-3)
    assert red[35] - red[5] == pytest.approx(150, abs=15), "RGB, not BGR"
    assert frames.problem is None


def test_a_variable_rate_keeps_its_times(tmp_path):
    stamps = [0, 0.033, 0.066, 0.1, 0.4, 0.7, 1.0]
    assert times(write_video(tmp_path / "a.mkv", noise(7), stamps)) == pytest.approx(stamps, abs=2e-3)


def test_what_was_cut_off_is_not_shown(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", noise(40))
    cut = VideoFrames(cut_losslessly(whole, tmp_path / "cut.mp4", 1.0))
    assert [frame.seconds for frame in cut] == pytest.approx(np.arange(20) / 20, abs=1e-3)
    assert cut.problem is None


@pytest.mark.skipif(not hasattr(av.VideoStream, "set_display_rotation"), reason="this PyAV writes no rotation")
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_are_upright(tmp_path, rotation):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:20, :20] = 255
    (frame,) = VideoFrames(write_video(tmp_path / "a.mp4", [picture], rotation=rotation))
    rgb = frame.picture().rgb
    expected = np.rot90(picture, rotation // 90)
    assert rgb.shape == expected.shape
    assert frame.size_px == expected.shape[1::-1]
    assert np.abs(rgb.astype(int) - expected).mean() < 8


def test_pixels_are_made_square(tmp_path):
    (frame,) = VideoFrames(write_video(tmp_path / "a.mp4", noise(1, (64, 96)), aspect=1.5))
    assert frame.size_px == (96, 96)
    assert frame.picture().rgb.shape == (96, 96, 3)


def test_large_frames_are_looked_at_small(tmp_path):
    (frame,) = VideoFrames(write_video(tmp_path / "a.mp4", noise(1, (320, 160))))
    picture = frame.picture(longest_px=64)
    assert picture.rgb.shape == (32, 64, 3)
    assert picture.scale == 5
    assert picture.size_px == (320, 160)


def test_a_name_with_a_colon_is_no_protocol(tmp_path):
    write_video(tmp_path / "a.mp4", noise(3)).rename(tmp_path / "12:30:00.mp4")
    assert len(times(tmp_path / "12:30:00.mp4")) == 3


def test_limit(tmp_path):
    assert len(list(VideoFrames(write_video(tmp_path / "a.mp4", noise(20)), limit=7))) == 7


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mjpeg"), ("a.mkv", "libx264"), ("a.ts", "libx264")])
def test_a_damaged_end_gives_what_was_decoded_and_says_so(tmp_path, name, codec):
    path = write_video(tmp_path / name, noise(60), codec=codec, format="mpegts" if name.endswith("ts") else None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = VideoFrames(path)
    assert 10 < len(list(frames)) < 40
    assert frames.problem or name.endswith("ts"), "a transport stream does not know its length"


def test_damage_in_the_middle_does_not_end_it(tmp_path):
    path = write_video(tmp_path / "a.mkv", noise(60))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    frames = VideoFrames(path)
    assert len(list(frames)) > 40


@pytest.mark.parametrize("name", ["text.mp4", "text.txt", "list.m3u8"])
def test_no_video(tmp_path, name):
    (tmp_path / name).write_text("#EXTM3U\n#EXTINF:1,\na.ts\n" * 20 if name == "list.m3u8" else "no video\n" * 50)
    with pytest.raises(ValueError, match="is not a video that can be read"):
        VideoFrames(tmp_path / name)


def test_no_camera():
    with pytest.raises(ValueError, match="camera 77 cannot be opened"):
        VideoFrames(77)


def test_ahead_keeps_order_and_works_in_advance():
    made = []
    items = ahead((made.append(number) or number for number in range(20)), size=3)
    assert next(items) == 0
    time.sleep(0.3)
    assert 2 <= len(made) <= 6, "neither one by one nor all at once"
    assert list(items) == list(range(1, 20))


def test_what_goes_wrong_in_the_thread_is_raised_here():
    def failing():
        yield 1
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        list(ahead(ahead(failing())))


def test_who_stops_early_stops_the_threads():
    before = threading.active_count()
    items = ahead(ahead(iter(range(1_000_000))))
    assert next(items) == 0
    items.close()
    time.sleep(0.5)
    assert threading.active_count() == before
