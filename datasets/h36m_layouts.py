"""The ways in which Human3.6M's recordings are laid out in files of one recording each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from utils.skeleton import SOURCES, joint_weights

from .files import find_files, open_h5, read_cdf, read_h5
from .h36m_cameras import CalibratedCamera, camera_file, read_cameras
from .keypoints import points_to_joints

SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking",
)  # fmt: skip
ALIASES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}
NUM_CAPTURED = 32
JOINT_INDICES = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Our 17 joints among the points of the motion capture; the others repeat these or end limbs."""
DETECTED, FINE_TUNED = "detected", "finetuned240"
DETECTION_FOLDERS = {DETECTED: "StackedHourglass", FINE_TUNED: "StackedHourglassFineTuned240"}
"""2D source -> folder: detections of a network trained on MPII, and after fine-tuning on Human3.6M."""
LENGTH_TOLERANCE = 0.1
"""Detections may be some frames shorter or longer than the motion capture, but by no larger fraction than this."""


Recording = tuple[str, str, str]
"""Subject, action and trial: "S9", one of `ACTIONS`, and what tells the recordings of an action apart."""
Named = tuple[str, str, str]
"""Action, trial and camera, each empty where a file's name does not tell it."""


@dataclass(frozen=True)
class View:
    """One recording (or a part of it) as one camera sees it, T frames.

    Attributes:
        camera: its serial number.
        cam_mm: (T, 17, 3) camera frame.
        gt_px: (T, 17, 2) its projection, with the lens's distortion.
        detected_px: 2D source -> (T, 17, 2), NaN where nothing was detected.
    """

    recording: Recording
    camera: str
    cam_mm: Tensor
    gt_px: Tensor
    intrinsics_px: Tensor
    detected_px: dict[str, Tensor]


@dataclass(frozen=True)
class Wanted:
    """What to read: subjects and actions in the order of `SUBJECTS` and `ACTIONS`, every stride-th frame."""

    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    stride: int = 1
    detections: bool = True


class Layout(Protocol):
    """Iterates over all wanted views: recording after recording, in each camera after camera by serial number.

    Attributes:
        files: all that will be read.
        sources: 2D source -> the folder or file that it comes from.
    """

    files: list[Path]
    sources: dict[str, str]

    def __iter__(self) -> Iterator[View]: ...


def observe(
    recording: Recording, world_mm: np.ndarray, camera: CalibratedCamera, detected_px: dict[str, Tensor], stride: int
) -> View:
    """Every stride-th frame of a recording (T, 17, 3) in one camera.

    Args:
        detected_px: 2D source -> (T', 17, 2) for those with detections; T and T' may differ by some frames.

    Raises:
        ValueError: if there are far more or fewer detections than frames of 3D.
    """
    for source, points_px in detected_px.items():
        if abs(len(points_px) - len(world_mm)) > 1 + LENGTH_TOLERANCE * len(world_mm):
            raise ValueError(
                f"{' '.join(recording).strip()} has {len(world_mm)} frames of 3D but {len(points_px)} of detections "
                f"by {camera.name} ({source})"
            )
    frames = slice(0, min([len(world_mm), *map(len, detected_px.values())]), stride)
    chosen_mm = torch.from_numpy(np.ascontiguousarray(world_mm[frames], dtype=np.float64))
    cam_mm, gt_px = camera.observe(chosen_mm)
    detected_px = {source: points_px[frames] for source, points_px in detected_px.items()}
    return View(recording, camera.name, cam_mm, gt_px, camera.intrinsics_px, detected_px)


class BaselineLayout:
    """3d-pose-baseline's folders, or Human3.6M's own, whose 3D positions are CDF files.

    `S9/MyPoses/3D_positions/Directions 1.h5` or `S9/MyPoseFeatures/D3_Positions/Directions 1.cdf`; detections in
    `S9/StackedHourglass/Directions_1.54138969.h5` and `S9/StackedHourglassFineTuned240`; beside S9 the cameras' file.
    """

    POSITIONS = (("MyPoses/3D_positions", "*.h5"), ("MyPoseFeatures/D3_Positions", "*.cdf"),
                 ("Poses_D3_Positions", "*.cdf"))  # fmt: skip

    def __init__(self, folder: Path, wanted: Wanted):
        self.stride = wanted.stride
        self.recordings: list[tuple[Recording, Path, dict[str, dict[Named, Path]]]] = []
        self.files: list[Path] = []
        self.sources: dict[str, str] = {}
        places = DETECTION_FOLDERS if wanted.detections else {}
        for subject in wanted.subjects:
            found = self._positions(folder / subject)
            detected = {name: _by_name(find_files(folder / subject / place, "*.h5")) for name, place in places.items()}
            self.sources |= {name: places[name] for name, files in detected.items() if files}
            for files in (found, *detected.values()):
                self.files += [path for (action, _, _), path in files.items() if action in wanted.actions]
            for (action, trial, _), path in found.items():
                if action in wanted.actions:
                    self.recordings.append(((subject, action, trial), path, detected))
        cameras = camera_file(folder)
        self.files.append(cameras)
        self.cameras = {subject: read_cameras(cameras, subject) for subject in wanted.subjects}

    def _positions(self, folder: Path) -> dict[Named, Path]:
        for name, pattern in self.POSITIONS:
            if found := _by_name(find_files(folder / name, pattern)):
                return found
        places = " or ".join(str(folder / name) for name, _ in self.POSITIONS[:2])
        raise ValueError(f"no recordings in {places}, and no data_3d_h36m.npz; is {folder.name} there?")

    def __iter__(self) -> Iterator[View]:
        for recording, path, detected in self.recordings:
            world_mm = _read_positions(path)
            for camera in self.cameras[recording[0]]:
                view = (*recording[1:], camera.name)
                detected_px = {name: _read_detections(files[view]) for name, files in detected.items() if view in files}
                yield observe(recording, world_mm, camera, detected_px, self.stride)


