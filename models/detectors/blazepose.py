"""BlazePose (Bazarevsky et al. 2020): MediaPipe's person detector and landmark model, run by LiteRT.

The first finds people as boxes with two points, the middle of the hips and the rim of the person's circle; these give
an upright square crop, in which the second finds 33 keypoints. The constants are those of MediaPipe's published graphs.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.keypoints import Keypoints
from utils.quiet import quiet_stderr
from utils.skeleton import SOURCES

from .crops import ALIKE, crop_matrix, distinct, likeness, sample, sureness, windows, within_limit

SOURCE = "blazepose_33"
POINTS = len(SOURCES[SOURCE])
FACE_POINTS = slice(0, 11)
DETECTOR_FILE, LANDMARK_FILE = "pose_detection.tflite", "pose_landmark_full.tflite"
DETECTOR_SIZE, LANDMARK_SIZE = 224, 256
THREADS = 2
ANCHOR_STRIDES = (8, 16, 32, 32, 32)
"""Two anchors a cell and layer, all of the size of the whole input."""
LOGIT_LIMIT = 80.0
DETECTION_SCORE = 0.5
OVERLAP = 0.3
REFINE_WINDOW = 7
REFINE_FROM = 0.5
"""A heat map whose peak near the landmark is below this says nothing about its place."""
LOOKS, SURE = 4, 0.7
"""Unsure keypoints are looked for in up to so many crops, each taken from the last one's landmarks."""
FRACTIONS, VIDEO_FRACTIONS = (1.0, 0.67, 0.5, 0.33), (1.0, 0.5)
"""Sides of the squares that are searched. The detector finds people of about a third of its input and more."""
MOST_CANDIDATES = 12
"""So many of a search's boxes are looked at, the best first."""
HOPELESS = 0.3
"""Who is less like a person than this is not looked at again."""
STILL_ALIKE = 0.5
"""Who is followed may look less like a person for a while, blurred by motion."""
SEARCH_S = 1.0
"""How often a video is searched for newcomers."""


class Finding(NamedTuple):
    """A person in a picture, and where to look for the same person in the next one.

    Attributes:
        person: in the picture's pixels.
        circle_px: (2, 2): the middle of the hips, and the rim of the circle around the person.
    """

    person: Keypoints
    circle_px: np.ndarray


