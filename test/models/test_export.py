"""A lifter as ONNX: it lifts as PyTorch does, it says what it is, and the documents' examples run it."""

import builtins
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models import Lifter, load_lifter, save_lifter
from models.export import export_onnx, metadata, to_onnx
from utils.skeleton import INDEX, JOINTS, SOURCES, joint_weights

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "node_modules"
CAMERA = np.array([1100, 1150, 480, 520], np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """lifter.ckpt, as a run leaves it, and lifter.onnx and half.onnx of it."""
    pytest.importorskip("onnxscript", reason="needs onnx and onnxscript")
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    lifter = Lifter(width=32, blocks=2)
    with torch.no_grad():
        for _ in range(20):
            lifter(torch.randn(64, 17, 2) * 0.2 + 0.05)
        lifter.network[-1].weight.mul_(100)
    save_lifter(lifter.eval(), folder / "lifter.ckpt", "made of nothing; MIT")
    for precision, name in (("fp32", "lifter.onnx"), ("fp16", "half.onnx")):
        export_onnx(folder / "lifter.ckpt", folder / name, precision)
    return folder


@pytest.fixture(scope="module")
def poses_px():
    return load_synthetic(7, seed=3).poses_px["gt"].numpy()


def run(path, poses_px, intrinsics):
    """Poses (n, 17, 3) by ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    cameras = np.tile(intrinsics, (len(poses_px), 1)) if np.ndim(intrinsics) == 1 else intrinsics
    return session.run(["pose"], {"keypoints": poses_px, "intrinsics": cameras.astype(np.float32)})[0]


@pytest.mark.parametrize("name", ["lifter.onnx", "half.onnx"])
def test_any_number_of_poses_is_lifted_as_by_pytorch(folder, poses_px, name):
    lifter = load_lifter(folder / "lifter.ckpt")
    assert lifter.lift(poses_px)[..., 2].std() > 0.1, "the poses have depth"
    for some in (poses_px, poses_px[:1], poses_px[:0]):
        np.testing.assert_allclose(run(folder / name, some, CAMERA * 0), lifter.lift(some), atol=2e-5)
        np.testing.assert_allclose(run(folder / name, some, CAMERA), lifter.lift(some, CAMERA), atol=2e-5)


def test_each_person_has_a_camera_or_none(folder, poses_px):
    lifter, known = load_lifter(folder / "lifter.ckpt"), np.arange(len(poses_px)) % 2
    lifted = run(folder / "lifter.onnx", poses_px, known[:, None] * CAMERA)
    wanted = np.where(known[:, None, None], lifter.lift(poses_px, CAMERA), lifter.lift(poses_px))
    np.testing.assert_allclose(lifted, wanted, atol=2e-5)
    assert np.abs(lifter.lift(poses_px, CAMERA) - lifter.lift(poses_px)).max() > 0.01


def test_half_precision_halves_the_weights_and_keeps_the_geometry(folder):
    onnx = pytest.importorskip("onnx")
    whole, half = (onnx.load(folder / name).graph.initializer for name in ("lifter.onnx", "half.onnx"))
    bytes_of = [sum(len(tensor.raw_data) for tensor in graph if "lifter." in tensor.name) for graph in (whole, half)]
    assert bytes_of[1] == bytes_of[0] / 2
    others = [{tensor.name: tensor.data_type for tensor in graph if "lifter." not in tensor.name}
              for graph in (whole, half)]  # fmt: skip
    assert others[0] == others[1] and onnx.TensorProto.FLOAT in others[0].values()


def test_weights_beyond_half_precision_are_refused(folder):
    lifter = load_lifter(folder / "lifter.ckpt")
    lifter.network[0].bias[0] = 1e5
    with pytest.raises(ValueError, match="too large for fp16"):
        to_onnx(lifter, {}, "fp16")


def test_weights_beyond_two_gigabytes_are_refused():
    with torch.device("meta"):
        lifter = Lifter(width=16_384, blocks=2)
    with pytest.raises(ValueError, match="more than the 2 GB"):
        to_onnx(lifter, {})


def about(path) -> dict[str, str]:
    """The metadata of an ONNX file."""
    return {entry.key: entry.value for entry in pytest.importorskip("onnx").load(path).metadata_props}


def test_the_file_says_what_it_is_and_not_where_it_was_made(folder):
    model, says = pytest.importorskip("onnx").load(folder / "lifter.onnx"), about(folder / "lifter.onnx")
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [18]
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["keypoints", "intrinsics", "pose"]
    assert {"keypoints", "intrinsics", "pose", "definition"} <= says.keys()
    assert json.loads(says["joints"]) == list(JOINTS)
    assert says["licence"] == "code: MIT; weights: made of nothing; MIT"
    assert says["version"] == model.producer_version and re.fullmatch(r"\d+\.\d+\.\d+", says["version"])
    assert "no note in the checkpoint" in metadata("")["licence"]
    for name in ("coco_17", "blazepose_33", "openpose_body_25"):
        assert json.loads(says[f"points_of_{name}"]) == list(SOURCES[name])
        np.testing.assert_allclose(json.loads(says[f"joints_from_{name}"]), joint_weights(name), atol=1e-6)
    content = (folder / "lifter.onnx").read_bytes()
    assert str(ROOT).encode() not in content and b"site-packages" not in content


def test_lifting_goes_on_after_an_export(folder, poses_px):
    # Tensors that are kept while a graph is traced would be stand-ins without numbers.
    lifted = load_lifter(folder / "lifter.ckpt").lift(poses_px, CAMERA)
    assert type(lifted) is torch.Tensor and lifted.isfinite().all()


def test_a_missing_package_is_named(folder, tmp_path, monkeypatch):
    usual = builtins.__import__

    def without_onnxscript(name, *others, **named):
        if name == "onnxscript":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return usual(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", without_onnxscript)
    with pytest.raises(ValueError, match="an export to ONNX needs onnxscript: pip install onnx onnxscript"):
        export_onnx(folder / "lifter.ckpt", tmp_path / "lifter.onnx")
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("models.export.to_onnx", lambda *_: b"a model")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ValueError, match="the model cannot be written to"):
        export_onnx(folder / "lifter.ckpt", tmp_path / "file" / "lifter.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match="the model cannot be written to"):
        export_onnx(folder / "lifter.ckpt", tmp_path / "folder.onnx")
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder.onnx"}


def example(language: str) -> str:
    """The example in docs/onnx.md."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/onnx.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 20
    return code


@pytest.fixture
def place(folder, tmp_path):
    """A folder with the model alone."""
    shutil.copy(folder / "lifter.onnx", tmp_path)
    return tmp_path


def test_the_example_in_python_runs_with_numpy_and_onnx_runtime_alone(place, folder):
    pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    points_px = rng.uniform(0, 300, (3, 17, 2))
    rows = np.concatenate([points_px, np.ones((3, 17, 1))], axis=-1).reshape(3, 51).tolist()
    (place / "people.json").write_text(json.dumps([{"keypoints": row} for row in rows]))
    alone = "import sys\nassert not {'torch', 'onnx', 'models', 'utils'} & set(sys.modules)"
    (place / "lift.py").write_text(f"{example('python')}\n{alone}\nnp.save('poses.npy', poses)")
    done = subprocess.run([sys.executable, "lift.py"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = load_lifter(folder / "lifter.ckpt").lift(joint_weights("coco_17") @ points_px)
    np.testing.assert_allclose(np.load(place / "poses.npy"), wanted, atol=1e-4)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(INDEX)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
@pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(),
    reason="needs onnxruntime-web: npm install --no-save --no-package-lock onnxruntime-web@1.30.0",
)
def test_the_example_in_javascript_gives_the_same_poses(place, folder, poses_px):
    (place / "node_modules").symlink_to(NODE_MODULES)
    (place / "joints.json").write_text(json.dumps(poses_px.tolist()))
    (place / "lift.mjs").write_text(example("javascript"))
    done = subprocess.run(["node", "lift.mjs"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lifted = np.array([json.loads(line) for line in done.stdout.splitlines()]).reshape(-1, 17, 3)
    np.testing.assert_allclose(lifted, load_lifter(folder / "lifter.ckpt").lift(poses_px), atol=1e-4)
