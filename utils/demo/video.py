"""Videos and cameras frame by frame: reading with checks, writing an annotated MP4 and one JSON as frames come."""

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..drawing.poses import draw_pose_2d, draw_pose_3d
from .images import LARGEST_PIXELS, Picture, shrink
from .people import CONVENTIONS, Camera, Person

# FFmpeg and OpenCV would write their own words about a broken video between ours.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

FRAME_HEIGHT_PX = 720
VIEW_AZIMUTHS_DEG = (15, 90)
ENDS_EARLY_S = 0.5
MOST_CAMERAS = 1000


def import_opencv():
    """OpenCV, which only videos and OpenPose need.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise ValueError("videos and OpenPose need OpenCV: pip install 'opencv-python-headless<5'") from error
    return cv2


class VideoFrames:
    """The frames of a video file or camera.

    Args:
        source: path, or the number of a camera.
        limit: stop after so many frames; 0 for all.

    Raises:
        ValueError: one sentence, if it cannot be opened.
    """

    def __init__(self, source: Path | int, limit: int = 0) -> None:
        self._cv2 = cv2 = import_opencv()
        self.source, self.limit = source, limit
        self.is_camera = isinstance(source, int)
        self._capture = self._open(cv2)
        if not self._capture.isOpened():
            what = f"there is no camera {source}" if self.is_camera else f"{source} is not a video that can be read"
            raise ValueError(what)
        width, height = (self._capture.get(side) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > LARGEST_PIXELS:
            raise ValueError(f"{source} has {width:.0f} x {height:.0f} pixels a frame; shrink it first")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and 1 <= rate <= 1000 else 30.0
        count = 0 if self.is_camera else self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.expected = max(int(count), 0) if math.isfinite(count) else 0

    def _open(self, cv2):
        if self.is_camera:
            return cv2.VideoCapture(self.source) if self.source <= MOST_CAMERAS else cv2.VideoCapture()
        # A FIFO would keep us waiting for ever.
        if not self.source.is_file():
            return cv2.VideoCapture()
        # OpenCV's other ways to read a file have their own words about a broken one.
        has_ffmpeg = cv2.CAP_FFMPEG in cv2.videoio_registry.getStreamBackends()
        return cv2.VideoCapture(str(self.source), cv2.CAP_FFMPEG if has_ffmpeg else cv2.CAP_ANY)

    def __iter__(self) -> Iterator[tuple[float, Picture]]:
        """Time in seconds and picture, one frame in memory at a time.

        Raises:
            ValueError: if the file ends before its announced length.
        """
        start, number, seconds = time.monotonic(), 0, 0.0
        while not self.limit or number < self.limit:
            got, frame = self._capture.read()
            if not got:
                self._check_end(number, seconds)
                return
            stamp = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000
            seconds = time.monotonic() - start if self.is_camera else max(stamp, seconds)
            yield seconds, Picture(self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB))
            number += 1

    def _check_end(self, number: int, seconds: float) -> None:
        if number == 0:
            raise ValueError(f"{self.source} gives no picture")
        if self.is_camera:
            raise ValueError(f"camera {self.source} stopped after {number} frames")
        if number < self.expected and seconds + 1 / self.rate < self.expected / self.rate - ENDS_EARLY_S:
            raise ValueError(
                f"{self.source} is broken: {number} of {self.expected} frames can be read; "
                f"cut it there with --max_frames {number}"
            )


class VideoOutput:
    """An annotated MP4 and one JSON, written frame by frame into a folder: memory does not grow with the video.

    Args:
        folder: gets pose.mp4 and pose.json.
        name: of the video, for the JSON.
        rate: frames a second.
    """

    def __init__(self, folder: Path, name: str, rate: float) -> None:
        self._cv2, self._folder, self._rate = import_opencv(), folder, rate
        self._writer, self._size = None, (0, 0)
        self._head = {"video": {"name": name, "frames_per_second": rate}}
        self._json = (folder / "pose.json").open("w", encoding="utf-8")
        self.frames = self.people = 0

    def __enter__(self) -> "VideoOutput":
        return self

    def __exit__(self, *error) -> None:
        self._json.write("\n]}\n")
        self._json.close()
        if self._writer is not None:
            self._writer.release()

    def add(self, seconds: float, picture: Picture, people: list[tuple[int, Person]], camera: Camera) -> None:
        """Appends a frame with its people, each with the number that follows them.

        Raises:
            ValueError: if the frame has another size than those before, or OpenCV cannot write MP4.
        """
        frame = side_by_side(picture.rgb, [person for _, person in people])
        if self._writer is None:
            self._begin(frame.shape[1::-1], camera)
        if frame.shape[1::-1] != self._size:
            raise ValueError(f"the video's pictures change their size after {self.frames} frames")
        self._writer.write(np.ascontiguousarray(frame[..., ::-1]))
        entry = {"time_s": round(seconds, 4)}
        entry["people"] = [{"id": number, **person.to_dict(with_keypoints=False)} for number, person in people]
        self._json.write((",\n" if self.frames else "\n") + json.dumps(entry))
        self.frames, self.people = self.frames + 1, self.people + len(people)

    def _begin(self, size: tuple[int, int], camera: Camera) -> None:
        """Opens the MP4 and writes the head of the JSON, once the first frame tells the size."""
        self._size, code = size, self._cv2.VideoWriter_fourcc(*"mp4v")
        self._writer = self._cv2.VideoWriter(str(self._folder / "pose.mp4"), code, self._rate, size)
        if not self._writer.isOpened():
            raise ValueError("cannot write an MP4: this build of OpenCV has no MPEG-4 encoder")
        head = json.dumps({**self._head, "camera": camera.to_dict(), **CONVENTIONS})
        self._json.write(head[:-1] + ', "frames": [')


def side_by_side(rgb: np.ndarray, people: list[Person]) -> np.ndarray:
    """A frame with its keypoints, and beside it the first person's 3D pose from two sides. MP4 wants even sides."""
    height = min(rgb.shape[0], FRAME_HEIGHT_PX) // 4 * 4
    photo, factor = shrink(rgb, max(round(max(rgb.shape[:2]) * height / rgb.shape[0]), 2))
    photo = photo[:height, : photo.shape[1] // 2 * 2]
    for person in reversed(people):
        shown = person.drawn_in(factor)
        photo = draw_pose_2d(photo, shown.joints.joints_px, shown.joints.filled)
    side = height // 2
    if not people:
        views = np.full((height, side, 3), 238, np.uint8)
    else:
        first = people[0]
        views = np.vstack([draw_pose_3d(first.pose, at, side, first.joints.filled) for at in VIEW_AZIMUTHS_DEG])
    return np.ascontiguousarray(np.hstack([photo, views]))
