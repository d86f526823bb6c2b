"""Human3.6M (Ionescu et al. 2014), the data set that lifters are evaluated on.

Subjects 9 and 11 are the test subjects. Greeting, SittingDown 1 and Waiting 1 of S9 are shifted against their videos,
which root-relative errors do not notice.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from utils.geometry import usable

from . import cache
from .files import find_files
from .h36m_layouts import (
    ACTIONS,
    ALIASES,
    SUBJECTS,
    BaselineLayout,
    FetchLayout,
    Layout,
    View,
    Wanted,
    annotation_files,
)
from .h36m_videopose3d import POSITIONS_NAME, VideoPose3DLayout
from .poseset import PoseSet

CORRUPTED = (("S11", "Directions", ""), "54138969")
"""Recording and camera of the one video that is broken; it is left out everywhere."""
COLUMNS = ("gt", "cam_mm", "intrinsics_px", "actions", "next_frame")
"""What is read of each frame beside detections."""
VIEWS_AN_ACTION = 8
"""Each subject did each action twice in front of four cameras."""


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
        h36m_dir: a folder as one of the layouts describes: `VideoPose3DLayout`, `BaselineLayout`, `FetchLayout`.
        subjects: names in `SUBJECTS`.
        actions: names in `ACTIONS`; None for all.
        stride: takes every stride-th frame of each recording.
        detections: reads 2D detections where the folder has any.
        progress: shows a progress line.

    Returns:
        `poses_px["gt"]` is the projection of the 3D, lens distortion included. Detections, there if the folder has
        any, are NaN in frames without one; their sources are "detected" and, by the same network fine-tuned on
        Human3.6M, "finetuned240". The name tells which folders or files they are. `actions` do not tell trials apart.
        Frames with non-finite or collapsed 3D, or behind the camera, are left out and counted; `next_frame` does not
        lead over them. It is the next one that was taken: with stride 2, two frames of the video later.

    Raises:
        ValueError: one sentence, for unknown names, missing or damaged files and missing cameras.
    """
    h36m_dir = Path(h36m_dir)
    subjects = _known(subjects, SUBJECTS, "subject")
    actions = _known(ACTIONS if actions is None else actions, ACTIONS, "action")
    if stride < 1:
        raise ValueError(f"stride is {stride}, but must be at least 1")
    wanted = Wanted(subjects, actions, stride, detections)
    layout = _layout_in(h36m_dir, wanted)
    total = VIEWS_AN_ACTION * len(subjects) * len(actions)
    views = track(layout, "Reading Human3.6M", total, transient=True, disable=not progress)
    columns = cache.cached(cache.key_of(layout.files, wanted), lambda: _assemble(views), h36m_dir)
    return _to_poseset(columns, f"Human3.6M {', '.join(subjects)}", layout.sources)


def _layout_in(folder: Path, wanted: Wanted) -> Layout:
    if find_files(folder, POSITIONS_NAME):
        return VideoPose3DLayout(folder, wanted)
    if any(annotation_files(folder, subject) for subject in wanted.subjects):
        return FetchLayout(folder, wanted)
    return BaselineLayout(folder, wanted)


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch on one thread: so many small steps gain nothing from more, and lose tenfold on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _known(names: Sequence[str], known: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """The names in the order of `known`, without repetition."""
    wanted = {ALIASES.get(name, name) for name in ([names] if isinstance(names, str) else names)}
    for name in sorted(wanted - set(known)):
        raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(known)}")
    return tuple(name for name in known if name in wanted)


def _assemble(views: Iterable[View]) -> dict[str, np.ndarray]:
    """All views one after the other, as arrays that can be cached."""
    kept, count, left_out = [], 0, 0
    with _one_thread():
        for view in views:
            if (view.recording, view.camera) != CORRUPTED:
                columns = _columns(view)
                keep = usable(columns["gt"]) & usable(columns["cam_mm"]) & (columns["cam_mm"][..., 2] > 0).all(dim=1)
                left_out += int((~keep).sum())
                kept.append({name: values if keep.all() else values[keep] for name, values in columns.items()})
                kept[-1]["next_frame"] = _next_frames(keep, count)
                count += len(kept[-1]["gt"])
    if count == 0:
        raise ValueError(f"no usable frame among {left_out} of the wanted subjects and actions of Human3.6M")
    sources = {name for columns in kept for name in columns} - {*COLUMNS}
    for columns in kept:
        columns |= {source: torch.full_like(columns["gt"], torch.nan) for source in sources - set(columns)}
    joined = {name: torch.cat([columns.pop(name) for columns in kept]) for name in sorted(kept[0])}
    seen = {name: values.numpy() for name, values in joined.items() if not values.isnan().all()}
    return {**seen, "left_out": np.array(left_out)}


def _next_frames(keep: Tensor, before: int) -> Tensor:
    """Where the next frame is among all kept frames, for each kept frame of a view; -1 if it is not kept or not there.

    Args:
        keep: (T,) which frames of the view are kept.
        before: how many frames of earlier views are kept.
    """
    places = torch.where(keep, before + keep.cumsum(0) - 1, -1)
    return torch.cat([places[1:], places.new_tensor([-1])])[keep]


def _columns(view: View) -> dict[str, Tensor]:
    """One entry a frame, by the names in `PoseSet` and of the 2D sources."""
    frames = len(view.cam_mm)
    return {
        **{source: points_px.float() for source, points_px in view.detected_px.items()},
        "gt": view.gt_px.float(),
        "cam_mm": view.cam_mm.float(),
        "intrinsics_px": view.intrinsics_px.expand(frames, 4).float(),
        "actions": torch.full((frames,), ACTIONS.index(view.recording[1])),
    }


def _to_poseset(columns: dict[str, np.ndarray], name: str, sources: dict[str, str]) -> PoseSet:
    tensors = {key: torch.from_numpy(values) for key, values in columns.items()}
    present, actions = tensors["actions"].unique(return_inverse=True)
    found = {source: place for source, place in sources.items() if source in tensors}
    origin = "".join(f", {source} by {place}" for source, place in found.items())
    return PoseSet(
        f"{name}: {len(actions):,} frames{origin}",
        {source: tensors[source] for source in ("gt", *found)},
        tensors["cam_mm"],
        tensors["intrinsics_px"],
        actions,
        tuple(ACTIONS[number] for number in present),
        int(columns["left_out"]),
        next_frame=tensors["next_frame"],
    )
