"""Scoring a lifter beside two baselines, with and without the camera's intrinsics; the result as JSON, CSV and tables.

The protocol is Human3.6M's usual one: root-relative in the camera frame, 17 joints, the mean over the actions' means.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..files import write_whole
from ..geometry import pixels_to_rays, root_relative, rotate, turn_camera_to_root, usable
from ..skeleton import JOINTS, NUM_JOINTS, mirrored_name
from .metrics import FIGURES, HEADLINES, ORACLES, PoseErrors

Lift = Callable[[Tensor, Tensor | None], Tensor]
"""(n, 17, 2) pixels and (n, 4) intrinsics or None, to (n, 17, 3) in the camera's axes at any scale."""

COLUMNS = {
    "mpjpe": ("A", "MPJPE"),
    "n_mpjpe": ("B", "N-MPJPE"),
    "mpjpe_norm_scaled": ("B'", "by norm"),
    "p_mpjpe": ("C", "P-MPJPE"),
    "pck150": ("", "PCK@150"),
    "auc": ("", "AUC"),
    "p_mpjpe_reflected": ("C'", "mirrors"),
    "mpjpe_flip": ("D", "flips"),
}
STANDING = {
    "hip": (0.530, 0.0), "spine": (0.692, 0.0), "thorax": (0.854, 0.0), "neck": (0.909, 0.0), "head": (0.963, 0.0),
    "left_hip": (0.530, 0.0955), "left_knee": (0.285, 0.0955), "left_foot": (0.039, 0.0955),
    "left_shoulder": (0.818, 0.129), "left_elbow": (0.632, 0.129), "left_wrist": (0.486, 0.129),
}  # fmt: skip
"""Height above the floor and distance to the side, in body heights: limbs of Winter 2009, figure 4.1, the torso's and
head's points placed between hips, shoulders and head top as `utils.skeleton` does."""
LEGEND = """\
A, B, B' root-aligned, scaled by: the true in-plane size, least squares, the norms' ratio. C Procrustes, no mirroring.
C' and D are oracles: mirrored people or depth flips count as right. Not to be quoted as results.
mm, less is better; PCK and AUC: % of joints after B's alignment, more is better.
Baselines: flat, every joint at one depth; standing, always the same person, upright and facing the camera."""


