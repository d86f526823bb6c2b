"""What the demo writes about one picture: all at once or not at all."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..drawing.poses import draw_pose_2d, draw_pose_3d, turntable
from ..skeleton import SIDE_COLOURS
from .images import Picture, shrink
from .options import DemoOptions
from .people import CONVENTIONS, Person, Scene
from .registry import EXPORTS
from .viewer import viewer_page

AZIMUTHS_DEG = (0, 15, 90, 165)
PICTURE_SIDE_PX = 1600
"""Longest side of the pictures written; coordinates in the JSON stay those of the original."""
VIEW_SIDE_PX = 480
FRAME_MS = 60
PICTURE_RATE = 30.0
"""Frames a second that the motion of a picture claims; it has one."""
CAPTION_PX = 34
AIR = 1.35
"""Side of the square around a person in the overview, in the person's size."""


class Extra(Protocol):
    """Something else that is written about a picture or video, when asked for: started, fed and finished."""

    def start(self, folder: Path, rate: float) -> None:
        """Makes ready to write to a folder, of a video with so many frames a second."""

    def add(self, seconds: float, look: Callable[[], Picture], scene: Scene, numbers: Sequence[int]) -> None:
        """Takes a picture, or the next frame of a video, with its people and the numbers that follow them."""

    def finish(self) -> None:
        """Writes what is left to write."""

    def summary(self) -> str:
        """What was written, in lines for the terminal."""


def extras_of(options: DemoOptions) -> list[Extra]:
    """What else is written, as the options ask for."""
    extras: list[Extra] = []
    if options.export_formats:
        from ..export3d.exports import Exports

        extras.append(Exports(options.export_formats, options.height_m))
    if options.rerun:
        from .rerun_log import RerunLog

        extras.append(RerunLog())
    return extras


@contextmanager
def all_or_nothing(folder: str | Path) -> Iterator[Path]:
    """A hidden folder to write to; when the block ends well, its files move to `folder`, else nothing is left.

    Raises:
        ValueError: one sentence, if the folder cannot be written to.
    """
    folder = Path(folder)
    partial = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        yield partial
        for file in partial.iterdir():
            file.replace(folder / file.name)
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror or error}") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def save_scene(folder: str | Path, name: str, picture: Picture, scene: Scene, extras: Sequence["Extra"] = ()) -> None:
    """Writes the pictures, the turntables, the JSON and the page of one picture into a folder, and what extras write.

    The first person's files have no prefix; those of the others are named person2_..., person3_...
    """
    photo, factor = shrink(picture.rgb, PICTURE_SIDE_PX)
    shown = [person.drawn_in(factor) for person in scene.people]
    drawn = photo
    for person in reversed(shown):
        drawn = draw_pose_2d(drawn, person.joints.joints_px, person.joints.filled, person.seen.left_out)
    with all_or_nothing(folder) as partial:
        write_png(partial / "input.png", photo)
        write_png(partial / "pose_2d.png", drawn)
        prefixes = [f"person{number}_" if number > 1 else "" for number in range(1, len(shown) + 1)]
        rows = [
            overview(drawn, write_views(partial, prefix, person), person)
            for prefix, person in zip(prefixes, shown, strict=True)
        ]
        write_png(partial / "overview.png", np.concatenate(rows))
        (partial / "pose.html").write_text(viewer_page(name, picture, scene), encoding="utf-8")
        content = scene_content(name, picture, scene)
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
        (partial / "pose.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        for extra in extras:
            extra.start(partial, PICTURE_RATE)
            extra.add(0.0, lambda: picture, scene, range(1, len(shown) + 1))
            extra.finish()
        forget_others(Path(folder))


def forget_others(folder: Path) -> None:
    """Removes what an earlier run left of second and further people."""
    for kind in ("pose_3d_*.png", "turntable.gif", *(f"pose.{suffix}" for suffix in EXPORTS)):
        for old in folder.glob(f"person[0-9]*_{kind}"):
            old.unlink()


def scene_content(name: str, picture: Picture, scene: Scene) -> dict:
    """Everything known about a picture's people, for JSON."""
    width, height = picture.size_px
    return {
        "picture": {"name": name, "width_px": width, "height_px": height},
        "camera": scene.camera.to_dict(),
        **CONVENTIONS,
        "people_found": scene.looked_at,
        "people": [person.to_dict() for person in scene.people],
    }


def write_views(folder: Path, prefix: str, person: Person) -> list[np.ndarray]:
    """Writes a pose from all sides in `AZIMUTHS_DEG` and as a turntable; returns the pictures of the former."""
    marks: dict[str, Any] = {"filled": person.joints.filled, "left_out": person.seen.left_out}
    views = [draw_pose_3d(person.pose, azimuth, VIEW_SIDE_PX, **marks) for azimuth in AZIMUTHS_DEG]
    for azimuth, view in zip(AZIMUTHS_DEG, views, strict=True):
        write_png(folder / f"{prefix}pose_3d_{azimuth:03d}.png", view)
    write_gif(folder / f"{prefix}turntable.gif", turntable(person.pose, **marks))
    return views


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Writes a picture (height, width, 3) uint8."""
    Image.fromarray(rgb).save(path, compress_level=4)


def write_gif(path: Path, frames: list[np.ndarray]) -> None:
    """Writes pictures as an endless animation, all in the colours of one palette, so that nothing flickers."""
    samples = Image.fromarray(np.concatenate(frames[:: max(len(frames) // 3, 1)]))
    palette = samples.quantize(128, dither=Image.Dither.NONE)
    indexed = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=FRAME_MS, loop=0)


def overview(photo: np.ndarray, views: list[np.ndarray], person: Person) -> np.ndarray:
    """One strip: the person in the photo, then the square views, each with a caption."""
    side = VIEW_SIDE_PX
    visible_px = person.joints.joints_px[~person.seen.left_out]
    tiles = [square_around(photo, visible_px, side), *map(Image.fromarray, views)]
    caption = "keypoints" + (", a part is not in the picture" if person.seen.left_out.any() else "")
    captions = [caption, *(f"{azimuth}°" for azimuth in AZIMUTHS_DEG)]
    strip = Image.new("RGB", (side * len(tiles), side + CAPTION_PX), "white")
    pen, font, line = ImageDraw.Draw(strip), ImageFont.load_default(18), side + CAPTION_PX / 2
    for number, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        strip.paste(tile, (side * number, 0))
        pen.text((side * (number + 0.5), line), caption, "#555b68", font, anchor="mm")
    pen.text((strip.width - 12, line), "right", SIDE_COLOURS["right"], font, anchor="rm")
    pen.text((strip.width - 62, line), "left", SIDE_COLOURS["left"], font, anchor="rm")
    return np.asarray(strip)


def square_around(photo: np.ndarray, joints_px: np.ndarray, side: int) -> Image.Image:
    """The square of a photo around a person with some air, white where it reaches over the edge."""
    middle = (joints_px.min(axis=0) + joints_px.max(axis=0)) / 2
    half = max(AIR * np.ptp(joints_px, axis=0).max() / 2, 8)
    # A square that fits into the photo stays inside; of a larger one, the photo is in the middle.
    size = np.array(photo.shape[1::-1])
    middle = np.where(size > 2 * half, middle.clip(half, np.maximum(size - half, half)), size / 2)
    box = (*(middle - half), *(middle + half))
    return Image.fromarray(photo).transform(
        (side, side), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC, fillcolor="white"
    )
