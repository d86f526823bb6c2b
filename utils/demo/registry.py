"""What can be chosen by name, one entry each: 2D detectors and formats of motions. Imports nothing heavy.

Entries name code as "module:attribute", which is imported when it is asked for.
"""

from dataclasses import dataclass, field
from typing import Any

NOTED = "noted"
"""RTMPose's publisher gives no sums: the download notes its own beside each file, and a later change is refused."""


@dataclass(frozen=True)
class Estimator:
    """A 2D pose estimator.

    Attributes:
        maker: a class or function in `models.detectors`, called with the folder of the files and, by name, with
            `width`, `height` and `thr` of `DemoOptions` and with `settings`. What it makes is called with a picture.
        files: what it reads, and the published sums, "algorithm:hex" with a space between, all of which must agree.
        settings: what else its maker is told.
    """

    maker: str
    files: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)


ESTIMATORS = {
    "blazepose": Estimator("blazepose:BlazePose", {
        "pose_detection.tflite": "sha256:9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        "pose_landmark_full.tflite": "sha256:e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    }),
    "rtmpose": Estimator("rtmpose:RTMPose", {"rtmpose_yolox_m.onnx": NOTED, "rtmpose_m_body7.onnx": NOTED}),
    # Nobody publishes a SHA-256 of it: two other sums must agree.
    "openpose-mpi": Estimator("openpose:OpenPose", {
        "pose_iter_160000.caffemodel":
            "md5:2ca0990c7562bd7ae03f3f54afa96e00 sha1:a344f4da6b52892e44a0ca8a4c68ee605fc611cf"
    }, {"variant": "mpi"}),
    "openpose-coco": Estimator("openpose:OpenPose", {
        "pose_iter_440000.caffemodel": "sha256:b4cf475576abd7b15d5316f1ee65eb492b5c9f5865e70a2e7882ed31fb682549"
    }, {"variant": "coco"}),
}  # fmt: skip

EXPORTS = {
    "bvh": "bvh:write_bvh", "glb": "glb:write_glb", "trc": "trc:write_trc",
    "csv": "tables:write_csv", "npz": "tables:write_npz",
}  # fmt: skip
"""Ending of the file, and a function in `utils.export3d` of its path and of the `Motion` to write."""
