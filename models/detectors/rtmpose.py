"""RTMPose (Jiang et al. 2023) behind the person detector YOLOX, both run by rtmlib: for pictures full of people."""

import contextlib
import io
from pathlib import Path

import numpy as np

from utils.keypoints import Keypoints

SOURCE = "coco_17"
PERSON_FILE, POINTS_FILE = "rtmpose_yolox_m.onnx", "rtmpose_m_body7.onnx"
PERSON_SIZE, POINTS_SIZE = (640, 640), (192, 256)
"""Height and width of the detector's input, width and height of the other's, as rtmlib wants them."""


class RTMPose:
    """Image to the keypoints of each person in it, for use in `models.detectors.loading.Detector`.

    Args:
        folder: holds the two .onnx files.

    Raises:
        ValueError: if rtmlib is not installed, or a file holds another network.
    """

    def __init__(self, folder: str | Path, **unused: object) -> None:
        try:
            import onnxruntime  # noqa: F401  (rtmlib imports it late)
            import rtmlib
        except ImportError as error:
            raise ValueError("RTMPose needs rtmlib: pip install 'rtmlib>=0.0.13,<0.1'") from error
        person, points = (str(Path(folder) / name) for name in (PERSON_FILE, POINTS_FILE))
        try:
            # rtmlib prints what it loads.
            with contextlib.redirect_stdout(io.StringIO()):
                self._find = rtmlib.YOLOX(person, model_input_size=PERSON_SIZE, backend="onnxruntime")
                self._look = rtmlib.RTMPose(points, model_input_size=POINTS_SIZE, backend="onnxruntime")
        except Exception as error:
            reason = str(error).splitlines()[0][:200]
            raise ValueError(f"the files of RTMPose in {folder} cannot be read: {reason}") from error

    def __call__(self, image: np.ndarray) -> list[Keypoints]:
        """Finds people.

        Args:
            image: (height, width, 3) uint8 RGB.

        Returns:
            One `Keypoints` of "coco_17" a person, in the image's pixels.
        """
        bgr = np.ascontiguousarray(image[..., ::-1])
        boxes = self._find(bgr)
        if not len(boxes):
            # Without a box rtmlib would take the whole picture for a person.
            return []
        points_px, confidence = self._look(bgr, boxes)
        return [
            Keypoints(SOURCE, points.astype(np.float64), sure.clip(0, 1), float(sure.clip(0, 1).mean()))
            for points, sure in zip(points_px, confidence, strict=True)
        ]
