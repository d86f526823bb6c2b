"""The rows of the ablation, and the table of what finished runs measured (see ablation.py)."""

import json
import re
import statistics
from pathlib import Path

from utils.training.runs import read_note

ROWS = {
    "the default recipe": "",
    "no bone proportions": "--weight_bone 0",
    "knees may bend forward": "--weight_knee 0",
    "no noise on the discriminator's input": "--discriminator_noise 0",
    "discriminator as wide as the lifter": "--discriminator_width {width}",
    "level cameras": "--elevation_mean 0",
    "uniform elevation of 20 degrees": "--elevation_distribution uniform --elevation_mean 0 --elevation_std 20",
    # Two rows are about MPII: without its files they must fail, not train on something else.
    "MPII's joints as they are": "--joint_definitions raw --train_data mpii",
    "projections keep their size": "--no-renormalise",
    "softplus game": "--gan_loss non_saturating",
    "no 2D consistency": "--weight_2d 0",
    "no 3D consistency": "--weight_3d 0",
    "constant learning rate": "--lr_schedule constant",
    "no average of weights": "--ema_decay 0",
    "the 2019 recipe": "--recipe chen2019",
    "no supervision": "--weight_supervised 0",
    "a discriminator of motions": "--weight_temporal 1 --train_data h36m",
    "synthetic poses alone": "--recipe synthetic --weight_supervised 1",
    "synthetic poses as well": "--recipe both --train_data mpii",
}
FIGURES = {
    "MPJPE (in-plane scale)": ("unsupervised", "gt", "mpjpe"),
    "with intrinsics": ("unsupervised", "gt+intrinsics", "mpjpe"),
    "P-MPJPE": ("unsupervised", "gt", "p_mpjpe"),
    "P-MPJPE, best epoch": ("best", "gt", "p_mpjpe"),
}
"""Column -> which epoch's results, which input, which figure."""
SETTINGS = ("max_epochs", "width", "precision", "train_data", "val_stride")


def slug(row: str) -> str:
    """A row's name as that of a folder."""
    return re.sub(r"[^a-z0-9]+", "_", row.lower().replace("'", "")).strip("_")


def flags_of(row: str, width: int) -> str:
    """A row's flags, with the lifter's width where they need it."""
    return ROWS[row].format(width=width)


def newest(folder: Path, pattern: str) -> Path | None:
    """The latest file of this kind among a folder's runs."""
    found = folder.glob(f"lightning_logs/version_*/{pattern}")
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def finished(folder: Path) -> Path | None:
    """The finished run in a folder: main.py writes the table of the unsupervised selection last."""
    table = newest(folder, "results-unsupervised.json")
    return table and table.parent


def note_of(run_dir: Path) -> dict:
    """What a run noted about itself."""
    return {"options": {}, **read_note(run_dir / "checkpoints" / "last.ckpt")}


def read_figures(run_dir: Path) -> dict:
    """One run's columns in mm, None for those that its validation set does not have, and what they belong to.

    Raises:
        ValueError: if a table cannot be read.
    """
    tables = {}
    for name in ("unsupervised", "best"):
        path = run_dir / f"results-{name}.json"
        try:
            tables[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be read; delete its run's folder to train it again") from error
    inputs = {name: table["inputs"] for name, table in tables.items()}
    note = note_of(run_dir)
    commit = re.sub(r"(?<=^[0-9a-f]{10})[0-9a-f]+", "", note.get("commit") or "unknown")
    return {
        "figures": {column: inputs[epoch].get(source, {}).get(figure) for column, (epoch, source, figure)
                    in FIGURES.items()},
        "validation": tables["unsupervised"]["set"], "frames": inputs["unsupervised"]["gt"]["poses"],
        "commit": commit, "settings": {name: note["options"].get(name) for name in SETTINGS},
    }  # fmt: skip


def collect(out: Path) -> list[dict]:
    """The rows that have a finished run: {"row", "flags", "seeds": {seed: record}, "mean", "sd"}.

    A record is what `read_figures` returns. "sd" is the sample standard deviation, None for a single seed.
    """
    rows = []
    for row in ROWS:
        folders = sorted((out / slug(row)).glob("seed_[0-9]*"), key=lambda path: (len(path.name), path.name))
        seeds = {int(path.name[5:]): read_figures(done) for path in folders if (done := finished(path))}
        if not seeds:
            continue
        first = next(iter(seeds.values()))
        columns = {column: [record["figures"][column] for record in seeds.values()] for column in FIGURES}
        known = {column: values for column, values in columns.items() if None not in values}
        rows.append({
            "row": row, "flags": flags_of(row, first["settings"]["width"]), "seeds": seeds,
            "mean": {column: statistics.mean(values) for column, values in known.items()},
            "sd": {column: statistics.stdev(values) if len(values) > 1 else None for column, values in known.items()},
        })  # fmt: skip
    return rows


def format_markdown(rows: list[dict]) -> str:
    """The table in markdown, and under it what its figures are."""

    def cell(row: dict, column: str) -> str:
        mean, sd = row["mean"].get(column), row["sd"].get(column)
        return "-" if mean is None else f"{mean:.1f}" if sd is None else f"{mean:.1f} ± {sd:.1f}"

    lines = [f"| | flags | {' | '.join(FIGURES)} | seeds |", "|---|---|" + "---|" * len(FIGURES) + "---|"]
    for row in rows:
        flags, seeds = f"`{row['flags']}`" if row["flags"] else "", ", ".join(map(str, row["seeds"]))
        cells = [cell(row, column) for column in FIGURES]
        lines.append(f"| {' | '.join([row['row'], flags, *cells, seeds])} |")
    return "\n".join([*lines, "", *_footnotes(rows)])


def _footnotes(rows: list[dict]) -> list[str]:
    """What was measured on which frames, and how it was trained; rows that disagree are all named."""
    records = [record for row in rows for record in row["seeds"].values()]
    what = (
        "`--max_epochs {max_epochs} --width {width} --precision {precision}`, 2D poses: {train_data}, commit {commit}"
    )
    trained = dict.fromkeys(what.format(commit=record["commit"], **record["settings"]) for record in records)
    frames = dict.fromkeys(
        f"{record['validation']} (--val_stride {record['settings']['val_stride']}: {record['frames']:,} poses scored)"
        for record in records
    )
    several = any(len(row["seeds"]) > 1 for row in rows)
    figures = "the mean over the seeds ± their sample standard deviation" if several else "one seed"
    return [
        f"In mm, ground-truth 2D: {'; or '.join(frames)}.",
        f'Figures are {figures}. Epochs are chosen without labels; "best" is the one with the lowest MPJPE.',
        f"Each run: {'; or '.join(trained)}.",
    ]


def write(rows: list[dict], out: Path) -> None:
    """ablation.json and ablation.md."""
    (out / "ablation.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (out / "ablation.md").write_text(format_markdown(rows) + "\n", encoding="utf-8")
