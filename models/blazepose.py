"""BlazePose (Bazarevsky et al. 2020): MediaPipe's person detector and landmark model, run by LiteRT.

Two small networks in turn. The first finds people as boxes with two points, the middle of the hips and the rim of
the person's circle; these give an upright square crop, in which the second finds 33 key points.
The constants are those of MediaPipe's published graphs (pose_detection, pose_landmark_full).
"""

from pathlib import Path

import numpy as np

from utils.keypoints import KeyPoints
from utils.skeleton import SOURCES

SOURCE = "blazepose_33"
DETECTOR_FILE, LANDMARK_FILE = "pose_detection.tflite", "pose_landmark_full.tflite"
DETECTOR_SIZE, LANDMARK_SIZE = 224, 256
ANCHOR_STRIDES = (8, 16, 32, 32, 32)
"""Two anchors a cell and layer, all of the size of the whole input."""
LOGIT_LIMIT = 80.0
DETECTION_SCORE, PRESENCE_SCORE = 0.5, 0.5
OVERLAP = 0.3
CROP_SCALE = 1.25
REFINE_WINDOW = 7
REFINE_FROM = 0.5
"""A heat map whose peak near the landmark is below this says nothing about its place."""
LARGEST_SIDE = 1280
"""Larger pictures are halved until they fit, so that bilinear sampling does not alias."""


class BlazePose:
    """Image to the key points of each person in it, for use in `models.detector.Detector`.

    Args:
        folder: holds the two .tflite files.
        threads: for the networks; two suffice.

    Raises:
        ValueError: if LiteRT is not installed.
    """

    def __init__(self, folder: str | Path, threads: int = 2) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ValueError("BlazePose needs LiteRT: pip install ai-edge-litert") from error

        def load(name: str) -> Interpreter:
            interpreter = Interpreter(model_path=str(Path(folder) / name), num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter

        self._detector, self._landmarker = load(DETECTOR_FILE), load(LANDMARK_FILE)
        self._anchors = anchors()

    def __call__(self, image: np.ndarray) -> list[KeyPoints]:
        """Finds people.

        Args:
            image: (height, width, 3) uint8 RGB.

        Returns:
            One `KeyPoints` of "blazepose_33" a person, in the image's pixels. A confidence is the peak of the point's
            64 x 64 heat map near the landmark, times the probability that the point is in the picture.
        """
        small, shrink = image, 1
        while max(small.shape[:2]) > LARGEST_SIDE:
            small, shrink = halved(small), shrink * 2
        people = [self._landmarks(small, crop) for crop in self._crops(small)]
        return [
            KeyPoints(SOURCE, points_px * shrink, confidence, score)
            for points_px, confidence, score in people
            if score >= PRESENCE_SCORE
        ]

    def _crops(self, image: np.ndarray) -> list[np.ndarray]:
        """(2, 3) matrices from the landmark model's input pixels to the image's, one a person."""
        boxes, scores = self._boxes(image, whole_window(image))
        if not len(boxes):
            # People far away are too small for the detector: look closer.
            found = [self._boxes(image, window) for window in near_windows(image)]
            boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return [crop_matrix(hips, rim) for hips, rim in suppress(boxes, scores)[:, 2:4]]

    def _boxes(self, image: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the detector finds in a square window (left, top, side): (N, 6, 2) image pixels, scores (N,)."""
        offset, side = window[:2], window[2]
        letterbox = np.column_stack([np.eye(2) * side / DETECTOR_SIZE, offset])
        pixels = sample(image, letterbox, DETECTOR_SIZE, repeat_border=False)
        boxes, logits = run(self._detector, pixels / 127.5 - 1)
        scores = sigmoid(logits[0, :, 0])
        kept = scores >= DETECTION_SCORE
        return decode(boxes[0][kept], self._anchors[kept]) * side + offset, scores[kept]

    def _landmarks(self, image: np.ndarray, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Key points (33, 2) in image pixels, their confidences (33,), and the probability of a person."""
        raw, presence, _, heat, _ = run(self._landmarker, sample(image, crop, LANDMARK_SIZE) / 255)
        count = len(SOURCES[SOURCE])
        landmarks = raw.reshape(-1, 5)[:count]
        points, peak = refine(landmarks[:, :2] / LANDMARK_SIZE, sigmoid(heat[0, ..., :count]))
        points_px = points * LANDMARK_SIZE @ crop[:, :2].T + crop[:, 2]
        return points_px, peak * sigmoid(landmarks[:, 4]), float(presence[0, 0])


def whole_window(image: np.ndarray) -> np.ndarray:
    """The square (left, top, side) around a picture."""
    height, width = image.shape[:2]
    side = max(height, width)
    return np.array([(width - side) / 2, (height - side) / 2, side])


def near_windows(image: np.ndarray) -> list[np.ndarray]:
    """Squares (left, top, side) of half the picture's longer side that cover it, each half over the next."""
    height, width = image.shape[:2]
    side = max(height, width) / 2
    lefts, tops = (np.unique(np.linspace(0, max(length - side, 0), 3)) for length in (width, height))
    return [np.array([left, top, side]) for top in tops for left in lefts]


def run(interpreter, pixels: np.ndarray) -> list[np.ndarray]:
    """All outputs of a network for one (side, side, 3) input, in the order of the file."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None].astype(np.float32))
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Logistic function, safe for any size of logit."""
    return 1 / (1 + np.exp(-np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT)))


def anchors() -> np.ndarray:
    """(2254, 2) centres of the detector's boxes, as shares of the input's side."""
    layers = []
    for stride in ANCHOR_STRIDES:
        cells = DETECTOR_SIZE // stride
        y, x = np.mgrid[:cells, :cells]
        layers.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(2, axis=0) / cells + 0.5 / cells)
    return np.concatenate(layers)


