import http.server
import io
import threading

import numpy as np
import pytest
from PIL import Image
from samples_videos import noise, write_video

from utils.demo.sources import members, opened


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), "red").save(buffer, "PNG")
    return buffer.getvalue()


def kind_of(text):
    with opened(str(text)) as source:
        return source.kind


def test_the_content_tells_not_the_name(tmp_path):
    (tmp_path / "photo.mp4").write_bytes(png())
    assert kind_of(tmp_path / "photo.mp4") == "picture"
    write_video(tmp_path / "clip.mp4", noise(2)).rename(tmp_path / "clip")
    assert kind_of(tmp_path / "clip") == "video"
    assert kind_of(tmp_path) == "folder"


def test_numbers_are_cameras_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened("0") as source:
        assert (source.kind, source.place) == ("video", 0)
    (tmp_path / "0").write_bytes(png())
    assert kind_of("0") == "picture"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("none.png", None, "nothing at"), ("empty.mp4", b"", "is empty"), ("text.PNG", b"text", "not an image")],
)
def test_what_cannot_be_read_gets_one_sentence(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        kind_of(tmp_path / name)


@pytest.mark.parametrize("is_video", [False, True])
def test_standard_input(tmp_path, monkeypatch, is_video):
    content = write_video(tmp_path / "a.mp4", noise(3)).read_bytes() if is_video else png()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    with opened("-") as source:
        assert source.kind == ("video" if is_video else "picture")
        assert source.place.read_bytes() == content
    assert not source.place.exists()


def test_nothing_by_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(ValueError, match="nothing came by standard input"):
        kind_of("-")


@pytest.fixture
def web(tmp_path):
    """Serves a folder; gives its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_addresses_of_pictures_and_videos(tmp_path, web, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "photo.png").write_bytes(png())
    write_video(tmp_path / "clip.mp4", noise(3))
    with opened(f"{web}/photo.png?size=large") as source:
        assert (source.kind, source.name) == ("picture", "photo.png")
        assert np.asarray(Image.open(source.place)).shape == (8, 12, 3)
    with opened(f"{web}/clip.mp4") as source:
        from utils.demo.video import VideoFrames

        assert len(list(VideoFrames(source.place))) == 3
    with pytest.raises(ValueError, match=r"cannot read http.*not found"):
        kind_of(f"{web}/none.jpg")


def test_streams_and_foreign_schemes():
    assert kind_of("rtsp://camera.local/live") == "video"
    with pytest.raises(ValueError, match="only http, https"):
        kind_of("gopher://host/photo.jpg")


def test_members_of_a_folder(tmp_path):
    with pytest.raises(ValueError, match="no pictures or videos"):
        members(tmp_path)
    for name in ("a.JPG", "a.png", "b.jfif", "._b.jfif", ".DS_Store"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "broken.heic").write_text("text")
    (tmp_path / "notes.txt").write_text("no video\n" * 50)
    (tmp_path / "more").mkdir()
    write_video(tmp_path / "clip.mts", noise(2), format="mpegts")
    found = {member.path.name: member for member in members(tmp_path)}
    assert {name for name, member in found.items() if member.source} == {"a.JPG", "a.png", "b.jfif", "clip.mts"}
    assert {found["a.JPG"].results, found["a.png"].results, found["b.jfif"].results} == {"a.JPG", "a.png", "b"}
    assert found["clip.mts"].source.kind == "video"
    assert "not an image" in found["broken.heic"].reason and found["broken.heic"].is_meant
    assert "neither a picture nor a video" in found["notes.txt"].reason and not found["notes.txt"].is_meant
    assert "a folder" in found["more"].reason
