"""What the demo writes about a video, frame by frame: an annotated MP4, a page, one JSON. Memory does not grow."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from ..drawing.poses import draw_pose_2d, draw_pose_3d
from .people import CONVENTIONS, Camera, Person, Scene
from .video import TICKS, Frame
from .viewer import VideoPage

FRAME_HEIGHT_PX = 720
VIEW_AZIMUTHS_DEG = (15, 90)
DRAWN_FRACTION = 0.65
VIEWS_S = 0.03
"""The 3D views of 60 frames a second are drawn 30 times a second."""
ENCODER = {"preset": "veryfast", "crf": "21", "bf": "0"}
"""Without frames that refer to later ones, each is written at once, and the last one ends the file."""


class Recording:
    """pose.mp4 (H.264, as every browser plays it), pose.html and pose.json of a video.

    Args:
        folder: gets them.
        name: of the video, for the JSON.
        rate: frames a second, about: each frame keeps its own time.
    """

    def __init__(self, folder: Path, name: str, rate: float) -> None:
        self._folder, self._name, self._rate = folder, name, rate
        self._json = (folder / "pose.json").open("w", encoding="utf-8")
        self._stream: Any = None
        self._page: Any = None
        self._durations: dict[int, int] = {}
        self._views: list[np.ndarray] = []
        self._viewed_s = -VIEWS_S
        self.frames = 0
        self.numbers: set[int] = set()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *error) -> None:
        self._json.write("\n]}\n")
        self._json.close()
        if self._stream:
            self._write(None)
            self._stream.container.close()
        if self._page:
            self._page.finish(self._folder / "pose.mp4")

    def add(self, frame: Frame, scene: Scene, numbers: list[int]) -> None:
        """Appends a frame with its people, each with the number that follows them."""
        rgb = side_by_side(frame, scene.people, self._views_of(frame, scene.people))
        if not self._page:
            self._begin(frame, rgb.shape[1::-1], scene.camera)
        picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
        picture.pts, picture.time_base = round(frame.seconds * TICKS), Fraction(1, TICKS)
        self._durations[picture.pts] = max(round(frame.duration_s * TICKS), 1)
        self._write(picture)
        self._page.add(frame.seconds, scene.people, numbers)
        pairs = zip(numbers, scene.people, strict=True)
        people = [{"id": number, **person.to_dict(with_keypoints=False)} for number, person in pairs]
        entry = {"time_s": round(frame.seconds, 4), "people": people}
        self._json.write((",\n" if self.frames else "\n") + json.dumps(entry))
        self.frames += 1
        self.numbers.update(numbers)

    def summary(self) -> str:
        """How many frames were written, and how many people are in them."""
        return f"{self.frames} frames, {len(self.numbers)} {'person' if len(self.numbers) == 1 else 'people'}"

    def _views_of(self, frame: Frame, people: list[Person]) -> list[np.ndarray]:
        """The first person's views: new ones, or those of a moment ago where frames follow very fast."""
        if not people:
            self._viewed_s = -VIEWS_S
            return []
        if frame.seconds - self._viewed_s >= VIEWS_S:
            self._views, self._viewed_s = views_of(people[0], panel_side(frame)), frame.seconds
        return self._views

    def _begin(self, frame: Frame, size: tuple[int, int], camera: Camera) -> None:
        """Opens the MP4 and the page and writes the head of the JSON, once the first frame tells the size."""
        path = f"file:{(self._folder / 'pose.mp4').absolute()}"
        container = av.open(path, "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = container.add_stream("libx264", rate=Fraction(self._rate).limit_denominator(1001))
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.options, self._stream.codec_context.time_base = ENCODER, Fraction(1, TICKS)
        whole = size[0] / (size[0] - panel_side(frame))
        self._page = VideoPage(self._folder / "pose.html", self._name, frame.size_px, camera, whole)
        video = {"name": self._name, "frames_per_second": round(self._rate, 3)}
        head = json.dumps({"video": video, "camera": camera.to_dict(), **CONVENTIONS})
        self._json.write(head[:-1] + ', "frames": [')

    def _write(self, picture: av.VideoFrame | None) -> None:
        """Encodes a picture, or with None what the encoder still holds back."""
        for packet in self._stream.encode(picture):
            # Without it the last frame would be shown for no time at all.
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            self._stream.container.mux(packet)


def panel_side(frame: Frame) -> int:
    """Side in pixels of each of the two square views beside a frame: half its height as it is written."""
    return max(min(frame.size_px[1], FRAME_HEIGHT_PX) // 4 * 2, 2)


def side_by_side(frame: Frame, people: list[Person], views: list[np.ndarray]) -> np.ndarray:
    """A frame with its keypoints, and beside it square views, one above the other. H.264 wants even sides."""
    side = panel_side(frame)
    height = 2 * side
    picture = frame.picture(max(round(max(frame.size_px) * height / frame.size_px[1]), 2))
    width = max(picture.rgb.shape[1] // 2 * 2, 2)
    canvas = np.full((height, width + side, 3), 238, np.uint8)
    photo = picture.rgb[:height, :width]
    for person in reversed(people):
        shown = person.drawn_in(1 / picture.scale)
        photo = draw_pose_2d(photo, shown.joints.joints_px, shown.joints.filled, shown.seen.left_out)
    canvas[: photo.shape[0], : photo.shape[1]] = photo
    for row, view in enumerate(views):
        canvas[row * side : (row + 1) * side, width:] = view
    return canvas


def views_of(person: Person, side: int) -> list[np.ndarray]:
    """The 3D pose from two sides in square pictures, drawn smaller and enlarged: that takes half the time."""
    small, views = max(round(side * DRAWN_FRACTION), 2), []
    for azimuth_deg in VIEW_AZIMUTHS_DEG:
        view = draw_pose_3d(person.pose, azimuth_deg, small, person.joints.filled, person.seen.left_out)
        views.append(np.asarray(Image.fromarray(view).resize((side, side), Image.Resampling.BICUBIC)))
    return views
