"""The whole lift as one ONNX file, for programs without PyTorch: pixels in, 3D poses out."""

import json
import logging
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from utils.demo.options import PROJECT
from utils.files import write_whole
from utils.geometry import rotate
from utils.normalization import pixels_to_virtual_norm
from utils.skeleton import JOINTS, NUM_JOINTS, ROOT, SOURCES, joint_weights

from .lifter import RADIUS_90, Lifter
from .weights import load_lifter, read_checkpoint

OPSET = 18
SHIPPED = PROJECT / "test" / "checkpoints" / "pretrained_model.ckpt"
LARGEST_BYTES = 2**31 - 2**20
"""An ONNX file is one message of Protocol Buffers, which ends at 2 GiB; the megabyte is for the graph."""
MOST_POINTS = 40
"""Skeletons with more points than this, those with fingers and faces, stay out of the metadata."""
INPUTS = {
    "keypoints": "(n, 17, 2) float32, pixels, x right, y down, the joints in the order of `joints`",
    "intrinsics": "(n, 4) float32, fx, fy, cx, cy in pixels; fx = 0: unknown, the camera looks straight at the person",
    "confidence": "(n, 17) float32, 1: the point is exact, 0.5: a detector found it, 0: nobody sees the joint, "
    "wherever its point is; the hip must be seen",
}
OUTPUTS = {
    "pose": "(n, 17, 3) float32, x right, y down, z away from the camera, relative to the hip; without a unit: the "
    "joints are about 1 from the hip on average",
    "uncertainty": "(n, 17) float32, radius in the pose's unit: nine times in ten the joint lies within",
}
DEFINITION = (
    "The joints are Human3.6M's, joint centres inside the body. joints_from_NAME is a JSON matrix (17, K) that makes "
    "them of the K points of another skeleton: joints = matrix @ points; points_of_NAME are the points' names."
)


class WholeLift(nn.Module):
    """`Lifter.lift` with the mirror image's average, as a function of tensors alone."""

    def __init__(self, lifter: Lifter) -> None:
        super().__init__()
        self.lifter = lifter

    def forward(self, keypoints: Tensor, intrinsics: Tensor, confidence: Tensor | None = None) -> tuple[Tensor, ...]:
        """See `INPUTS` and `OUTPUTS`."""
        # A camera in whose middle the root lies looks straight at the person.
        straight = torch.cat([torch.ones_like(keypoints[:, ROOT]), keypoints[:, ROOT]], dim=-1)
        camera = torch.where(intrinsics[:, :1] > 0, intrinsics, straight)
        pose_norm, rotation, nearness = pixels_to_virtual_norm(keypoints, camera, confidence)
        pose, scale = self.lifter.lift_norm(pose_norm, confidence)
        nearness = torch.where(intrinsics[:, 0] > 0, nearness, torch.ones_like(nearness))
        pose = rotate(self.lifter.in_perspective(pose, nearness), rotation)
        return (pose,) if scale is None else (pose, RADIUS_90 * scale)


def signature(lifter: Lifter) -> tuple[dict[str, str], dict[str, str]]:
    """Names and meanings of the inputs and the outputs that a lifter's file has."""
    if lifter.corrects_points:
        return INPUTS, OUTPUTS
    return {name: INPUTS[name] for name in ("keypoints", "intrinsics")}, {"pose": OUTPUTS["pose"]}


def export_onnx(checkpoint: str | Path | None, path: str | Path, precision: str = "fp32") -> str:
    """Writes the lifter of a checkpoint as an ONNX file, whole or not at all. Missing folders are made.

    Args:
        checkpoint: of a training run, or a small shipped file; None is the shipped one.
        path: where to; an older file is replaced.
        precision: "fp32", or "fp16": weights of half the size, with which the arithmetic is in float32 all the same.

    Returns:
        One line for the user: what was written.

    Raises:
        ValueError: one sentence, for a checkpoint that cannot be used, a missing package, weights that do not fit or a
            path that cannot be written.
    """
    path, checkpoint = Path(path), checkpoint or SHIPPED
    lifter = load_lifter(checkpoint)
    about = metadata(lifter, read_checkpoint(checkpoint).get("note", ""))
    about["precision"] = f"weights {precision}, arithmetic fp32"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = to_onnx(lifter, about, precision)
        write_whole(path, content)
    except OSError as error:
        raise ValueError(f"the model cannot be written to {path}: {error.strerror or error}") from error
    inputs, outputs = map(", ".join, signature(lifter))
    return f"written: {path} ({len(content) / 1e6:.1f} MB): {inputs} -> {outputs}"


