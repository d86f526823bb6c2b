import hashlib
import re
import sys

import numpy as np
import pytest
from samples_openpose import planted_maps, standing

from models.detectors.loading import load_detector
from models.detectors.openpose import VARIANTS, OpenPose, network_layers
from utils.demo.registry import ESTIMATORS
from utils.skeleton import SOURCES

cv2 = pytest.importorskip("cv2")


def varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def message(field, content):
    """A length-delimited field of a protocol buffer."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(numbers, *shape):
    """Caffe's BlobProto as a layer's field 7: its shape, then its data."""
    return message(
        7, message(7, message(1, b"".join(map(varint, shape)))) + message(5, np.resize(numbers, shape).tobytes())
    )


def convolutions(variant):
    """Name, output and input channels and kernel of each convolution."""
    channels = {"image": 3}
    for line in "\n".join(network_layers(variant)).split("\n"):
        if not (found := re.search(r'layer { name: "(\w+)" type: "(\w+)"', line)):
            continue
        bottoms = re.findall(r'bottom: "(\w+)"', line)
        inputs = sum(channels[bottom] for bottom in bottoms)
        channels[found[1]] = inputs
        if found[2] == "Convolution":
            width, kernel = (int(re.search(rf"{word}: (\d+)", line)[1]) for word in ("num_output", "kernel_size"))
            channels[found[1]] = width
            yield found[1], width, inputs, kernel


@pytest.fixture(scope="module", params=["mpi", "coco"])
def weights(request, tmp_path_factory):
    """A file of random weights of the right architecture; the real ones may not be passed on."""
    numbers = np.random.default_rng(0).normal(0, 0.01, 1_000_003).astype("<f4")
    path = tmp_path_factory.mktemp("weights") / VARIANTS[request.param].weights
    with path.open("wb") as file:
        for name, width, inputs, kernel in convolutions(VARIANTS[request.param]):
            blobs = blob(numbers, width, inputs, kernel, kernel) + blob(numbers, width)
            file.write(message(100, message(1, name.encode()) + message(2, b"Convolution") + blobs))
    yield request.param, path
    path.unlink()


def test_whole_path_with_random_weights(weights):
    variant, path = weights
    assert 200e6 < path.stat().st_size < 215e6, "about as large as the official files"
    network = OpenPose(path.parent, variant, width=48, height=32)
    picture = np.random.default_rng(0).integers(0, 256, (60, 100, 3)).astype(np.uint8)
    maps = network._maps(np.zeros((32, 48, 3), np.uint8))
    assert maps.shape == (VARIANTS[variant].heat_maps + VARIANTS[variant].fields, 16, 24)
    assert np.ptp(maps) > 0
    assert isinstance(network(picture), list)


def test_the_detector_loads_and_uses_them(weights, monkeypatch):
    variant, path = weights
    with path.open("rb") as file:
        digest = hashlib.md5()
        while block := file.read(1 << 20):
            digest.update(block)
    monkeypatch.setitem(ESTIMATORS[f"openpose-{variant}"].files, path.name, f"md5:{digest.hexdigest()}")
    detect = load_detector(f"openpose-{variant}", path.parent, width=32, height=48, thr=0.9)
    assert detect(np.zeros((20, 30, 3), np.uint8)) == []


def test_another_file_is_refused(tmp_path):
    (tmp_path / VARIANTS["mpi"].weights).write_bytes(b"not a model" * 100)
    with pytest.raises(ValueError, match="does not hold the weights of OpenPose's mpi network"):
        OpenPose(tmp_path, "mpi")


@pytest.mark.parametrize("size", [(240, 320), (320, 200), (1500, 1000)])
def test_points_come_back_in_the_pictures_pixels_unsquashed(size, monkeypatch):
    """The maps are planted: a person over the whole letterboxed picture."""
    variant = VARIANTS["coco"]
    monkeypatch.setattr(OpenPose, "__init__", lambda self: None)
    network = OpenPose()
    network._cv2, network.variant, network.width, network.height, network.thr = cv2, variant, 368, 368, 0.1
    person = standing(variant.source, 60)
    seen = []

    def maps(self, picture):
        seen.append(picture)
        return planted_maps(variant, [person], (184, 184))

    monkeypatch.setattr(OpenPose, "_maps", maps)
    found = network(np.zeros((*size, 3), np.uint8))
    assert seen[0].shape == (368, 368, 3)
    (found,) = found
    scale = 2 * max(size) / 368
    assert (found.confidence > 0).all()
    assert found.points_px == pytest.approx(np.array(list(person.values())) * scale, abs=2.5 * scale)


def test_parts_and_fields_of_each_channel():
    """Channel numbers as published with the models."""
    coco = {(start, end): channel for start, end, channel in VARIANTS["coco"].limbs}
    assert coco["neck_base", "right_shoulder"] == 31
    assert coco["neck_base", "left_shoulder"] == 39
    assert coco["left_elbow", "left_wrist"] == 43
    assert coco["neck_base", "right_hip"] == 19
    assert coco["left_knee", "left_ankle"] == 29
    assert coco["neck_base", "nose"] == 47
    assert coco["left_eye", "left_ear"] == 55
    mpi = {(start, end): channel for start, end, channel in VARIANTS["mpi"].limbs}
    assert mpi["head_top", "neck_base"] == 16
    assert mpi["neck_base", "chest"] == 30
    assert mpi["left_knee", "left_ankle"] == 42
    for variant in VARIANTS.values():
        assert {name for start, end, _ in variant.limbs for name in (start, end)} == set(SOURCES[variant.source])


def test_opencv_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ValueError, match="needs OpenCV: pip install"):
        OpenPose("nowhere", "mpi")
