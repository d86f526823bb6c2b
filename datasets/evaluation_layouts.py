"""Files of 2D and 3D poses to validate on: what each layout holds, one function a layout.

The points of all are taken for our joints of the same names, as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from utils.skeleton import JOINTS, SOURCES, joint_weights

from .files import as_numbers, read_pickled_npz

HUMANEVA_JOINTS = (
    "hip", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    "left_hip", "left_knee", "left_foot", "right_hip", "right_knee", "right_foot", "head",
)  # fmt: skip
"""The 15 points of VideoPose3D's files of HumanEva-I: no spine, no neck."""
HUMANEVA_SUBJECTS = ("Validate/S1", "Validate/S2", "Validate/S3")
HUMANEVA_POINTS_FILE = "data_2d_humaneva15_gt.npz"
_FIRST_AND_THIRD = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012), (4062.227, 663.2477, 1528.397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766), (844.8131, -3805.2092, 1504.9929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132), (-797.67377, 3916.3174, 1433.6602)),
)
_SECOND = (
    ((0.4214752, -0.4961493, -0.5838273, 0.4851187), (4112.9121, 626.4929, 1545.2988)),
    ((0.6501393, -0.7476588, -0.0954617, 0.0959808), (923.5740, -3877.9243, 1504.5518)),
    ((0.0699353, -0.0712403, 0.7421637, -0.662742), (-781.4915, 3838.8853, 1444.9929)),
)
HUMANEVA_CAMERAS = dict(zip(HUMANEVA_SUBJECTS, (_FIRST_AND_THIRD, _SECOND, _FIRST_AND_THIRD), strict=True))
"""HumanEva's cameras C1 to C3 as VideoPose3D gives them: quaternion (w, x, y, z) and place in mm."""
MPI_INF_3DHP_JOINTS = (
    "head", "thorax", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_foot", "left_hip", "left_knee", "left_foot", "hip", "spine", "neck",
)  # fmt: skip
"""The 17 points of MPI-INF-3DHP's test set, as papers map them to Human3.6M's joints."""
STUDIO_PX = (1500.0686, 1500.6591, 1017.3795, 1043.0628)
OUTDOORS_PX = (1683.4826, 1671.9272, 939.9278, 560.2072)
MPI_INF_3DHP_INTRINSICS_PX = {f"TS{number}": STUDIO_PX if number < 5 else OUTDOORS_PX for number in range(1, 7)}
"""fx, fy, cx, cy of the test sequences, published with the data set."""


@dataclass(frozen=True)
class Part:
    """Some poses of a file.

    Attributes:
        points_px: (N, K, 2), NaN where missing.
        points_mm: (N, K, 3) in the camera's frame, NaN where missing.
        intrinsics_px: (N, 4), or None.
        detected_px: (N, 17, 2) our joints as a detector sees them, NaN where missing, or None.
        actions: (N,) text, or None.
    """

    points_px: np.ndarray
    points_mm: np.ndarray
    intrinsics_px: np.ndarray | None = None
    detected_px: np.ndarray | None = None
    actions: np.ndarray | None = None


Layout = tuple[tuple[str, ...], list[Part]]
"""The names of the K points, and the parts."""


def own_layout(content: dict[str, Any], path: Path) -> Layout:
    """This project's own: poses_2d_px (N, K, 2) and poses_3d_mm (N, K, 3), and what docs/evaluation.md says."""
    names = tuple(_texts(content["joints"], "joints", path)) if "joints" in content else JOINTS
    if len(set(names)) < len(names):
        raise ValueError(f"'joints' in {path} names a joint twice")
    points_px = _numbers(content, "poses_2d_px", (None, len(names), 2), path)
    count = len(points_px)
    intrinsics_px = actions = detected_px = None
    if "intrinsics_px" in content:
        shape = (4,) if np.ndim(content["intrinsics_px"]) == 1 else (count, 4)
        intrinsics_px = np.broadcast_to(_numbers(content, "intrinsics_px", shape, path), (count, 4))
        if not (np.isfinite(intrinsics_px).all() and (intrinsics_px[:, :2] > 0).all()):
            raise ValueError(f"'intrinsics_px' in {path} must be fx, fy, cx, cy in pixels")
    if "actions" in content:
        actions = _texts(content["actions"], "actions", path)
        if len(actions) != count:
            raise ValueError(f"'actions' in {path} has {len(actions)} names for {count} poses")
    if "detected_2d_px" in content:
        skeleton = str(content.get("detected_skeleton", "h36m_17"))
        if skeleton not in SOURCES:
            raise ValueError(f"{path}: unknown skeleton {skeleton!r:.60}; known: {', '.join(SOURCES)}")
        points = _numbers(content, "detected_2d_px", (count, len(SOURCES[skeleton]), 2), path)
        detected_px = weighted(joint_weights(skeleton), points)
    points_mm = _numbers(content, "poses_3d_mm", (count, len(names), 3), path)
    return names, [Part(points_px, points_mm, intrinsics_px, detected_px, actions)]


