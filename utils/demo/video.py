"""Videos, cameras and streams frame by frame, as FFmpeg decodes them through PyAV."""

import logging
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np

from .images import LARGEST_PIXELS, Picture

Item = TypeVar("Item")
LOOKED_AT_PX = 1280
"""People are looked for in frames with no side over this, as in pictures (`models.detectors.crops`)."""
ENDS_EARLY_S = 0.5
TICKS = 90_000
"""Of an output's clock in a second, as in MPEG: frames of 24, 25 and 30 a second fall on it exactly."""
FILE_FORMATS_REFUSED = ("tty", "image2", "lavfi", "concat", "hls", "dash")
"""FFmpeg reads any text as a film of letters, and lists of other files; neither is a video of one's own."""
CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 20.0, 20.0

av.logging.set_level(None)  # FFmpeg would write its own words about a broken video between ours
logging.getLogger("libav").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        seconds: its time, from the first frame on.
        duration_s: until the next one, as far as is known.
        size_px: width and height as it is shown: upright, and with square pixels.
        decoded: as FFmpeg gives it.
    """

    seconds: float
    duration_s: float
    size_px: tuple[int, int]
    decoded: av.VideoFrame

    def picture(self, longest_px: int = LOOKED_AT_PX) -> Picture:
        """The frame with no side over `longest_px`."""
        scale = max(max(self.size_px) / longest_px, 1.0)
        turns = self.decoded.rotation // 90 % 4
        width, height = (max(round(length / scale), 1) for length in self.size_px)
        stored = (height, width) if turns % 2 else (width, height)
        rgb = self.decoded.to_ndarray(format="rgb24", width=stored[0], height=stored[1], interpolation="AREA")
        return Picture(np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb, scale=scale)


class VideoFrames:
    """The frames of a video.

    Args:
        source: path or address; or the number of a camera.
        limit: stop after so many frames; 0 for all.

    Raises:
        ValueError: one sentence, if it cannot be opened.
    """

    def __init__(self, source: Path | str | int, limit: int = 0) -> None:
        self.source, self.limit = source, limit
        self._container = self._open()
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        codec = self._stream.codec_context
        if codec.width * codec.height > LARGEST_PIXELS:
            raise ValueError(f"{self} has {codec.width} x {codec.height} pixels a frame; shrink it first")
        rate = float(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.rate = rate if 1 <= rate <= 1000 else 30.0
        self.length_s = (self._container.duration or 0) / av.time_base
        if self._container.format.name == "avi":
            # Of a file that was cut off, FFmpeg gives the length that is left.
            self.length_s = max(self._stream.frames / self.rate, self.length_s)
        self.problem: str | None = None

    def __str__(self) -> str:
        return f"camera {self.source}" if isinstance(self.source, int) else str(self.source)

    @property
    def expected(self) -> int:
        """About how many frames will come; 0 if nobody knows."""
        return self.limit or round(self.length_s * self.rate)

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(**self._address(), timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S))
        except (av.FFmpegError, OSError, ValueError) as error:
            what = "cannot be opened" if not isinstance(self.source, Path) else "is not a video that can be read"
            raise ValueError(f"{self} {what} ({getattr(error, 'strerror', None) or error})") from error
        named = set(container.format.name.split(","))
        if not container.streams.video or (isinstance(self.source, Path) and named & set(FILE_FORMATS_REFUSED)):
            raise ValueError(f"{self} is not a video that can be read (it has no pictures)")
        return container

    def _address(self) -> dict:
        """What FFmpeg is told to open."""
        if isinstance(self.source, Path):
            # "file:" keeps FFmpeg from taking what comes before a colon in a name for a protocol.
            return {"file": f"file:{self.source.absolute()}", "options": {"protocol_whitelist": "file"}}
        if isinstance(self.source, str):
            return {"file": self.source, "options": {"rtsp_transport": "tcp"} if self.source.startswith("rtsp") else {}}
        kind = CAMERA_FORMATS.get(sys.platform, "v4l2")
        if sys.platform == "linux":
            return {"file": f"/dev/video{self.source}", "format": kind}
        if sys.platform == "darwin":
            return {"file": str(self.source), "format": kind, "options": {"framerate": "30"}}
        devices = [device.name for device in av.enumerate_input_devices(kind) if "video" in device.media_types]
        if self.source >= len(devices):
            raise ValueError("there is no such camera")
        return {"file": f"video={devices[self.source]}", "format": kind}

    def __iter__(self) -> Iterator[Frame]:
        """The frames that can be decoded; afterwards `problem` says what could not.

        Raises:
            ValueError: if there is not a single one.
        """
        size, first, seconds, number = None, None, -1.0, 0
        for decoded in self._decoded():
            size = size or self._shown_size(decoded)
            stamp = time.monotonic() if isinstance(self.source, int) else decoded.time
            first = stamp if first is None else first
            now = seconds + 1 / self.rate if stamp is None or first is None else float(stamp - first)
            # Each frame is later than the one before, whatever the file says.
            seconds = max(now, seconds + 1 / TICKS) if number else 0.0
            duration_s = float((decoded.duration or 0) * (decoded.time_base or 0)) or 1 / self.rate
            yield Frame(seconds, duration_s, size, decoded)
            number += 1
            if number == self.limit:
                return
        if not number:
            raise ValueError(f"{self} gives no picture")
        # What the container holds before the pictures begin was cut off, and is not missing.
        begin_s = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        cut_off_s = max(begin_s - (self._container.start_time or 0) / av.time_base, 0.0)
        if seconds + 1 / self.rate < self.length_s - ENDS_EARLY_S - cut_off_s:
            self.problem = f"it ends after {seconds:.1f} of {self.length_s:.1f} seconds"

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Frame after frame; a damaged packet is skipped, and a damaged end ends it."""
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError as error:
                    self.problem = f"a part of it is damaged ({error.strerror})"
        except av.EOFError:
            return
        except av.FFmpegError as error:
            self.problem = f"it breaks off ({error.strerror})"

    def _shown_size(self, decoded: av.VideoFrame) -> tuple[int, int]:
        """Width and height upright and with square pixels."""
        square = Fraction(1)
        aspect = self._stream.sample_aspect_ratio or square
        width, height = round(decoded.width * max(aspect, square)), round(decoded.height / min(aspect, square))
        return (height, width) if decoded.rotation // 90 % 2 else (width, height)


def ahead(items: Iterable[Item], size: int = 3) -> Iterator[Item]:
    """The items, made in a thread of their own, at most `size` of them in advance.

    What goes wrong there is raised here. A consumer that stops early stops the thread as well.
    """
    source, end = iter(items), object()
    worker = ThreadPoolExecutor(1)
    coming = deque(worker.submit(next, source, end) for _ in range(size))
    try:
        while True:
            while not coming[0].done():
                # Waiting without end would keep Ctrl-C out on Windows.
                wait([coming[0]], timeout=0.5)
            item: Any = coming.popleft().result()
            if item is end:
                return
            coming.append(worker.submit(next, source, end))
            yield item
    finally:
        worker.shutdown(cancel_futures=True)