class BlazePose:
    """Image to the keypoints of each person in it, for use in `models.detectors.loading.Detector`.

    Raises:
        ValueError: if LiteRT is not installed.
    """

    def __init__(self, folder: str | Path, **unused: object) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ValueError("BlazePose needs LiteRT: pip install ai-edge-litert") from error
        paths = [str(Path(folder) / name) for name in (DETECTOR_FILE, LANDMARK_FILE)]
        # LiteRT tells about its delegates.
        with quiet_stderr():
            self._detector, self._landmarker = (Interpreter(model_path=path, num_threads=THREADS) for path in paths)
            self._detector.allocate_tensors()
            self._landmarker.allocate_tensors()
        self._anchors = anchors()
        self.forget()

    def forget(self) -> None:
        """Begins anew: the next picture is of another video."""
        self._followed: list[Finding] = []
        self._searched_s = -np.inf

    def __call__(self, image: np.ndarray) -> list[Keypoints]:
        """One `Keypoints` for each person in a picture (height, width, 3) uint8 RGB.

        A confidence is the peak of the point's 64 x 64 heat map near the landmark, times the probability that the
        point is in the picture.
        """
        small, shrink = within_limit(image)
        return people_of(alone(self._search(small, FRACTIONS, [])), shrink)

    def follow(self, image: np.ndarray, seconds: float) -> list[Keypoints]:
        """Finds people in a video's next picture: where they just were, and anew where one is lost or once a second."""
        small, shrink = within_limit(image)
        looks = [self._landmarks(small, crop_matrix(known.circle_px, LANDMARK_SIZE)) for known in self._followed]
        found = [look for look in looks if likeness(look.person) >= STILL_ALIKE]
        newcomers_due = not 0 <= seconds - self._searched_s < SEARCH_S
        if newcomers_due or len(found) < max(len(looks), 1):
            found = self._search(small, VIDEO_FRACTIONS if newcomers_due else VIDEO_FRACTIONS[:1], found)
            self._searched_s = seconds if newcomers_due else self._searched_s
        self._followed = alone(found)
        return people_of(self._followed, shrink)

    def _search(self, image: np.ndarray, fractions: tuple[float, ...], found: list[Finding]) -> list[Finding]:
        """Who was found already, and whoever else is in an image."""
        found = list(found)
        for fraction in fractions:
            looks = [self._boxes(image, window) for window in windows(image, fraction)]
            boxes = suppress(*(np.concatenate(parts) for parts in zip(*looks, strict=True)))
            for box in boxes[:MOST_CANDIDATES]:
                if not any(has_head_in(box, known.person) for known in found):
                    look = self._look(image, crop_matrix(box[2:4], LANDMARK_SIZE))
                    found += [look] if likeness(look.person) >= ALIKE else []
        return found

    def _boxes(self, image: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the detector finds in a square window (left, top, side): (N, 6, 2) image pixels, scores (N,)."""
        offset, side = window[:2], window[2]
        letterbox = np.column_stack([np.eye(2) * side / DETECTOR_SIZE, offset])
        pixels = sample(image, letterbox, DETECTOR_SIZE, repeat_border=False)
        boxes, logits = infer(self._detector, pixels / 127.5 - 1)
        scores = sigmoid(logits[0, :, 0])
        kept = scores >= DETECTION_SCORE
        return decode(boxes[0][kept], self._anchors[kept]) * side + offset, scores[kept]

    def _look(self, image: np.ndarray, crop: np.ndarray) -> Finding:
        """The person in a crop; while the keypoints are unsure, they give a better crop to look at again."""
        looks = []
        for _ in range(LOOKS):
            looks.append(self._landmarks(image, crop))
            if sureness(looks[-1].person) >= SURE or likeness(looks[-1].person) < HOPELESS:
                break
            crop = crop_matrix(looks[-1].circle_px, LANDMARK_SIZE)
        return max(looks, key=lambda look: sureness(look.person))

    def _landmarks(self, image: np.ndarray, crop: np.ndarray) -> Finding:
        """The keypoints in a crop, in image pixels."""
        raw, presence, _, heat, _ = infer(self._landmarker, sample(image, crop, LANDMARK_SIZE) / 255)
        landmarks = raw.reshape(-1, 5)
        points, peak = refine(landmarks[:, :2] / LANDMARK_SIZE, heat[0])
        points_px = points * LANDMARK_SIZE @ crop[:, :2].T + crop[:, 2]
        confidence = (peak * sigmoid(landmarks[:, 4]))[:POINTS]
        person = Keypoints(SOURCE, points_px[:POINTS], confidence, float(presence[0, 0]))
        return Finding(person, points_px[POINTS : POINTS + 2])


def alone(found: list[Finding]) -> list[Finding]:
    """The findings without those that are another one's person again."""
    kept = distinct([finding.person for finding in found])
    return [next(finding for finding in found if finding.person is person) for person in kept]


def people_of(found: list[Finding], factor: float) -> list[Keypoints]:
    """The people in a picture larger by a factor."""
    return [replace(finding.person, points_px=finding.person.points_px * factor) for finding in found]


def has_head_in(box: np.ndarray, person: Keypoints) -> bool:
    """Whether the detector's box (6, 2), which is about a face, is about this person's."""
    face = person.points_px[FACE_POINTS].mean(axis=0)
    return bool(np.linalg.norm(face - box[:2].mean(axis=0)) < np.ptp(box[:2], axis=0).max() / 2)


def infer(interpreter, pixels: np.ndarray) -> list[np.ndarray]:
    """All outputs of a network for one (side, side, 3) input, in the order of the file."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels[None].astype(np.float32))
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Logistic function, safe for any size of logit."""
    return 1 / (1 + np.exp(-np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT)))


def anchors() -> np.ndarray:
    """(2254, 2) centres of the detector's boxes, as fractions of the input's side."""
    layers = []
    for stride in ANCHOR_STRIDES:
        cells = DETECTOR_SIZE // stride
        y, x = np.mgrid[:cells, :cells]
        layers.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(2, axis=0) / cells + 0.5 / cells)
    return np.concatenate(layers)


def decode(boxes: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The detector's raw (N, 12) to (N, 6, 2): the box's two corners and four points, as fractions of the side."""
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


def refine(points: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks moved to the centre of mass of their heat maps nearby, where these are sure.

    Args:
        points: (K, 2) as fractions of the crop's side.
        logits: (side, side, K) of the heat maps' probabilities.

    Returns:
        Points (K, 2), and the highest probability near each (K,); 0 for a landmark outside the crop.
    """
    side, reach = len(logits), REFINE_WINDOW // 2
    refined, peak = points.copy(), np.zeros(len(points))
    for number, (column, row) in enumerate((points * side).astype(int)):
        if not (0 <= column < side and 0 <= row < side):
            continue
        top, left = max(row - reach, 0), max(column - reach, 0)
        window = sigmoid(logits[top : row + reach + 1, left : column + reach + 1, number])
        peak[number] = window.max()
        if peak[number] >= REFINE_FROM:
            rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
            refined[number] = np.array([(window * columns).sum(), (window * rows).sum()]) / window.sum() / side
    return refined, peak
