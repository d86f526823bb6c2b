"""Reading pictures of any kind as upright 8-bit RGB, with the focal length where the file tells it."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..quiet import quiet_stderr

FULL_FRAME_DIAGONAL_MM = math.hypot(36, 24)
"""The film that EXIF's "focal length in 35 mm film" refers to."""
LARGEST_PIXELS = 178_000_000
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "AVIF", "HEIF", "JPEG2000")
"""Pillow knows more, such as EPS, which it has Ghostscript run."""
READABLE = "PNG, JPEG, WebP, HEIC, AVIF, TIFF, BMP, GIF"


@dataclass(frozen=True)
class Picture:
    """A picture and what is known of its camera.

    Attributes:
        rgb: (height, width, 3) uint8, upright.
        focal_px: focal length in pixels from the file's EXIF data, or None.
        scale: how many of the original's pixels one of `rgb` is wide: frames of a video are looked at small.
    """

    rgb: np.ndarray
    focal_px: float | None = None
    scale: float = 1.0

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the original."""
        height, width = self.rgb.shape[:2]
        return round(width * self.scale), round(height * self.scale)


def read_picture(path: str | Path) -> Picture:
    """Reads an image file: EXIF orientation applied, alpha over white, grey and 16 bits a channel turned to RGB.

    Raises:
        ValueError: one sentence, for a missing, foreign, truncated or far too large file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no picture at {path}")
    try:
        with _opened(path) as file:
            if file.width * file.height > LARGEST_PIXELS:
                raise Image.DecompressionBombError
            return Picture(_to_rgb(ImageOps.exif_transpose(file)), _focal_px(file))
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that can be read ({READABLE})") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} has more than {LARGEST_PIXELS / 1e6:.0f} million pixels; shrink it first") from error
    # Pillow reports damaged files with whatever went wrong first.
    except Exception as error:
        raise ValueError(f"{path} is a damaged or truncated image: {' '.join(str(error).split())[:200]}") from error


def is_picture(path: str | Path) -> bool:
    """Whether a file begins as an image does, whatever its name ends in."""
    try:
        with _opened(Path(path)):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:
        # What Pillow knows and cannot read is a picture, if a damaged one.
        return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image, not decoded yet; HEIC from iPhones as well, where its package is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    # Pillow warns of what it could mend, and libtiff writes of what it could not.
    with warnings.catch_warnings(), quiet_stderr():
        warnings.simplefilter("ignore")
        with Image.open(path) as file:
            if file.format not in FORMATS:
                raise UnidentifiedImageError
            yield file


def shrink(rgb: np.ndarray, longest_px: int) -> tuple[np.ndarray, float]:
    """The picture with no side over `longest_px`, and the factor by which its coordinates were multiplied."""
    factor = min(1.0, longest_px / max(rgb.shape[:2]))
    if factor == 1.0:
        return rgb, factor
    size = tuple(max(round(length * factor), 1) for length in rgb.shape[1::-1])
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX, reducing_gap=2.0)), factor


def _to_rgb(image: Image.Image) -> np.ndarray:
    """(height, width, 3) uint8 of any Pillow mode."""
    if image.mode.startswith(("I", "F")):
        # 10, 12 and 16 bits all come as 16: the brightest pixel says which.
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        grey = (values.clip(0) * (255 / max(float(values.max()), 255))).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.array(image.convert("RGB"))


def _focal_px(file: Image.Image) -> float | None:
    """Focal length in pixels from EXIF's 35 mm equivalent, which is defined by the diagonal."""
    try:
        focal_mm = float(file.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLengthIn35mmFilm, 0))
    except Exception:
        return None
    return focal_mm / FULL_FRAME_DIAGONAL_MM * math.hypot(*file.size) if 0 < focal_mm < 10_000 else None