def decode(boxes: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The detector's raw (N, 12) to (N, 6, 2): the box's two corners and four points, as shares of the side."""
    pairs = boxes.reshape(-1, 6, 2) / DETECTOR_SIZE
    middle, half = pairs[:, :1] + centres[:, None], pairs[:, 1:2] / 2
    return np.concatenate([middle - half, middle + half, pairs[:, 2:] + centres[:, None]], axis=1)


def suppress(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Boxes (N, 6, 2) that overlap are one person: their mean, weighted by score. Best person first."""
    people, order = [], np.argsort(-scores)
    while len(order):
        together = overlap(boxes[order[0]], boxes[order]) > OVERLAP
        together[0] = True
        cluster = order[together]
        people.append(np.average(boxes[cluster], axis=0, weights=scores[cluster]))
        order = order[~together]
    return np.array(people).reshape(-1, 6, 2)


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (6, 2) with others (N, 6, 2)."""
    sides = np.minimum(box[1], others[:, 1]) - np.maximum(box[0], others[:, 0])
    shared = sides.clip(min=0).prod(axis=-1)
    areas = (others[:, 1] - others[:, 0]).prod(axis=-1)
    return shared / np.maximum((box[1] - box[0]).prod() + areas - shared, 1e-12)


def crop_matrix(hips_px: np.ndarray, rim_px: np.ndarray) -> np.ndarray:
    """(2, 3) affine from the landmark model's input to the image: the person upright, hips in the middle."""
    up = rim_px - hips_px
    pixel = 2 * CROP_SCALE * np.linalg.norm(up) / LANDMARK_SIZE
    down = -up / max(np.linalg.norm(up), 1e-9) * pixel
    linear = np.array([[down[1], down[0]], [-down[0], down[1]]])
    return np.column_stack([linear, hips_px - linear @ np.full(2, LANDMARK_SIZE / 2)])


def sample(image: np.ndarray, matrix: np.ndarray, size: int, repeat_border: bool = True) -> np.ndarray:
    """(size, size, 3) float32 picture whose pixel p is the image at `matrix` p, bilinear; black outside if asked."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:size, :size].astype(np.float32)
    at = matrix.astype(np.float32) @ np.stack([x.ravel(), y.ravel(), np.ones(size * size, np.float32)])
    low = np.floor(at).astype(np.int64)
    share_x, share_y = (at - low)[:, :, None]
    left, right = (np.clip(low[0] + step, 0, width - 1) for step in (0, 1))
    top, bottom = (np.clip(low[1] + step, 0, height - 1) for step in (0, 1))
    upper = image[top, left] * (1 - share_x) + image[top, right] * share_x
    lower = image[bottom, left] * (1 - share_x) + image[bottom, right] * share_x
    pixels = upper * (1 - share_y) + lower * share_y
    if not repeat_border:
        pixels[(at[0] < 0) | (at[1] < 0) | (at[0] > width - 1) | (at[1] > height - 1)] = 0
    return pixels.reshape(size, size, 3)


def refine(points: np.ndarray, heat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks moved to the centre of mass of their heat maps nearby, where these are sure.

    Args:
        points: (K, 2) x and y as shares of the crop's side.
        heat: (side, side, K) probabilities.

    Returns:
        Points (K, 2), and the highest probability near each (K,); 0 for a landmark outside the crop.
    """
    side, reach = len(heat), REFINE_WINDOW // 2
    refined, peak = points.copy(), np.zeros(len(points))
    for number, (column, row) in enumerate((points * side).astype(int)):
        if not (0 <= column < side and 0 <= row < side):
            continue
        top, left = max(row - reach, 0), max(column - reach, 0)
        window = heat[top : row + reach + 1, left : column + reach + 1, number]
        peak[number] = window.max()
        if peak[number] >= REFINE_FROM:
            rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
            refined[number] = np.array([(window * columns).sum(), (window * rows).sum()]) / window.sum() / side
    return refined, peak


def halved(image: np.ndarray) -> np.ndarray:
    """The picture at half its size, each pixel the mean of four."""
    height, width = (length // 2 * 2 for length in image.shape[:2])
    quads = image[:height, :width].reshape(height // 2, 2, width // 2, 2, 3)
    return quads.mean(axis=(1, 3)).astype(np.uint8)