def _read_positions(path: Path) -> np.ndarray:
    """(T, 17, 3) mm in the world frame."""
    if path.suffix.lower() == ".cdf":
        flat = read_cdf(path, "Pose")
        if flat.ndim not in (2, 3) or flat.shape[-1] != NUM_CAPTURED * 3:
            raise ValueError(f"'Pose' in {path} has shape {flat.shape} instead of (1, frames, {NUM_CAPTURED * 3})")
        return flat.reshape(-1, NUM_CAPTURED, 3)[:, JOINT_INDICES]
    with open_h5(path) as file:
        flat = read_h5(file, "3D_positions", (NUM_CAPTURED * 3, None))
    return flat.reshape(NUM_CAPTURED, 3, -1)[list(JOINT_INDICES)].transpose(2, 0, 1)


def _read_detections(path: Path) -> Tensor:
    with open_h5(path) as file:
        points_px = read_h5(file, "poses", (None, len(SOURCES["mpii_16"]), 2))
    return points_to_joints(points_px, joint_weights("mpii_16"))


class FetchLayout:
    """h36m-fetch's `S9/Directions-1/annot.h5`: all cameras of a recording in one file, each in its own frame.

    Every fifth frame, as that tool takes them. No camera file is needed.
    """

    def __init__(self, folder: Path, wanted: Wanted):
        self.stride = wanted.stride
        self.sources: dict[str, str] = {}
        self.recordings: list[tuple[Recording, Path]] = []
        for subject in wanted.subjects:
            found = {parse_name(path.parent.name): path for path in annotation_files(folder, subject)}
            if not found:
                raise ValueError(f"no recordings in {folder / subject}; is {subject} there?")
            for (action, trial, _), path in sorted(found.items()):
                if action in wanted.actions:
                    self.recordings.append(((subject, action, trial), path))
        self.files = [path for _, path in self.recordings]

    def __iter__(self) -> Iterator[View]:
        joints = list(JOINT_INDICES)
        for recording, path in self.recordings:
            with open_h5(path) as file:
                numbers = read_h5(file, "camera", (None,))
                # Older versions of the tool knew the poses of the universal skeleton only.
                poses = "pose/3d" if "pose/3d" in file else "pose/3d-univ"
                cam_mm = torch.from_numpy(read_h5(file, poses, (len(numbers), NUM_CAPTURED, 3))[:, joints])
                gt_px = torch.from_numpy(read_h5(file, "pose/2d", (len(numbers), NUM_CAPTURED, 2))[:, joints])
                for number in np.unique(numbers):
                    camera = f"{number:.0f}"
                    fx, cx, fy, cy = read_h5(file, f"intrinsics/{camera}", (4,))
                    frames = np.flatnonzero(numbers == number)[:: self.stride]
                    yield View(recording, camera, cam_mm[frames], gt_px[frames], torch.tensor([fx, fy, cx, cy]), {})


def annotation_files(folder: Path, subject: str) -> list[Path]:
    """h36m-fetch's files of a subject."""
    places = sorted((folder / subject).iterdir()) if (folder / subject).is_dir() else []
    return [path for place in places for path in find_files(place, "annot.h5")]


def parse_name(stem: str) -> Named:
    """Action, trial and camera of a recording's name, as far as it has them.

    >>> parse_name("Directions 1"), parse_name("TakingPhoto.54138969")
    (('Directions', '1', ''), ('Photo', '', '54138969'))
    """
    match = re.fullmatch(r"(.*?)[ _-]?(\d*)(?:\.(\d+))?", stem, re.DOTALL)
    action, trial, camera = match.groups() if match else (stem, "", "")
    return ALIASES.get(action, action), trial, camera or ""


def _by_name(paths: Sequence[Path]) -> dict[Named, Path]:
    """Files by what their names say, sorted."""
    return dict(sorted((parse_name(path.stem), path) for path in paths))
