"""OpenPose's body networks (Cao et al. 2017) by OpenCV's DNN module.

The layers are described here; only the weights come from a file, under OpenPose's non-commercial licence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from utils.keypoints import Keypoints
from utils.skeleton import SOURCES

from .grouping import Limb, group_people

STRIDE = 8
UPSAMPLE = 4
"""The maps are this much finer when their peaks are sought."""


@dataclass(frozen=True)
class Variant:
    """One of the two data sets that the networks were trained on; its skeleton's points are the heat maps' channels."""

    weights: str
    source: str
    fields: int
    """Channels of part affinity fields; COCO has two fields that no limb here uses (shoulder to ear)."""
    limbs: tuple[Limb, ...]

    @property
    def heat_maps(self) -> int:
        """Channels of points and background."""
        return len(SOURCES[self.source]) + 1


def _limbs(first_channel: int, *chains: tuple[str, ...]) -> tuple[Limb, ...]:
    """Limbs along chains of points, whose fields follow each other."""
    pairs = [pair for chain in chains for pair in pairwise(chain)]
    return tuple((start, end, first_channel + 2 * number) for number, (start, end) in enumerate(pairs))


_ARMS = {side: tuple(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")) for side in ("right", "left")}
_LEGS = {side: tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle")) for side in ("right", "left")}
VARIANTS = {
    "mpi": Variant(
        "pose_iter_160000.caffemodel",
        "openpose_mpi_15",
        28,
        _limbs(16, ("head_top", "neck_base", *_ARMS["right"]), ("neck_base", *_ARMS["left"]),
               ("neck_base", "chest", *_LEGS["right"]), ("chest", *_LEGS["left"])),
    ),
    "coco": Variant(
        "pose_iter_440000.caffemodel",
        "openpose_coco_18",
        38,
        _limbs(19, ("neck_base", *_LEGS["right"]), ("neck_base", *_LEGS["left"]), ("neck_base", *_ARMS["right"]))
        + _limbs(39, ("neck_base", *_ARMS["left"]))
        + _limbs(47, ("neck_base", "nose", "right_eye"), ("nose", "left_eye"))
        + (("right_eye", "right_ear", 53), ("left_eye", "left_ear", 55)),
    ),
}  # fmt: skip


class OpenPose:
    """Image to the keypoints of each person in it, for use in `models.detectors.loading.Detector`.

    Args:
        folder: holds the .caffemodel file.
        variant: "mpi" or "coco".
        width, height: the picture is fitted into such a box, its aspect ratio kept.
        thr: lowest value of a heat map that is taken for a point.

    Raises:
        ValueError: if OpenCV is missing or too new, or the file holds other weights.
    """

    def __init__(self, folder: str | Path, variant: str, width: int = 368, height: int = 368, thr: float = 0.1) -> None:
        try:
            import cv2
        except ImportError as error:
            raise ValueError("OpenPose needs OpenCV: pip install 'opencv-python-headless<5'") from error
        self._cv2 = cv2
        self.variant, self.width, self.height, self.thr = VARIANTS[variant], width, height, thr
        if not hasattr(cv2.dnn, "readNetFromCaffe"):
            raise ValueError("this OpenCV no longer reads Caffe models: pip install 'opencv-python-headless<5'")
        weights = Path(folder) / self.variant.weights
        layers = np.frombuffer("\n".join(network_layers(self.variant)).encode(), np.uint8)
        try:
            self._network = cv2.dnn.readNetFromCaffe(layers, np.fromfile(weights, np.uint8))
        except cv2.error as error:
            raise ValueError(f"{weights} does not hold the weights of OpenPose's {variant} network") from error

    def __call__(self, image: np.ndarray) -> list[Keypoints]:
        """One `Keypoints` for each person in a picture (height, width, 3) uint8 RGB.

        A confidence is the value of the point's heat map.
        """
        factor = min(self.width / image.shape[1], self.height / image.shape[0])
        size = tuple(max(round(length * factor), 1) for length in image.shape[1::-1])
        small = self._cv2.resize(image, size, interpolation=self._cv2.INTER_AREA if factor < 1 else 1)
        padded = np.full((*(-(-side // STRIDE) * STRIDE for side in (self.height, self.width)), 3), 128, np.uint8)
        padded[: size[1], : size[0]] = small
        maps = self._maps(padded)[:, : size[1] * UPSAMPLE // STRIDE + 1, : size[0] * UPSAMPLE // STRIDE + 1]
        names = SOURCES[self.variant.source]
        scale = np.array([image.shape[1] / size[0], image.shape[0] / size[1]]) * STRIDE / UPSAMPLE
        return [
            Keypoints(self.variant.source, (points[:, :2] + 0.5) * scale - 0.5, points[:, 2].clip(0, 1))
            for points in group_people(maps, names, self.variant.limbs, self.thr)
        ]

    def _maps(self, picture: np.ndarray) -> np.ndarray:
        """(channels, height / 2, width / 2) of a picture whose sides are multiples of 8."""
        self._network.setInput(self._cv2.dnn.blobFromImage(picture, 1 / 256, mean=(128, 128, 128), swapRB=True))
        coarse = self._network.forward()[0]
        size = (coarse.shape[2] * UPSAMPLE, coarse.shape[1] * UPSAMPLE)
        return np.stack([self._cv2.resize(channel, size, interpolation=self._cv2.INTER_CUBIC) for channel in coarse])


def network_layers(variant: Variant) -> Iterator[str]:
    """The network in Caffe's words: VGG-19's first ten layers, then six stages of two branches, fields and points."""
    yield 'input: "image" input_dim: 1 input_dim: 3 input_dim: 368 input_dim: 368'
    last = "image"
    for block, widths in enumerate(((64, 64), (128, 128), (256,) * 4, (512, 512, 256, 128)), start=1):
        for number, width in enumerate(widths, start=1):
            name = f"conv{block}_{number}" + ("_CPM" if width < 512 and block == 4 else "")
            yield convolution(name, last, width, 3)
            last = name
        if block < 4:
            yield layer(f"pool{block}", "Pooling", [last], "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
            last = f"pool{block}"
    features, concatenation = last, "concat_param { axis: 1 }"
    first_shapes, shapes = [*[(128, 3)] * 3, (512, 1), (0, 1)], [*[(128, 7)] * 5, (128, 1), (0, 1)]
    first_stage = [(f"conv5_{number}_CPM", *shape) for number, shape in enumerate(first_shapes, start=1)]
    fields, points = yield from branches(first_stage, features, variant)
    for stage in range(2, 7):
        yield layer(f"concat_stage{stage}", "Concat", [fields, points, features], concatenation)
        layers = [(f"Mconv{number}_stage{stage}", *shape) for number, shape in enumerate(shapes, start=1)]
        fields, points = yield from branches(layers, f"concat_stage{stage}", variant)
    yield layer("net_output", "Concat", [points, fields], concatenation)


def branches(layers: list[tuple[str, int, int]], bottom: str, variant: Variant):
    """The layers (name, width, kernel) of one stage, once for the fields and once for the points; returns the tops.

    The last layer has width 0: as many channels as there are fields or points, and no ReLU.
    """
    tops = []
    for suffix, channels in (("_L1", variant.fields), ("_L2", variant.heat_maps)):
        last = bottom
        for name, width, kernel in layers:
            yield convolution(name + suffix, last, width or channels, kernel, relu=bool(width))
            last = name + suffix
        tops.append(last)
    return tops


def convolution(name: str, bottom: str, width: int, kernel: int, relu: bool = True) -> str:
    """A convolution that keeps the size, and its ReLU."""
    shape = f"convolution_param {{ num_output: {width} pad: {kernel // 2} kernel_size: {kernel} }}"
    text = layer(name, "Convolution", [bottom], shape)
    return text + (f'\nlayer {{ name: "relu_{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}' if relu else "")


def layer(name: str, kind: str, bottoms: list[str], settings: str) -> str:
    """A layer whose output has its own name."""
    inputs = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}" {inputs} top: "{name}" {settings} }}'
