"""Human3.6M as VideoPose3D prepares it: all recordings in one pickled .npz file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from utils.skeleton import NUM_JOINTS, SOURCES, joint_weights

from .files import as_numbers, find_files, read_pickled_npz
from .h36m_cameras import camera_file, read_cameras
from .h36m_layouts import DETECTED, FINE_TUNED, JOINT_INDICES, NUM_CAPTURED, View, Wanted, observe, parse_name
from .keypoints import points_to_joints
from .keypoints.tables import VIDEOPOSE3D_NAMES

POSITIONS_NAME, DETECTIONS_NAME = "data_3d_h36m.npz", "data_2d_h36m_*.npz"
FARTHEST_M = 100.0
"""Nobody was that far from the world's origin: larger numbers are millimetres."""


class VideoPose3DLayout:
    """`data_3d_h36m.npz`, any of its `data_2d_h36m_*.npz` and the cameras' file.

    The first 2D file, the Stacked Hourglass's (`_sh_`) if it is there, is the source "detected"; others have the names
    of their files. Views are numbered in the order of the cameras' serial numbers, not named.
    """

    def __init__(self, folder: Path, wanted: Wanted):
        self.wanted, self.positions = wanted, find_files(folder, POSITIONS_NAME)[0]
        cameras = camera_file(folder)
        self.cameras = {subject: read_cameras(cameras, subject) for subject in wanted.subjects}
        self.detections = _detection_files(folder) if wanted.detections else {}
        self.files = [cameras, self.positions, *self.detections.values()]
        self.sources = {source: path.name for source, path in self.detections.items()}

    def __iter__(self) -> Iterator[View]:
        positions = _by_recording(read_pickled_npz(self.positions), "positions_3d", self.positions)
        detected = {source: _Detections(path) for source, path in self.detections.items()}
        for subject in self.wanted.subjects:
            if subject not in positions:
                raise ValueError(f"{self.positions} has no subject {subject}, only {', '.join(positions)}")
            for (action, trial, _), values in positions[subject].items():
                if action not in self.wanted.actions:
                    continue
                recording = (subject, action, trial)
                world_mm = _positions_mm(values, f"{' '.join(recording).strip()} in {self.positions}")
                views = {source: file.views(recording) for source, file in detected.items()}
                for number, camera in enumerate(self.cameras[subject]):
                    detected_px = {source: seen[number] for source, seen in views.items() if number in seen}
                    yield observe(recording, world_mm, camera, detected_px, self.wanted.stride)


class _Detections:
    """One 2D file.

    Attributes:
        weights: (17, K) from the file's points to our joints.
    """

    def __init__(self, path: Path):
        content = read_pickled_npz(path)
        self.path, self.recordings = path, _by_recording(content, "positions_2d", path)
        self.weights = joint_weights(_skeleton(content.get("metadata"), self.recordings, path))

    def views(self, recording: tuple[str, str, str]) -> dict[int, Tensor]:
        """A camera's number -> our joints (T', 17, 2), for those cameras whose view was looked at."""
        subject, action, trial = recording
        views = self.recordings.get(subject, {}).get((action, trial, ""), ())
        where = f"{' '.join(recording).strip()} in {self.path}"
        if not isinstance(views, list | tuple | np.ndarray):
            raise ValueError(f"{where} is not a list of one array a camera")
        points_px = {number: _points_px(view, where) for number, view in enumerate(views) if view is not None}
        if wrong := {points.shape[1] for points in points_px.values()} - {self.weights.shape[1]}:
            raise ValueError(f"{where} has {wrong.pop()} points instead of {self.weights.shape[1]}")
        return {number: points_to_joints(points, self.weights) for number, points in points_px.items() if len(points)}


