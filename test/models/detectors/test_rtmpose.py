"""With networks of random weights that have the inputs and outputs of the published ones: the shapes and the way of
the coordinates are tested, not how well people are found."""

import hashlib
import sys

import numpy as np
import pytest

from models.detectors.loading import load_detector
from models.detectors.rtmpose import PERSON_FILE, POINTS_FILE, RTMPose

PICTURE = np.random.default_rng(0).integers(0, 256, (320, 640, 3)).astype(np.uint8)


def save_network(path, size, outputs):
    """A network of one input (1, 3, *size), each of whose outputs is a constant plus a little of the input."""
    onnx = pytest.importorskip("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "tiny"], ["bit"]),
        *(helper.make_node("Add", [f"constant_{name}", "bit"], [name]) for name in outputs),
    ]
    values = {"tiny": 1e-9, **{f"constant_{name}": value for name, value in outputs.items()}}
    constants = [onnx.numpy_helper.from_array(np.float32(value), name) for name, value in values.items()]
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info("input", number, (1, 3, *size))],
        [helper.make_tensor_value_info(name, number, np.shape(value)) for name, value in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))


@pytest.fixture
def folder(tmp_path):
    """Files whose networks see two people, and every point of whom in the middle of their box."""
    pytest.importorskip("rtmlib")
    pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    boxes = [[[100, 20, 200, 300, 0.9], [400, 40, 500, 320, 0.8], [0, 0, 50, 50, 0.1]]]
    save_network(tmp_path / PERSON_FILE, (640, 640), {"dets": boxes})
    rows, columns = (rng.uniform(0, 0.1, (1, 17, bins)) for bins in (512, 384))
    rows[..., 256] = columns[..., 192] = 0.7
    save_network(tmp_path / POINTS_FILE, (256, 192), {"simcc_x": columns, "simcc_y": rows})
    for name in (PERSON_FILE, POINTS_FILE):
        digest = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        (tmp_path / f"{name}.sha256").write_text(f"sha256:{digest}\n")
    return tmp_path


def test_points_come_in_the_pixels_of_the_picture(folder):
    people = load_detector("rtmpose", folder)(PICTURE)
    assert len(people) == 2, "who is unsure is no person"
    middles = sorted(person.points_px.mean(axis=0).tolist() for person in people)
    assert np.allclose(middles, [[150, 160], [450, 180]], atol=1)
    assert all(person.source == "coco_17" and person.points_px.shape == (17, 2) for person in people)
    assert people[0].confidence == pytest.approx(0.7, abs=0.01)


def test_nobody(folder):
    save_network(folder / PERSON_FILE, (640, 640), {"dets": [[[0, 0, 50, 50, 0.1]]]})
    assert RTMPose(folder)(PICTURE) == []


def test_a_foreign_file_gets_one_sentence(folder):
    (folder / POINTS_FILE).write_bytes(b"no network")
    with pytest.raises(ValueError, match="cannot be read"):
        RTMPose(folder)


def test_a_file_that_changed_since_its_download_is_refused(folder):
    (folder / POINTS_FILE).write_bytes(b"another network")
    with pytest.raises(ValueError, match="damaged; get it with"):
        load_detector("rtmpose", folder)


def test_rtmlib_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(ValueError, match="needs rtmlib: pip install"):
        RTMPose(tmp_path)