def humaneva(content: dict[str, Any], path: Path) -> Layout:
    """HumanEva-I as VideoPose3D prepares it: the positions' file, and the 2D file in the same folder."""
    points_file = path.with_name(HUMANEVA_POINTS_FILE)
    positions: Any = content["positions_3d"]
    points: Any = read_pickled_npz(points_file).get("positions_2d")
    for found, file in ((positions, path), (points, points_file)):
        if not isinstance(found, dict) or not any(isinstance(found.get(name), dict) for name in HUMANEVA_SUBJECTS):
            raise ValueError(f"{file} has none of {', '.join(HUMANEVA_SUBJECTS)} in VideoPose3D's layout")
    parts = []
    for subject in HUMANEVA_SUBJECTS:
        for recording, world_m in positions.get(subject, {}).items():
            views, where = points.get(subject, {}).get(recording), f"{subject} {recording}"
            if not isinstance(views, list | tuple | np.ndarray):
                raise ValueError(f"{points_file} has no {where}")
            world_mm = 1000 * _shaped(world_m, where, (None, len(HUMANEVA_JOINTS), 3), path)
            for view, (turn, place_mm) in zip(views, HUMANEVA_CAMERAS[subject], strict=False):
                points_px = _shaped(view, f"2D of {where}", (len(world_mm), len(HUMANEVA_JOINTS), 2), path)
                to_camera = Rotation.from_quat([*turn[1:], turn[0]]).inv().as_matrix()
                action = np.full(len(world_mm), str(recording).split()[0])
                parts.append(Part(points_px, (world_mm - place_mm) @ to_camera.T, actions=action))
    return HUMANEVA_JOINTS, parts


def mpi_inf_3dhp(content: dict[str, Any], path: Path) -> Layout:
    """MPI-INF-3DHP's test set as P-STMO prepares it: "data" holds data_2d, data_3d and valid for TS1 to TS6."""
    sequences = content["data"]
    if not isinstance(sequences, dict) or not sequences.keys() & MPI_INF_3DHP_INTRINSICS_PX.keys():
        raise ValueError(f"'data' in {path} has none of the sequences {', '.join(MPI_INF_3DHP_INTRINSICS_PX)}")
    parts = []
    for name, intrinsics_px in MPI_INF_3DHP_INTRINSICS_PX.items():
        if name in sequences:
            if not isinstance(sequences[name], dict):
                raise ValueError(f"{name} in {path} has no data_2d, data_3d and valid")
            points_px = _numbers(sequences[name], "data_2d", (None, 17, 2), path)
            count = len(points_px)
            points_mm = _numbers(sequences[name], "data_3d", (count, 17, 3), path)
            valid = _shaped(np.ravel(sequences[name].get("valid", ())), f"'valid' of {name}", (count,), path) > 0
            points_mm = np.where(valid[:, None, None], points_mm, np.nan)
            parts.append(Part(points_px, points_mm, np.tile(intrinsics_px, (count, 1)), actions=np.full(count, name)))
    return MPI_INF_3DHP_JOINTS, parts


LAYOUTS: dict[str, Callable[[dict[str, Any], Path], Layout]] = {
    "poses_2d_px": own_layout, "positions_3d": humaneva, "data": mpi_inf_3dhp,
}  # fmt: skip
"""The array by whose name a layout is known."""


def read_layout(path: Path) -> Layout:
    """The poses of a file in any of the layouts.

    Raises:
        ValueError: one sentence, if the file is damaged or of another layout.
    """
    content = read_pickled_npz(path)
    for name, read in LAYOUTS.items():
        if name in content:
            return read(content, path)
    known = ", ".join(LAYOUTS)
    raise ValueError(f"{path} has none of the arrays {known}, so it is no set of 3D poses; see docs/evaluation.md")


def weighted(weights: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Weighted sums (17, K) of points (N, K, D); those without weight may be NaN."""
    needed = np.flatnonzero(np.abs(weights).sum(axis=0))
    return weights[:, needed] @ points[:, needed]


def _numbers(content: dict[str, Any], name: str, shape: tuple[int | None, ...], path: Path) -> np.ndarray:
    if name not in content:
        raise ValueError(f"{path} has no {name!r}; see docs/evaluation.md")
    return _shaped(content[name], repr(name), shape, path)


def _shaped(values: Any, name: str, shape: tuple[int | None, ...], path: Path) -> np.ndarray:
    if isinstance(values, np.ndarray) and values.dtype.kind == "b":
        values = values.astype(int)
    array = as_numbers(values, f"{name} in {path}")
    if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        wanted = " x ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} in {path} has shape {array.shape} instead of {wanted}")
    return array


def _texts(values: Any, name: str, path: Path) -> np.ndarray:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "U" or values.ndim != 1:
        raise ValueError(f"{name!r} in {path} must be a list of names, saved as an array of text")
    return values
