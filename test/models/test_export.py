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
from models.export import export_onnx, metadata, store_in_half, to_onnx
from utils.skeleton import INDEX, JOINTS, ROOT, SOURCES, joint_weights

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
NODE_MODULES = PROJECT / "node_modules"
CAMERA = np.array([1100, 1150, 480, 520], np.float32)
CHECKPOINTS = {"points.onnx": "points.ckpt", "half.onnx": "points.ckpt", "depths.onnx": "depths.ckpt"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of `CHECKPOINTS`: a lifter that corrects points, in both precisions, and one of depths alone."""
    onnx, _ = (pytest.importorskip(name) for name in ("onnx", "onnxscript"))
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    for kind in ("points", "depths"):
        lifter = Lifter(width=32, blocks=1, corrects_points=kind == "points")
        with torch.no_grad():
            for _ in range(20):
                lifter(torch.randn(64, 17, 2) * 0.2 + 0.05)
            lifter.network[-1].weight.mul_(100)
        save_lifter(lifter.eval(), folder / f"{kind}.ckpt", "made of nothing; MIT")
        export_onnx(folder / f"{kind}.ckpt", folder / f"{kind}.onnx")
    model = onnx.load(folder / "points.onnx")
    store_in_half(model)
    onnx.save(model, folder / "half.onnx")
    return folder


@pytest.fixture(scope="module")
def poses_px():
    return load_synthetic(7, seed=3).poses_px["gt"].numpy()


@pytest.fixture(scope="module")
def confidence():
    """(7, 17) of exact, detected and unseen joints; the hip is seen."""
    confidence = np.random.default_rng(0).choice([0, 0.5, 1], (7, 17)).astype(np.float32)
    confidence[:, ROOT] = 1
    return confidence


def run(path, poses_px, intrinsics, confidence):
    """Poses (n, 17, 3) and, where the model tells it, uncertainty (n, 17) by ONNX Runtime."""
    session = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    cameras = np.broadcast_to(intrinsics, (len(poses_px), 4)).astype(np.float32)
    inputs = {"keypoints": poses_px, "intrinsics": cameras, "confidence": confidence}
    return session.run(None, {value.name: inputs[value.name] for value in session.get_inputs()})


def lift(path, poses_px, intrinsics, confidence):
    """The same by PyTorch."""
    lifted = load_lifter(path).lift_with_uncertainty(poses_px, intrinsics, confidence)
    return [tensor.numpy() for tensor in lifted if tensor is not None]


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("intrinsics", [None, CAMERA], ids=["unknown", "known"])
def test_any_number_of_poses_is_lifted_as_by_pytorch(folder, poses_px, confidence, name, intrinsics):
    for some in (slice(None), slice(1), slice(0)):
        wanted = lift(folder / CHECKPOINTS[name], poses_px[some], intrinsics, confidence[some])
        lifted = run(folder / name, poses_px[some], CAMERA * 0 if intrinsics is None else CAMERA, confidence[some])
        assert len(lifted) == len(wanted) == (1 if name == "depths.onnx" else 2)
        for ours, theirs in zip(lifted, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=5e-5)


def test_what_the_comparison_compares_is_not_trivial(folder, poses_px, confidence):
    for checkpoint in ("points.ckpt", "depths.ckpt"):
        pose = lift(folder / checkpoint, poses_px, CAMERA, confidence)[0]
        assert pose[..., 2].std() > 0.1
        assert np.abs(pose - lift(folder / checkpoint, poses_px, None, confidence)[0]).max() > 0.01
    assert np.abs(pose - lift(folder / "points.ckpt", poses_px, CAMERA, confidence * 0 + 1)[0]).max() > 0.01


def test_each_person_has_a_camera_or_none(folder, poses_px, confidence):
    known = np.arange(len(poses_px)) % 2
    lifted = run(folder / "points.onnx", poses_px, known[:, None] * CAMERA, confidence)[0]
    for some, intrinsics in ((known == 0, None), (known == 1, CAMERA)):
        wanted = lift(folder / "points.ckpt", poses_px[some], intrinsics, confidence[some])[0]
        np.testing.assert_allclose(lifted[some], wanted, atol=5e-5)


def test_where_the_point_of_an_unseen_joint_lies_does_not_matter(folder, poses_px, confidence):
    moved_px = np.where(confidence[..., None] > 0, poses_px, -1000).astype(np.float32)
    for ours, theirs in zip(*(run(folder / "points.onnx", points_px, CAMERA, confidence)
                              for points_px in (poses_px, moved_px)), strict=True):  # fmt: skip
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_half_precision_halves_the_weights_and_keeps_the_geometry(folder):
    onnx = pytest.importorskip("onnx")
    whole, half = (onnx.load(folder / name).graph.initializer for name in ("points.onnx", "half.onnx"))
    bytes_of = [sum(len(tensor.raw_data) for tensor in graph if "lifter." in tensor.name) for graph in (whole, half)]
    assert bytes_of[1] == bytes_of[0] / 2
    others = [{tensor.name: tensor.data_type for tensor in graph if "lifter." not in tensor.name}
              for graph in (whole, half)]  # fmt: skip
    assert others[0] == others[1] and onnx.TensorProto.FLOAT in others[0].values()


def test_weights_beyond_half_precision_are_refused(folder):
    lifter = load_lifter(folder / "points.ckpt")
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
    model, says = pytest.importorskip("onnx").load(folder / "points.onnx"), about(folder / "points.onnx")
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [18]
    names = ["keypoints", "intrinsics", "confidence", "pose", "uncertainty"]
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == names
    assert {*names, "definition"} <= says.keys() and not {"confidence", "uncertainty"} & about(
        folder / "depths.onnx"
    ).keys()
    assert json.loads(says["joints"]) == list(JOINTS)
    assert says["licence"] == "code: MIT; weights: made of nothing; MIT"
    assert says["version"] == model.producer_version and re.fullmatch(r"\d+\.\d+\.\d+", says["version"])
    assert "no note in the checkpoint" in metadata(load_lifter(folder / "depths.ckpt"), "")["licence"]
    for name in ("coco_17", "blazepose_33", "openpose_body_25"):
        assert json.loads(says[f"points_of_{name}"]) == list(SOURCES[name])
        np.testing.assert_allclose(json.loads(says[f"joints_from_{name}"]), joint_weights(name), atol=1e-6)
    content = (folder / "points.onnx").read_bytes()
    assert str(PROJECT).encode() not in content and b"site-packages" not in content


def test_lifting_goes_on_after_an_export(folder, poses_px):
    # Tensors that are kept while a graph is traced would be stand-ins without numbers.
    lifted = load_lifter(folder / "points.ckpt").lift(poses_px, CAMERA)
    assert type(lifted) is torch.Tensor and lifted.isfinite().all()


def test_a_missing_package_is_named(folder, tmp_path, monkeypatch):
    usual = builtins.__import__

    def without_onnxscript(name, *others, **named):
        if name == "onnxscript":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return usual(name, *others, **named)

    monkeypatch.setattr(builtins, "__import__", without_onnxscript)
    with pytest.raises(ValueError, match="an export to ONNX needs onnxscript: pip install onnx onnxscript"):
        export_onnx(folder / "points.ckpt", tmp_path / "lifter.onnx")
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_written_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("models.export.to_onnx", lambda *_: b"a model")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ValueError, match="the model cannot be written to"):
        export_onnx(folder / "points.ckpt", tmp_path / "file" / "lifter.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match="the model cannot be written to"):
        export_onnx(folder / "points.ckpt", tmp_path / "folder.onnx")
    assert {path.name for path in tmp_path.rglob("*")} == {"file", "folder.onnx"}


def example(language: str) -> str:
    """The example in docs/onnx.md."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", (PROJECT / "docs/onnx.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 20
    return code


@pytest.fixture(params=["points", "depths"])
def place(request, folder, tmp_path):
    """A folder with the model of one kind alone, lifter.onnx, and its checkpoint."""
    shutil.copy(folder / f"{request.param}.onnx", tmp_path / "lifter.onnx")
    shutil.copy(folder / f"{request.param}.ckpt", tmp_path / "lifter.ckpt")
    return tmp_path


def test_the_example_in_python_runs_with_numpy_and_onnx_runtime_alone(place):
    pytest.importorskip("onnxruntime")
    points_px, scores = np.random.default_rng(0).uniform(0, 300, (3, 17, 2)), np.ones((3, 17, 1))
    scores[1, SOURCES["coco_17"].index("left_wrist")] = 0
    rows = np.concatenate([points_px, scores], axis=-1).reshape(3, 51).tolist()
    (place / "people.json").write_text(json.dumps([{"keypoints": row} for row in rows]))
    alone = "import sys\nassert not {'torch', 'onnx', 'models', 'utils'} & set(sys.modules)"
    (place / "lift.py").write_text(f"{example('python')}\n{alone}\nnp.save('poses.npy', poses)")
    done = subprocess.run([sys.executable, "lift.py"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    confidence = np.full((3, 17), 0.5)
    confidence[1, INDEX["left_wrist"]] = 0
    wanted = lift(place / "lifter.ckpt", joint_weights("coco_17") @ points_px, None, confidence)[0]
    np.testing.assert_allclose(np.load(place / "poses.npy"), wanted, atol=1e-4)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(INDEX)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
@pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(),
    reason="needs onnxruntime-web: npm install --no-save --no-package-lock onnxruntime-web@1.30.0",
)
def test_the_example_in_javascript_gives_the_same_poses(place, poses_px, confidence):
    (place / "node_modules").symlink_to(NODE_MODULES)
    (place / "joints.json").write_text(json.dumps(np.concatenate([poses_px, confidence[..., None]], axis=-1).tolist()))
    (place / "lift.mjs").write_text(example("javascript"))
    done = subprocess.run(["node", "lift.mjs"], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lifted = np.array([json.loads(line) for line in done.stdout.splitlines()]).reshape(-1, 17, 3)
    np.testing.assert_allclose(lifted, lift(place / "lifter.ckpt", poses_px, None, confidence)[0], atol=1e-4)
