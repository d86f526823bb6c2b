"""One self-contained HTML page in which 3D poses turn under the mouse beside their photo. It loads nothing."""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from ..drawing.poses import BONE_RADII, SIDE_RGB, VIEW_FROM_ABOVE_DEG, line_width_px
from ..skeleton import BONES, ROOT, SIDES
from .images import shrink
from .people import Person

PHOTO_SIDE_PX = 1000
TEMPLATE = Path(__file__).with_name("viewer.html")


def viewer_page(rgb: np.ndarray, people: list[Person]) -> str:
    """The page.

    Args:
        rgb: (height, width, 3) uint8 photo; the page holds it with at most 1000 pixels a side.
        people: their joints in the photo's pixels, and their poses.
    """
    photo, factor = shrink(rgb, PHOTO_SIDE_PX)
    content = {
        "photo": jpeg_url(photo),
        "root": ROOT,
        "bones": BONES,
        "radii": BONE_RADII.tolist(),
        "colours": [SIDE_RGB[SIDES[child]].tolist() for _, child in BONES],
        "elevation_deg": VIEW_FROM_ABOVE_DEG,
        "people": [
            {
                "pose": np.round(person.pose.astype(float), 4).tolist(),
                "joints_2d": np.round(person.joints.joints_px * factor, 1).tolist(),
                "line_width": line_width_px(person.joints.joints_px[~person.seen.left_out] * factor),
                "filled": person.joints.filled.tolist(),
                "left_out": person.seen.left_out.tolist(),
                "names_left_out": [name.replace("_", " ") for name in person.seen.names_left_out()],
            }
            for person in people
        ],
    }
    return TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", json.dumps(content))


def jpeg_url(rgb: np.ndarray) -> str:
    """A picture as a data: URL."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