@torch.no_grad()
def evaluate(lift: Lift, pose_set, batch_size: int = 4096, sources: Sequence[str] | None = None) -> dict[str, Any]:
    """The figures of a lifter and of two baselines for each 2D source, without and (if known) with intrinsics.

    Args:
        lift: for example `Lifter.lift`.
        pose_set: a `datasets.poseset.PoseSet` with 3D poses. Poses whose 2D is missing are skipped and counted.
        batch_size: poses lifted at a time.
        sources: the 2D sources to score, such as "gt" and "detected"; all that there are if None.

    Returns:
        {"set", "left_out", "inputs": {"gt": record, "gt+intrinsics": record, ...}}, where a record is what
        `PoseErrors.compute` returns and "baselines": {"flat": ..., "standing": ...} without their actions.

    Raises:
        ValueError: if there is no 3D, a source is unknown or empty, or `lift` returns NaN or a wrong shape.
    """
    if pose_set.poses_cam_mm is None:
        raise ValueError(f"{pose_set.name} has no 3D poses to compare with")
    known = list(pose_set.poses_px)
    if unknown := set(sources or ()) - set(known):
        raise ValueError(f"{pose_set.name} has no 2D source {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    cameras = {"": None} if pose_set.intrinsics_px is None else {"": None, "+intrinsics": pose_set.intrinsics_px}
    inputs = {}
    for source in sources or known:
        rows = usable(pose_set.poses_px[source]).nonzero().squeeze(1)
        if len(rows) == 0:
            raise ValueError(f"{pose_set.name} has no complete 2D pose from the source {source}")
        for suffix, intrinsics in cameras.items():
            scores = {
                name: _score(lift_one, pose_set, source, rows, intrinsics, batch_size)
                for name, lift_one in {"lifter": lift, **BASELINES}.items()
            }
            inputs[source + suffix] = _record(scores, skipped=len(pose_set) - len(rows))
    return {"set": pose_set.name, "left_out": pose_set.left_out, "inputs": inputs}


def lift_flat(pose_px: Tensor, intrinsics_px: Tensor | None = None) -> Tensor:
    """The flat baseline: the key points themselves, all at one depth (of the camera that looks at the root)."""
    if intrinsics_px is None:
        return root_relative(torch.nn.functional.pad(pose_px, (0, 1)))
    pose_ray, rotation = turn_camera_to_root(pixels_to_rays(pose_px, intrinsics_px))
    return rotate(root_relative(torch.nn.functional.pad(pose_ray, (0, 1))), rotation)


def lift_standing(pose_px: Tensor, intrinsics_px: Tensor | None = None) -> Tensor:
    """The constant baseline: whatever the image, a person of average proportions stands facing the camera."""
    left = {name: (x, -height, 0.0) for name, (height, x) in STANDING.items()}
    right = {mirrored_name(name): (-x, y, z) for name, (x, y, z) in left.items()}
    pose = pose_px.new_tensor([(left | right)[name] for name in JOINTS])
    return root_relative(pose).expand(len(pose_px), NUM_JOINTS, 3)


BASELINES: dict[str, Lift] = {"flat": lift_flat, "standing": lift_standing}


def _score(lift: Lift, pose_set, source: str, rows: Tensor, intrinsics_px: Tensor | None, batch_size: int) -> dict:
    errors = PoseErrors(pose_set.action_names)
    for index in rows.split(batch_size):
        pose = lift(pose_set.poses_px[source][index], None if intrinsics_px is None else intrinsics_px[index])
        if pose.shape != (len(index), NUM_JOINTS, 3) or not torch.isfinite(pose).all():
            raise ValueError(
                f"the lifter must give finite poses of shape ({len(index)}, {NUM_JOINTS}, 3): "
                f"it gave {'NaN or infinity' if pose.shape[1:] == (NUM_JOINTS, 3) else tuple(pose.shape)}"
            )
        actions = None if pose_set.actions is None else pose_set.actions[index].to(pose.device)
        errors = errors.to(pose.device)
        errors.update(pose, pose_set.poses_cam_mm[index].to(pose.device), actions)
    return errors.compute()


def _record(scores: dict[str, dict], skipped: int) -> dict[str, Any]:
    """One input's JSON record: the lifter's figures, and the baselines' without their actions."""
    lifter = scores.pop("lifter")
    left = {"per_action", "poses", "skipped"}
    baselines = {name: {key: score[key] for key in score if key not in left} for name, score in scores.items()}
    return {**lifter, "skipped": skipped, "baselines": baselines}


def _figure(record: dict, name: str) -> float:
    return record["oracles"][name] if name in ORACLES else record[name]


def write_results(results: dict[str, Any], path: str | Path) -> None:
    """Writes `evaluate`'s results as JSON, and beside it a CSV of the same name with a row an input and action.

    Each file appears whole or not at all; an older one stays as it was until then. Missing folders are made.

    Raises:
        ValueError: one sentence, if the path does not end in .json or cannot be written.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise ValueError(f"the results' file must end in .json, not {path.name}")
    texts = {path.with_suffix(".csv"): _as_csv(results), path: json.dumps(results, indent=2, allow_nan=False) + "\n"}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, text in texts.items():
            write_whole(target, text.encode())
    except OSError as error:
        raise ValueError(f"the results cannot be written to {path}: {error.strerror or error}") from error


def _as_csv(results: dict[str, Any]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["inputs", "action", "poses", *HEADLINES, *(f"oracle_{name}" for name in ORACLES)])
    for inputs, record in results["inputs"].items():
        for action, row in {**record["per_action"], "mean": record}.items():
            writer.writerow([inputs, action, row["poses"], *(f"{_figure(row, name):.4f}" for name in FIGURES)])
    return buffer.getvalue()


def format_table(results: dict[str, dict[str, Any]]) -> str:
    """A monospaced table for the terminal: each lifter and the baselines for each input, the oracles set apart.

    Args:
        results: name of a lifter -> what `evaluate` returned for it, all for one pose set.
    """
    cut, first = len(HEADLINES), next(iter(results.values()))
    label_width = max(12, *(len(name) + 4 for name in results))

    def line(label: str, cells: Sequence[str]) -> str:
        columns = [f"{cell:>9}" for cell in cells]
        return f"{label:<{label_width}}" + "".join(columns[:cut]) + "  |" + "".join(columns[cut:])

    letters, names = zip(*COLUMNS.values(), strict=True)
    rule = "-" * len(line("", names))
    lines = [first["set"], "", line("", letters) + "  (oracles)", line("", names)]
    for inputs, record in first["inputs"].items():
        skipped = f", {record['skipped']:,} without key points skipped" if record["skipped"] else ""
        lines += [rule, f"{inputs}: {record['poses']:,} poses{skipped}"]
        lifters = {name: one["inputs"][inputs] for name, one in results.items()}
        for label, row in {**lifters, **record["baselines"]}.items():
            lines.append(line(f"  {label}", [f"{_figure(row, name):.1f}" for name in COLUMNS]))
    return "\n".join([*lines, rule, LEGEND])


def format_actions(results: dict[str, Any]) -> str:
    """A monospaced table of the lifter's MPJPE (A) and P-MPJPE (C) for each action and input, in mm."""
    records = results["inputs"]
    width = max(15, *(len(inputs) + 2 for inputs in records))
    actions = list(dict.fromkeys(action for record in records.values() for action in record["per_action"]))

    def line(label: str, cells: Sequence[str]) -> str:
        return f"{label:<16}" + "".join(f"{cell:>{width}}" for cell in cells)

    def cell(row: dict | None) -> str:
        return "-" if row is None else f"{row['mpjpe']:.1f} / {row['p_mpjpe']:.1f}"

    header = line("A / C, mm", list(records))
    rows = [line(action, [cell(record["per_action"].get(action)) for record in records.values()]) for action in actions]
    rule = "-" * len(header)
    return "\n".join(
        [header, rule, *rows, *([rule] if rows else []), line("mean", [cell(r) for r in records.values()])]
    )