def _detection_files(folder: Path) -> dict[str, Path]:
    """2D source -> file."""
    found = [path for path in find_files(folder, DETECTIONS_NAME) if path.stem.lower() != "data_2d_h36m_gt"]
    names = {path.stem.lower().removeprefix("data_2d_h36m_"): path for path in found}
    # The same detections as in the folder of this name in 3d-pose-baseline's layout.
    fine_tuned = {FINE_TUNED: names.pop("sh_ft_h36m")} if "sh_ft_h36m" in names else {}
    ordered = {name: names[name] for name in sorted(names, key=lambda name: (not name.startswith("sh_"), name))}
    first = {DETECTED: ordered.pop(next(iter(ordered)))} if ordered else {}
    return first | fine_tuned | ordered


def _by_recording(content: dict[str, Any], name: str, path: Path) -> dict[str, dict[tuple[str, str, str], Any]]:
    """Subject -> action, trial and "" -> what VideoPose3D's file has there."""
    subjects = content.get(name)
    if not isinstance(subjects, dict) or not all(isinstance(recordings, dict) for recordings in subjects.values()):
        raise ValueError(f"{path} has no {name!r} in VideoPose3D's layout: subjects, then actions, then arrays")
    return {
        str(subject): {parse_name(str(recording)): recordings[recording] for recording in sorted(recordings, key=str)}
        for subject, recordings in subjects.items()
    }


def _skeleton(metadata: Any, recordings: dict[str, dict[tuple[str, str, str], Any]], path: Path) -> str:
    """Our name of a 2D file's skeleton: as its metadata says, else by its number of points and which are on the left.

    VideoPose3D's script for Stacked Hourglass detections writes no name.
    """
    metadata = metadata if isinstance(metadata, dict) else {}
    if "layout_name" in metadata:
        name = str(metadata["layout_name"])
        if name not in VIDEOPOSE3D_NAMES:
            raise ValueError(f"{path} has an unknown layout {name!r:.60}; known: {', '.join(VIDEOPOSE3D_NAMES)}")
        return VIDEOPOSE3D_NAMES[name]
    views = (view for found in recordings.values() for views in found.values() for view in views if view is not None)
    count = next((np.shape(view)[1] for view in views if np.ndim(view) == 3), metadata.get("num_joints"))
    fitting = [name for name in VIDEOPOSE3D_NAMES.values() if len(SOURCES[name]) == count]
    if len(fitting) > 1:
        left = np.ravel((metadata.get("keypoints_symmetry") or [()])[0]).tolist()
        fitting = [name for name in fitting if left == _left(name)]
    if len(fitting) != 1:
        raise ValueError(f"{path} does not say whose {count} points it has; add 'layout_name' to its metadata")
    return fitting[0]


def _left(skeleton: str) -> list[int]:
    return [number for number, name in enumerate(SOURCES[skeleton]) if name.startswith("left_")]


def _positions_mm(values: Any, where: str) -> np.ndarray:
    """(T, 17, 3) mm from a recording's metres, its points being the motion capture's or our joints."""
    positions = _array(values, where)
    if positions.shape[1:] not in ((NUM_CAPTURED, 3), (NUM_JOINTS, 3)):
        raise ValueError(f"{where} has shape {positions.shape} instead of (frames, {NUM_CAPTURED}, 3)")
    if positions.shape[1] == NUM_CAPTURED:
        positions = positions[:, JOINT_INDICES]
    in_metres = not (np.nanmax(np.abs(positions), initial=0) > FARTHEST_M)
    return positions * 1000 if in_metres else positions


def _points_px(values: Any, where: str) -> np.ndarray:
    """(T', K, 2) pixels, NaN where a third number, the score, is 0."""
    points = _array(values, where)
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise ValueError(f"{where} has shape {points.shape} instead of (frames, points, 2)")
    if points.shape[2] == 3:
        points = np.where(points[..., 2:] == 0, np.nan, points)
    return points[..., :2]


def _array(values: Any, where: str) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        raise ValueError(f"{where} is a {type(values).__name__} instead of an array")
    return as_numbers(values, where)
