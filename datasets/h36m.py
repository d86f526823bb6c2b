"""Human3.6M (Ionescu et al. 2014), the data set that lifters are evaluated on.

Subjects 9 and 11 are the test subjects. Greeting, SittingDown 1 and Waiting 1 of S9 are shifted against their videos,
which root-relative errors do not notice.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from utils import geometry, skeleton
from utils.geometry import distort, project, rays_to_pixels, usable, world_to_camera

from . import arrays, cache, h36m_layouts, keypoints, pickles
from .arrays import open_h5, own_entry, read_h5
from .h36m_layouts import ACTIONS, ALIASES, SUBJECTS, BaselineLayout, Recording, VideoPose3DLayout
from .poseset import PoseSet

CORRUPTED = ("S11", "Directions", "", "54138969")
"""Subject, action, trial and camera of the one video that is broken; it is left out everywhere."""
LENGTH_TOLERANCE = 0.1
"""Detections may be some frames shorter or longer than the motion capture, but by no larger share than this."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera, float64: a world point X is at rotation @ (X - centre_mm) in its frame.

    Attributes:
        name: its serial number.
        rotation: (3, 3).
        centre_mm: (3,) world frame.
        intrinsics_px: (4,) fx, fy, cx, cy.
        radial: (3,) and `tangential` (2,): see `utils.geometry.distort`.
    """

    name: str
    rotation: Tensor
    centre_mm: Tensor
    intrinsics_px: Tensor
    radial: Tensor
    tangential: Tensor


def load_h36m(
    h36m_dir: str | Path,
    subjects: Sequence[str] = ("S9", "S11"),
    actions: Sequence[str] | None = None,
    stride: int = 1,
    detections: bool = True,
    progress: bool = False,
) -> PoseSet:
    """Frames of all cameras: recording after recording, in each camera after camera in the order of their numbers.

    Args:
        h36m_dir: a folder as `h36m_layouts.BaselineLayout` or `VideoPose3DLayout` describes, with `cameras.h5`.
        subjects: names in `SUBJECTS`.
        actions: names in `ACTIONS`; None for all.
        stride: takes every stride-th frame of each recording.
        detections: reads 2D detections where the folder has any.
        progress: shows a progress line.

    Returns:
        `poses_px["gt"]` is the projection of the 3D, lens distortion included. `poses_px["detected"]`, there if the
        folder has any, is NaN in frames without detection. `actions` do not tell trials apart. Frames with
        non-finite or collapsed 3D, or behind the camera, are left out and counted.

    Raises:
        ValueError: one sentence, for unknown names, missing or damaged files and missing cameras.
    """
    h36m_dir = Path(h36m_dir)
    subjects = _known(subjects, SUBJECTS, "subject")
    actions = _known(ACTIONS if actions is None else actions, ACTIONS, "action")
    if stride < 1:
        raise ValueError(f"stride is {stride}, but must be at least 1")
    is_videopose3d = (h36m_dir / "data_3d_h36m.npz").is_file()
    layout = (VideoPose3DLayout if is_videopose3d else BaselineLayout)(h36m_dir, subjects, actions, detections)
    cameras = {subject: read_cameras(h36m_dir / "cameras.h5", subject) for subject in subjects}

    def build() -> dict[str, np.ndarray]:
        recordings = track(layout, "Reading Human3.6M", transient=True, disable=not progress)
        with _one_thread():
            return _assemble(recordings, cameras, stride)

    modules = (arrays, geometry, h36m_layouts, keypoints, pickles, skeleton)
    code = [__file__, *(module.__file__ for module in modules)]
    key = cache.fingerprint([h36m_dir / "cameras.h5", *layout.files], (subjects, actions, stride, detections), code)
    return _to_poseset(cache.cached(key, build, h36m_dir), f"Human3.6M {', '.join(subjects)}")


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch on one thread: so many small steps gain nothing from more, and lose tenfold on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def read_cameras(path: Path, subject: str) -> list[Camera]:
    """A subject's cameras in the order of their serial numbers.

    Raises:
        ValueError: if the file or the subject's cameras are missing or damaged.
    """
    if not path.exists():
        raise ValueError(f"{path} is not there, and 3D poses cannot be projected without cameras.h5; put it there")
    with open_h5(path) as file:
        group = own_entry(file, f"subject{subject[1:]}")
        names = [name for name in group if name.startswith("camera")] if isinstance(group, h5py.Group) else []
        if not names:
            raise ValueError(f"{path} has no cameras of subject {subject}; get a complete cameras.h5")
        cameras = [_read_camera(file, f"subject{subject[1:]}/{name}") for name in names]
    return sorted(cameras, key=lambda camera: camera.name)


def _read_camera(file: h5py.File, group: str) -> Camera:
    shapes = {"R": (3, 3), "T": (3, 1), "f": (2, 1), "c": (2, 1), "k": (3, 1), "p": (2, 1)}
    values = {key: torch.from_numpy(read_h5(file, f"{group}/{key}", shape)) for key, shape in shapes.items()}
    name = "".join(chr(int(code)) for code in read_h5(file, f"{group}/Name", (None, 1)).ravel())
    # MATLAB stores matrices column by column: R comes out transposed.
    rotation, focal, centre = values["R"].mT, values["f"].flatten(), values["c"].flatten()
    orthonormal = torch.allclose(rotation @ rotation.mT, torch.eye(3).double(), atol=1e-4)
    finite = all(torch.isfinite(value).all() for value in values.values())
    if not (orthonormal and finite and (focal > 0).all()):
        raise ValueError(f"{group} in {file.filename} is not a camera: its rotation or another value is impossible")
    others = (values[key].flatten() for key in "kp")
    return Camera(name, rotation, values["T"].flatten(), torch.cat([focal, centre]), *others)


def _known(names: Sequence[str], known: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """The names in the order of `known`, without repetition."""
    wanted = {ALIASES.get(name, name) for name in ([names] if isinstance(names, str) else names)}
    for name in sorted(wanted - set(known)):
        raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
    return tuple(name for name in known if name in wanted)


def _assemble(recordings: Iterable[Recording], cameras: dict[str, list[Camera]], stride: int) -> dict[str, np.ndarray]:
    """All views of all recordings one after the other, as arrays that can be cached."""
    views, left_out = [], 0
    for recording in recordings:
        for number, camera in enumerate(cameras[recording.subject]):
            if (recording.subject, recording.action, recording.trial, camera.name) != CORRUPTED:
                view = _view(recording, camera, number, stride)
                keep = usable(view["gt"]) & usable(view["cam_mm"]) & (view["cam_mm"][..., 2] > 0).all(dim=1)
                left_out += int((~keep).sum())
                views.append({name: values if keep.all() else values[keep] for name, values in view.items()})
    if sum(len(view["gt"]) for view in views) == 0:
        raise ValueError(f"no usable frame among {left_out} of the wanted subjects and actions of Human3.6M")
    columns = {name: torch.cat([view[name] for view in views]).numpy() for name in views[0]}
    if np.isnan(columns["detected"]).all():
        del columns["detected"]
    return {**columns, "left_out": np.array(left_out)}


def _view(recording: Recording, camera: Camera, number: int, stride: int) -> dict[str, Tensor]:
    """One camera's view of a recording; `number` is the camera's place, by which VideoPose3D knows it."""
    detected = recording.detected_px.get(camera.name, recording.detected_px.get(str(number)))
    length = len(recording.world_mm)
    if detected is not None:
        if abs(len(detected) - length) > 1 + LENGTH_TOLERANCE * length:
            name = " ".join([recording.subject, recording.action, recording.trial]).strip()
            raise ValueError(f"{name} has {length} frames of 3D but {len(detected)} of detections by {camera.name}")
        length = min(length, len(detected))
    world_mm = torch.from_numpy(np.ascontiguousarray(recording.world_mm[:length:stride], dtype=np.float64))
    cam_mm = world_to_camera(world_mm, camera.rotation, camera.centre_mm)
    intrinsics_px = camera.intrinsics_px.expand(len(cam_mm), 4)
    gt = rays_to_pixels(distort(project(cam_mm), camera.radial, camera.tangential), intrinsics_px)
    nothing = torch.full(gt.shape, torch.nan)
    return {
        "gt": gt.float(),
        "detected": nothing if detected is None else detected[:length:stride],
        "cam_mm": cam_mm.float(),
        "intrinsics_px": intrinsics_px.float(),
        "actions": torch.full((len(cam_mm),), ACTIONS.index(recording.action)),
    }


def _to_poseset(columns: dict[str, np.ndarray], name: str) -> PoseSet:
    tensors = {key: torch.from_numpy(values) for key, values in columns.items()}
    present, actions = tensors["actions"].unique(return_inverse=True)
    return PoseSet(
        f"{name}: {len(actions):,} frames",
        {source: tensors[source] for source in ("gt", "detected") if source in tensors},
        tensors["cam_mm"],
        tensors["intrinsics_px"],
        actions,
        tuple(ACTIONS[number] for number in present),
        int(columns["left_out"]),
    )