def metadata(lifter: Lifter, note: str) -> dict[str, str]:
    """What the file says of itself, as plain text.

    Args:
        lifter: what is exported.
        note: of the checkpoint: how its weights came about, and their licence.
    """
    (version,) = re.findall(r'^version = "(.+)"', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    inputs, outputs = signature(lifter)
    tables = {}
    for name, points in SOURCES.items():
        if len(points) <= MOST_POINTS:
            tables[f"points_of_{name}"] = json.dumps(points)
            tables[f"joints_from_{name}"] = json.dumps(joint_weights(name).round(6).tolist())
    return {
        "version": version,
        "licence": f"code: MIT; weights: {note or 'no note in the checkpoint; as the data they were trained on'}",
        "joints": json.dumps(JOINTS),
        "definition": DEFINITION,
        **inputs,
        **outputs,
        **tables,
    }


def to_onnx(lifter: Lifter, about: dict[str, str], precision: str = "fp32") -> bytes:
    """The content of an ONNX file that lifts as `lifter.lift` does.

    Args:
        lifter: as `load_lifter` returns it. Batch norm stays apart from the linear layers: weights that came out of a
            small file are half-precision numbers, so fp16 loses nothing of them.
        about: the file's metadata.
        precision: "fp32" or "fp16".

    Raises:
        ValueError: one sentence, for a missing package or weights that do not fit.
    """
    onnx = _import_onnx()
    weights = lifter.state_dict().values()
    if sum(weight.numel() * weight.element_size() for weight in weights) > LARGEST_BYTES:
        raise ValueError("the lifter's weights take more than the 2 GB that an ONNX file can hold")
    if precision == "fp16" and any(weight.abs().max() > torch.finfo(torch.half).max for weight in weights):
        raise ValueError("the lifter's weights are too large for fp16: export them as fp32")
    inputs, outputs = map(list, signature(lifter))
    examples = (torch.zeros(2, NUM_JOINTS, 2), torch.zeros(2, 4), torch.zeros(2, NUM_JOINTS))[: len(inputs)]
    batch = torch.export.Dim("n")
    # PyTorch's exporter tells of its own future and of packages that it does without.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            WholeLift(lifter), examples, dynamo=True, opset_version=OPSET, external_data=False, verbose=False,
            input_names=inputs, output_names=outputs, dynamic_shapes=[{0: batch}] * len(inputs),
        )  # fmt: skip
    model = program.model_proto
    graph = model.graph
    # The exporter notes of the source beside each node, such as paths on this machine.
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
    if precision == "fp16":
        store_in_half(model)
    model.producer_name, model.producer_version, model.model_version = "chen-cvpr2019", about.get("version", ""), 1
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _import_onnx() -> Any:
    try:
        import onnx
        import onnxscript  # noqa: F401  (PyTorch imports it late)
    except ModuleNotFoundError as error:
        raise ValueError(f"an export to ONNX needs {error.name}: pip install onnx onnxscript") from error
    return onnx


def store_in_half(model: Any) -> None:
    """Gives an `onnx.ModelProto` weights of half precision, each made float32 again where the graph begins.

    The geometry's constants stay as they are.
    """
    onnx, graph, casts = _import_onnx(), model.graph, []
    for weight in graph.initializer:
        if weight.name.startswith("lifter."):
            name, half = f"{weight.name}_half", onnx.numpy_helper.to_array(weight).astype(np.float16)
            casts.append(onnx.helper.make_node("Cast", [name], [weight.name], to=onnx.TensorProto.FLOAT))
            weight.CopyFrom(onnx.numpy_helper.from_array(half, name))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
