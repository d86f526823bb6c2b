"""What an input is: a picture, a folder, a video, a camera, an address, or what comes by standard input."""

import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlparse

from .images import READABLE, is_picture

STREAMS = ("rtsp", "rtsps", "rtmp", "udp", "rtp", "srt", "tcp")
WEB_TIMEOUT_S = 20
LARGEST_DOWNLOAD = 500_000_000
_PICTURES = ".png .jpg .jpeg .jfif .webp .heic .heif .avif .bmp .tif .tiff .gif"
_VIDEOS = ".mp4 .mov .m4v .avi .mkv .webm .mts .m2ts .ts .mpg .mpeg .wmv .3gp .flv .ogv"
PICTURE_SUFFIXES, VIDEO_SUFFIXES = (tuple(names.split()) for names in (_PICTURES, _VIDEOS))
"""Only to say of a file that cannot be read whether somebody takes it for a picture or a video."""


@dataclass(frozen=True)
class Source:
    """Something to lift people from.

    Attributes:
        kind: what it is.
        place: its path, its address, or the number of a camera.
        name: for messages and results.
    """

    kind: Literal["picture", "folder", "video"]
    place: Path | str | int
    name: str


@contextmanager
def opened(text: str) -> Iterator[Source]:
    """The source that somebody means by a word; what had to be fetched is deleted afterwards.

    Raises:
        ValueError: one sentence, if there is none.
    """
    with tempfile.TemporaryDirectory(prefix="demo-") as fetched:
        if text == "-":
            yield _from_stdin(Path(fetched))
        elif "://" in text and not Path(text).exists():
            yield _from_address(text, Path(fetched))
        elif text.isdecimal() and not Path(text).exists():
            yield Source("video", int(text), f"camera {text}")
        else:
            yield from_path(Path(text))


def from_path(path: Path) -> Source:
    """A folder, or a file that its content tells to be a picture or not; what is no picture may be a video."""
    if path.is_dir():
        return Source("folder", path, str(path))
    if not path.exists():
        raise ValueError(f"there is nothing at {path}; give a picture, a folder, a video, an address, the number of a "
                         "camera, or - for standard input")  # fmt: skip
    if not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    if is_picture(path):
        return Source("picture", path, path.name)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise ValueError(f"{path} is not an image that can be read ({READABLE})")
    return Source("video", path, path.name)


def _from_stdin(folder: Path) -> Source:
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    if not path.stat().st_size:
        raise ValueError("nothing came by standard input")
    return Source("picture" if is_picture(path) else "video", path, "standard input")


def _from_address(address: str, folder: Path) -> Source:
    """A stream, which FFmpeg reads, or a picture, which is fetched."""
    url = urlparse(address)
    if url.scheme in STREAMS:
        return Source("video", address, address)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{address}: only http, https, {', '.join(STREAMS)} addresses can be read")
    name = PurePosixPath(url.path).name or url.netloc
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "demo.py"})
        with urllib.request.urlopen(request, timeout=WEB_TIMEOUT_S) as answer:
            if not (answer.headers.get_content_maintype() == "image" or name.lower().endswith(PICTURE_SUFFIXES)):
                return Source("video", address, name)
            content = answer.read(LARGEST_DOWNLOAD + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {address}: {getattr(error, 'reason', error)}") from error
    if len(content) > LARGEST_DOWNLOAD:
        raise ValueError(f"{address} has more than {LARGEST_DOWNLOAD / 1e6:.0f} MB")
    path = folder / "picture"
    path.write_bytes(content)
    return Source("picture", path, name)


@dataclass(frozen=True)
class Member:
    """A file of a folder.

    Attributes:
        path: where it is.
        results: name of its folder of results.
        source: what it is, or None.
        reason: why it is skipped, if it is.
    """

    path: Path
    results: str
    source: Source | None = None
    reason: str = ""

    @property
    def is_meant(self) -> bool:
        """Whether its name says that it is a picture or a video."""
        return self.path.suffix.lower() in PICTURE_SUFFIXES + VIDEO_SUFFIXES


def members(folder: Path) -> list[Member]:
    """What lies in a folder, by name. Hidden files, among them those that macOS leaves beside each file, do not count.

    A folder of results has a file's name without its ending, or with it where two files differ in nothing else.

    Raises:
        ValueError: if there is nothing to be read.
    """
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    stems = Counter(path.stem for path in paths if not path.is_dir())
    found = [_member(path, path.stem if stems[path.stem] == 1 else path.name) for path in paths]
    if not any(member.source or member.is_meant for member in found):
        raise ValueError(f"there are no pictures or videos in {folder}")
    return found


def _member(path: Path, results: str) -> Member:
    if path.is_dir():
        return Member(path, results, reason="it is a folder; give it by itself")
    try:
        source = from_path(path)
        if source.kind == "video":
            from .video import VideoFrames

            VideoFrames(path)
        return Member(path, results, source)
    except ValueError as error:
        member = Member(path, results, reason=str(error))
        return member if member.is_meant else replace(member, reason="it is neither a picture nor a video")
