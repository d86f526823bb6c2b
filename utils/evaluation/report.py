"""The results of an evaluation as tables for the terminal, as JSON and as CSV."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..files import write_whole
from .metrics import FIGURES, HEADLINES, OF_JOINTS, ORACLES

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
MPJPE (in-plane scale), N-MPJPE, MPJPE by norm: root-aligned, scaled by the
true size in the image plane, by least squares, by the ratio of the poses'
norms. P-MPJPE: Procrustes, no mirroring. In mm, less is better.
PCK and AUC: % of joints after N-MPJPE's alignment, more is better.
The last two are oracles: P-MPJPE where mirrored people, N-MPJPE where depth
flips count as right. Not to be quoted as results.
Baselines: zero depth, every joint at the root's depth; standing, always the
same person, facing the camera."""


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


def format_table(results: dict[str, dict[str, Any]]) -> Group:
    """A table for rich's console: each lifter and the baselines for each input, the oracles at the right.

    The results are what `evaluate` returned for one pose set, by the lifters' names.
    """
    first = next(iter(results.values()))
    label_width = max(14, *(len(name) + 2 for name in results))
    parts: list[Any] = [Text(first["set"])]
    for name, record in first["inputs"].items():
        skipped = f", {record['skipped']:,} without keypoints skipped" if record["skipped"] else ""
        radii = f", {record['radii_hold']:.1f} % of joints within radii" if "radii_hold" in record else ""
        table = Table(box=None, padding=0, pad_edge=False)
        table.add_column(width=label_width)
        for metric, (upper, lower) in COLUMNS.items():
            table.add_column(f"{upper}\n{lower}", width=8, justify="right", style="dim" if metric in ORACLES else "")
        lifters = {lifter: one["inputs"][name] for lifter, one in results.items()}
        for label, row in {**lifters, **record["baselines"]}.items():
            cells = (f"{_figure(row, metric):.1f}" for metric in COLUMNS)
            table.add_row(f"  {label.replace('_', ' ')}", *cells, style="" if label in lifters else "dim")
        parts += [Text(f"\n{name}: {record['poses']:,} poses{skipped}{radii}", "bold"), table]
    return Group(*parts, Text(f"\n{LEGEND}"))


def format_actions(results: dict[str, Any]) -> Table:
    """A table for rich's console: the lifter's MPJPE and P-MPJPE for each action and input, in mm."""
    return _by_row(
        results, "per_action", results["inputs"], "MPJPE (in-plane scale) / P-MPJPE, mm", ("mpjpe", "p_mpjpe")
    )


def format_joints(results: dict[str, Any]) -> Table:
    """A table for rich's console: the lifter's N-MPJPE and P-MPJPE for each joint and input, in mm."""
    means = {name: record["mean_over_poses"] for name, record in results["inputs"].items()}
    return _by_row(results, "per_joint", means, "N-MPJPE / P-MPJPE, mean over poses, mm", OF_JOINTS)


def _by_row(results: dict[str, Any], rows: str, means: dict[str, Any], title: str, pair: tuple[str, ...]) -> Table:
    """A table of two figures: a row for each entry of `rows`, a column for each input, and the means below."""
    records = results["inputs"]
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in ("", *records):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    for label in dict.fromkeys(label for record in records.values() for label in record[rows]):
        table.add_row(label, *(_both(record[rows].get(label), pair) for record in records.values()))
    table.add_section()
    table.add_row("mean", *(_both(means[name], pair) for name in records))
    return table


def _both(row: dict[str, Any] | None, pair: tuple[str, ...]) -> str:
    return "-" if row is None else " / ".join(f"{row[name]:.1f}" for name in pair)


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
