"""pose.html: one HTML page in which 3D poses turn under mouse and finger beside their photo or video. It loads nothing.

The page is made of the modules and the style sheet in `web/`, which the browser page uses as well.
"""

import base64
import io
import json
import re
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from ..drawing.poses import BONE_RADII, SIDE_RGB, VIEW_FROM_ABOVE_DEG
from ..skeleton import BONES, ROOT, SIDE_COLOURS, SIDES
from .images import Picture, shrink
from .people import Camera, Person, Scene, with_nulls

PHOTO_SIDE_PX = 1600
FILM_BYTES = 24_000_000
"""A larger video stays beside the page, for a browser keeps all of the page in memory."""
TEMPLATE = Path(__file__).with_name("viewer.html")
WEB = Path(__file__).resolve().parents[2] / "web"
MODULES = ("drawing.js", "controls.js", "viewer.js", "overlay.js", "pose.js")
"""In an order in which each needs only those before it."""


def skeleton_tables() -> dict[str, Any]:
    """What web/viewer.js and web/overlay.js need to know of the skeleton, for JSON."""
    return {
        "root": ROOT,
        "bones": BONES,
        "radii": BONE_RADII.tolist(),
        "colours": [SIDE_RGB[side].tolist() for side in SIDES],
        "elevation": VIEW_FROM_ABOVE_DEG,
    }


def viewer_page(name: str, picture: Picture, scene: Scene) -> str:
    """The page of a picture, which it holds with at most 1600 pixels a side."""
    photo, factor = shrink(picture.rgb, PHOTO_SIDE_PX)
    people = [person_entry(number, person, factor) for number, person in enumerate(scene.people, 1)]
    head = page_head(name, photo.shape[1::-1], scene.camera, factor)
    content = {**head, "photo": jpeg_url(photo), "found": scene.summary(), "frames": [{"time": 0, "people": people}]}
    before, between, after = template_parts()
    return before + as_script(content) + between + after


def page_head(name: str, size_px: tuple[int, ...], camera: Camera, factor: float = 1.0) -> dict[str, Any]:
    """What a page says before its frames: of an original resized by a factor to a width and height."""
    focal = camera.intrinsics_px[0] * factor if camera.intrinsics_px else None
    return {"name": name, "skeleton": skeleton_tables(), "sides": SIDE_COLOURS, "width": size_px[0],
            "height": size_px[1], "focal": focal}  # fmt: skip


def person_entry(number: int, person: Person, factor: float = 1.0) -> dict[str, Any]:
    """A person in the pixels of an original that was resized by a factor, as web/viewer.js takes it, for JSON."""
    seen, left_out = person.seen, person.seen.left_out
    entry = {
        "id": number,
        "pose": with_nulls(np.round(person.pose.astype(float), 3), left_out),
        "joints2d": with_nulls(np.round(seen.joints.joints_px * factor, 1), left_out),
    }
    if seen.joints.filled.any():
        entry["filled"] = seen.joints.filled.tolist()
    if left_out.any():
        entry["left_out"] = [name.replace("_", " ") for name in seen.names_left_out()]
    if person.uncertainty is not None:
        entry["uncertainty"] = np.round(person.uncertainty.astype(float), 3).tolist()
    return entry


class VideoPage:
    """The page of a video, written frame by frame: memory does not grow.

    Args:
        size_px: width and height that the joints are pixels of.
        whole: how many times as wide as the frames the recording is, which has views of the pose on their right.
    """

    def __init__(self, path: Path, name: str, size_px: tuple[int, int], camera: Camera, whole: float) -> None:
        self._before, self._between, self._after = template_parts()
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._frames = 0
        head = as_script({**page_head(name, size_px, camera), "video": "pose.mp4", "whole": round(whole, 5)})
        self._file.write(self._before + head[:-1] + ', "frames": [')

    def add(self, seconds: float, people: list[Person], numbers: list[int]) -> None:
        """Appends a frame with its people, each with the number that follows them."""
        entries = [person_entry(number, person) for number, person in zip(numbers, people, strict=True)]
        entry = as_script({"time": round(seconds, 4), "people": entries})
        self._file.write((",\n" if self._frames else "\n") + entry)
        self._frames += 1

    def finish(self, video: Path) -> None:
        """Ends the page; a small video goes into it, so that the page can be sent alone."""
        is_small = video.stat().st_size <= FILM_BYTES
        film = base64.b64encode(video.read_bytes()).decode("ascii") if is_small else ""
        self._file.write(f"\n]}}{self._between}{film}{self._after}")
        self._file.close()


def template_parts() -> tuple[str, str, str]:
    """The page in three parts: before the data, from there to the film, and what follows it."""
    page = TEMPLATE.read_text(encoding="utf-8").replace("/*STYLE*/", (WEB / "style.css").read_text(encoding="utf-8"))
    before, between, after = re.split(r"/\*DATA\*/|/\*FILM\*/", page)
    return before, between, after.replace("/*MODULES*/", "\n".join(map(inlined, MODULES)))


def inlined(module: str) -> str:
    """A module of `web/` as a part of one script: without imports and exports, which a page of one file cannot have."""
    text = (WEB / module).read_text(encoding="utf-8")
    return re.sub(r"^import [^;]*;\n|^export ", "", text, flags=re.M)


def as_script(content: dict) -> str:
    """JSON that no name in it can end as a script."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def jpeg_url(rgb: np.ndarray) -> str:
    """A picture as a data: URL."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
