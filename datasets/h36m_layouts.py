"""The two ways in which Human3.6M's recordings are laid out in files."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from utils.skeleton import SOURCES, joint_weights

from .arrays import as_numbers, open_h5, read_h5
from .keypoints import points_to_joints
from .pickles import read_pickled_npz

SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting",
    "SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking",
)  # fmt: skip
ALIASES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}
NUM_CAPTURED = 32
JOINT_INDICES = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Our 17 joints among the points of the motion capture; the others repeat these or end limbs."""
VIDEOPOSE3D_SKELETONS = {"h36m": "h36m_17", "mpii": "mpii_16", "coco": "coco_17"}
"""`layout_name` in the metadata of VideoPose3D's 2D files -> our name."""


class Recording(NamedTuple):
    """One subject doing one thing, seen by all cameras.

    Attributes:
        subject: "S9".
        action: one of `ACTIONS`.
        trial: what tells the recordings of an action apart: "", "1", ...
        world_mm: (T, 17, 3) world frame.
        detected_px: camera's name or place -> (T', 17, 2) float32, for those with detections.
    """

    subject: str
    action: str
    trial: str
    world_mm: np.ndarray
    detected_px: dict[str, Tensor]


class BaselineLayout:
    """3d-pose-baseline: `S9/MyPoses/3D_positions/Directions 1.h5`, `S9/StackedHourglass/Directions_1.54138969.h5`.

    Attributes:
        files: all that will be read.
    """

    def __init__(self, folder: Path, subjects: Sequence[str], actions: Sequence[str], detections: bool):
        self._entries, self.files = [], []
        for subject in subjects:
            found = _named(folder / subject / "MyPoses" / "3D_positions", "*.h5")
            if not found:
                raise ValueError(
                    f"no recordings in {folder / subject / 'MyPoses' / '3D_positions'}; is {subject} there?"
                )
            detected = _named(folder / subject / "StackedHourglass", "*.h5") if detections else {}
            for (action, trial, _), path in found.items():
                if action in actions:
                    views = {view: file for (*name, view), file in detected.items() if name == [action, trial]}
                    self._entries.append((subject, action, trial, path, views))
                    self.files += [path, *views.values()]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Recording]:
        weights = joint_weights("mpii_16")
        for subject, action, trial, path, views in self._entries:
            with open_h5(path) as file:
                flat = read_h5(file, "3D_positions", (NUM_CAPTURED * 3, None))
            world_mm = flat.reshape(NUM_CAPTURED, 3, -1)[list(JOINT_INDICES)].transpose(2, 0, 1)
            detected_px = {}
            for view, view_path in views.items():
                with open_h5(view_path) as file:
                    points_px = read_h5(file, "poses", (None, len(SOURCES["mpii_16"]), 2))
                detected_px[view] = points_to_joints(points_px, weights)
            yield Recording(subject, action, trial, world_mm, detected_px)


class VideoPose3DLayout:
    """VideoPose3D: `data_3d_h36m.npz`, in metres, and one of its `data_2d_h36m_*.npz`.

    Of several 2D files the Stacked Hourglass's (`_sh_`) comes first. Their views are numbered, not named.

    Attributes:
        files: all that will be read.
    """

    def __init__(self, folder: Path, subjects: Sequence[str], actions: Sequence[str], detections: bool):
        self._subjects, self._actions = subjects, actions
        found = [path for path in sorted(folder.glob("data_2d_h36m_*.npz")) if path.stem != "data_2d_h36m_gt"]
        found.sort(key=lambda path: "_sh_" not in path.name)
        self.files = [folder / "data_3d_h36m.npz", *(found[:1] if detections else [])]

    def __iter__(self) -> Iterator[Recording]:
        positions = _by_recording(self.files[0], "positions_3d")
        detected, weights = {}, np.empty((0, 0))
        for path in self.files[1:]:
            detected, weights = _by_recording(path, "positions_2d"), _detector_weights(path)
        for subject in self._subjects:
            if subject not in positions:
                raise ValueError(f"{self.files[0]} has no subject {subject}, only {', '.join(positions)}")
            for (action, trial, _), values in positions[subject].items():
                if action in self._actions:
                    name = f"{subject} {action} {trial}".strip()
                    metres = _checked(values, (NUM_CAPTURED, 3), f"{name} in {self.files[0]}")
                    views = detected.get(subject, {}).get((action, trial, ""), ())
                    detected_px = _views(views, weights, f"{name} in {self.files[-1]}")
                    yield Recording(subject, action, trial, 1000 * metres[:, JOINT_INDICES], detected_px)


def _by_recording(path: Path, name: str) -> dict[str, dict[tuple[str, str, str], Any]]:
    """Subject -> action, trial and "" -> what VideoPose3D's file has there."""
    content = read_pickled_npz(path, name)
    if not all(isinstance(recordings, dict) for recordings in content.values()):
        raise ValueError(f"{name} in {path} is not VideoPose3D's layout: subjects, then actions, then arrays")
    return {
        str(subject): {parse_name(str(recording)): recordings[recording] for recording in sorted(recordings, key=str)}
        for subject, recordings in content.items()
    }


def _detector_weights(path: Path) -> np.ndarray:
    layout = str(read_pickled_npz(path, "metadata").get("layout_name"))
    if layout not in VIDEOPOSE3D_SKELETONS:
        raise ValueError(f"{path} has an unknown layout {layout!r}; known: {', '.join(VIDEOPOSE3D_SKELETONS)}")
    return joint_weights(VIDEOPOSE3D_SKELETONS[layout])


def _views(views: Any, weights: np.ndarray, where: str) -> dict[str, Tensor]:
    """A camera's place -> our joints (T', 17, 2)."""
    if not isinstance(views, list | tuple | np.ndarray):
        raise ValueError(f"{where} is not a list of one array a camera")
    arrays = (_checked(view, (weights.shape[1], 2), where) for view in views)
    return {str(number): points_to_joints(array, weights) for number, array in enumerate(arrays)}


def _checked(values: Any, frame_shape: tuple[int, ...], where: str) -> np.ndarray:
    """(T, *frame_shape) float64."""
    # Lists in lists may repeat one another until no memory could hold them as a table.
    if isinstance(values, list | tuple):
        raise ValueError(f"{where} is a list instead of an array")
    array = as_numbers(values, where)
    if array.shape[1:] != frame_shape:
        raise ValueError(f"{where} has shape {array.shape} instead of (frames, {', '.join(map(str, frame_shape))})")
    return array


def parse_name(stem: str) -> tuple[str, str, str]:
    """Action, trial and camera of a recording's name, as far as it has them.

    >>> parse_name("Directions 1"), parse_name("TakingPhoto.54138969")
    (('Directions', '1', ''), ('Photo', '', '54138969'))
    """
    action, trial, camera = re.fullmatch(r"(.*?)[ _]?(\d*)(?:\.(\d+))?", stem, re.DOTALL).groups()
    return ALIASES.get(action, action), trial, camera or ""


def _named(folder: Path, pattern: str) -> dict[tuple[str, str, str], Path]:
    """The files of a folder by what their names say, sorted."""
    return dict(sorted((parse_name(path.stem), path) for path in folder.glob(pattern)))
