"""The results of an evaluation as tables for the terminal, as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..files import write_whole
from .metrics import FIGURES, HEADLINES, ORACLES

COLUMNS = {
    "mpjpe": ("MPJPE", "in-plane"),
    "n_mpjpe": ("", "N-MPJPE"),
    "mpjpe_norm_scaled": ("MPJPE", "by norm"),
    "p_mpjpe": ("", "P-MPJPE"),
    "pck150": ("", "PCK@150"),
    "auc": ("", "AUC"),
    "p_mpjpe_reflected": ("P-MPJPE", "mirrors"),
    "mpjpe_flip": ("N-MPJPE", "flips"),
}
"""The two lines above each figure."""
LEGEND = """\
MPJPE (in-plane scale), N-MPJPE, MPJPE by norm: root-aligned, scaled by the true size in the image plane, by least
squares, by the ratio of the poses' norms. P-MPJPE: Procrustes, no mirroring. In mm, less is better.
PCK and AUC: % of joints after N-MPJPE's alignment, more is better.
Oracles: P-MPJPE where mirrored people, N-MPJPE where depth flips count as right. Not to be quoted as results.
Baselines: zero depth, every joint at the root's depth; standing, always the same person, facing the camera."""


def write_tables(results: dict[str, Any], path: str | Path) -> None:
    """Writes `evaluate`'s results as JSON, and beside it a CSV of the same name with a row for each input and action.

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


def format_table(results: dict[str, dict[str, Any]]) -> str:
    """A monospaced table for the terminal: each lifter and the baselines for each input, the oracles set apart.

    Args:
        results: name of a lifter -> what `evaluate` returned for it, all for one pose set.
    """
    first = next(iter(results.values()))
    label_width = max(14, *(len(name) + 4 for name in results))

    def line(label: str, cells: Sequence[str]) -> str:
        columns = [f"{cell:>9}" for cell in cells]
        return (
            f"{label:<{label_width}}" + "".join(columns[: len(HEADLINES)]) + "  |" + "".join(columns[len(HEADLINES) :])
        )

    upper, lower = zip(*COLUMNS.values(), strict=True)
    rule = "-" * len(line("", lower))
    lines = [first["set"], "", f"{line('', upper)}  (oracles)", line("", lower)]
    for name, record in first["inputs"].items():
        skipped = f", {record['skipped']:,} without keypoints skipped" if record["skipped"] else ""
        lines += [rule, f"{name}: {record['poses']:,} poses{skipped}"]
        lifters = {lifter: one["inputs"][name] for lifter, one in results.items()}
        for label, row in {**lifters, **record["baselines"]}.items():
            lines.append(line(f"  {label.replace('_', ' ')}", [f"{_figure(row, metric):.1f}" for metric in COLUMNS]))
    return "\n".join([*lines, rule, LEGEND])


def format_actions(results: dict[str, Any]) -> str:
    """A monospaced table of the lifter's MPJPE and P-MPJPE for each action and input, in mm."""
    records = results["inputs"]
    actions = list(dict.fromkeys(action for record in records.values() for action in record["per_action"]))
    label_width = max(14, *(len(action) for action in ("", *actions))) + 2
    width = max(15, *(len(name) + 2 for name in ("", *records)))

    def line(label: str, cells: Sequence[str]) -> str:
        return f"{label:<{label_width}}" + "".join(f"{cell:>{width}}" for cell in cells)

    def cell(row: dict[str, Any] | None) -> str:
        return "-" if row is None else f"{row['mpjpe']:.1f} / {row['p_mpjpe']:.1f}"

    header = line("", list(records))
    rule = "-" * len(header)
    rows = [line(action, [cell(record["per_action"].get(action)) for record in records.values()]) for action in actions]
    mean = line("mean", [cell(record) for record in records.values()])
    return "\n".join(["MPJPE (in-plane scale) / P-MPJPE, mm", header, rule, *rows, *([rule] if rows else []), mean])


def _as_csv(results: dict[str, Any]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["inputs", "action", "poses", *HEADLINES, *(f"oracle_{name}" for name in ORACLES)])
    for inputs, record in results["inputs"].items():
        for action, row in {**record["per_action"], "mean": record}.items():
            writer.writerow([inputs, action, row["poses"], *(f"{_figure(row, name):.4f}" for name in FIGURES)])
    return buffer.getvalue()


def _figure(record: dict[str, Any], name: str) -> float:
    return record["oracles"][name] if name in ORACLES else record[name]
