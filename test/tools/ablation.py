"""Trains the default recipe with one change at a time, on several seeds, and prints the table of what each is worth.

    python test/tools/ablation.py --data_dir data [--seeds 0 1 2] [--workers 2] [--rows "no bone proportions" ...]
    python test/tools/ablation.py --table

A finished run is not repeated and an unfinished one goes on: after a stop, give the same command again.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from utils.config import build_parser, describe, parse_options
from utils.training.runs import differences, read_note

ROWS = {
    "the default recipe": "",
    "no bone proportions": "--weight_bone 0",
    "knees may bend forward": "--weight_knee 0",
    "no noise on the critic's input": "--critic_noise 0",
    "critic as wide as the lifter": "--critic_width {width}",
    "level cameras": "--elevation_mean 0",
    "uniform elevation of 20 degrees": "--elevation_law uniform --elevation_mean 0 --elevation_spread 20",
    # Two rows are about MPII: without its files they must fail, not train on something else.
    "MPII's joints as they are": "--joint_definitions raw --train_data mpii",
    "projections keep their size": "--no-renormalise",
    "softplus game": "--gan_loss non_saturating",
    "no 2D consistency": "--weight_2d 0",
    "no 3D consistency": "--weight_3d 0",
    "constant learning rate": "--lr_schedule constant",
    "no average of weights": "--ema_decay 0",
    "the 2019 recipe": "--recipe chen2019",
    "no teacher": "--weight_teacher 0",
    "generated people alone": "--recipe teacher --weight_teacher 1",
    "generated people as well": "--recipe both --train_data mpii",
}
FIGURES = {
    "A without intrinsics": ("label-free", "gt", "mpjpe"),
    "A with": ("label-free", "gt+intrinsics", "mpjpe"),
    "C": ("label-free", "gt", "p_mpjpe"),
    "C, best epoch": ("best", "gt", "p_mpjpe"),
}
"""Column -> which epoch's results, which input, which figure."""
FREE = ("resume", "data_dir", "gpus", "logger")
"""Options in which a run may differ from the others without being another experiment."""


@dataclass(frozen=True)
class Run:
    """One row, one seed: a folder and main.py's flags."""

    row: str
    seed: int
    folder: Path
    flags: list[str]

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}"


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
    """The finished run in a folder: main.py writes the label-free table last."""
    table = newest(folder, "results-label-free.json")
    return table and table.parent


def note_of(run_dir: Path) -> dict:
    """What a run noted about itself."""
    return {"options": {}, **read_note(run_dir / "checkpoints" / "last.ckpt")}


def plan(options: argparse.Namespace) -> list[Run]:
    """The runs asked for, all rows of one seed before the next seed.

    Raises:
        ValueError: if one of their folders holds a run with other options.
    """
    shared = ["--gpus", str(options.gpus), "--data_dir", str(options.data_dir.resolve()), "--logger", "none"]
    shared += [f"--{name}={getattr(options, name)}" for name in ("max_epochs", "width", "precision")]
    runs = []
    for seed in dict.fromkeys(options.seeds):
        for row in dict.fromkeys(options.rows):
            flags = [*shared, f"--seed={seed}", *options.flags.split(), *flags_of(row, options.width).split()]
            run = Run(row, seed, options.out / slug(row) / f"seed_{seed}", flags)
            last = newest(run.folder, "checkpoints/last.ckpt")
            wanted = describe(parse_options(flags)).items()
            if begun := finished(run.folder) or (last and last.parent.parent):
                now = {name: value for name, value in wanted if name not in FREE and value is not None}
                if changed := differences(note_of(begun)["options"], now):
                    raise ValueError(f"{run.folder} holds a run that differs: {changed}; give another --out")
            runs.append(run)
    return runs


def train(run: Run, environment: dict[str, str]) -> str:
    """Runs main.py from where it stopped, or from the start; returns its last words if it failed."""
    if finished(run.folder):
        return ""
    run.folder.mkdir(parents=True, exist_ok=True)
    last = newest(run.folder, "checkpoints/last.ckpt")
    command = [sys.executable, str(ROOT / "main.py"), *run.flags, *(["--resume", str(last)] if last else [])]
    with (run.folder / "log.txt").open("w", encoding="utf-8") as log:
        status = subprocess.run(
            command, cwd=run.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        ).returncode
    run_dir = finished(run.folder)
    if status or run_dir is None:
        words = (run.folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        return words[-1] if words else f"main.py ended with status {status} and said nothing"
    # Three checkpoints a run would fill the disk; the label-free one is what the table is about.
    for checkpoint in [run_dir / "checkpoints" / "last.ckpt", *run_dir.glob("checkpoints/best-*")]:
        checkpoint.unlink(missing_ok=True)
    return ""


def train_all(runs: list[Run], workers: int, out: Path) -> list[str]:
    """Trains what is not finished, a few at a time; returns a sentence for each that failed."""
    threads = str(max((os.cpu_count() or 1) // workers, 1))
    environment = {"OMP_NUM_THREADS": threads, **os.environ} if workers > 1 else dict(os.environ)
    failures, start = [], time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(train, run, environment): run for run in runs}
        try:
            for number, future in enumerate(as_completed(running), 1):
                failure, run = future.result(), running[future]
                minutes = (time.monotonic() - start) / 60
                print(f"[{number}/{len(runs)}] {run}: {failure or 'done'} ({minutes:.0f} min)", file=sys.stderr)
                if failure:
                    failures.append(f"{run} failed: {failure} ({os.path.relpath(run.folder / 'log.txt')})")
                else:
                    write(collect(out), out)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def read_figures(run_dir: Path) -> dict:
    """One run's columns in mm, None for those that its validation set does not have, and what they belong to."""
    tables = {}
    for name in ("label-free", "best"):
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
        "validation": tables["label-free"]["set"], "frames": inputs["label-free"]["gt"]["poses"],
        "commit": commit,
        "settings": {name: note["options"].get(name) for name in ("max_epochs", "width", "precision", "train_data",
                                                          "val_stride")},
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
    return "\n".join([*lines, "", *footnotes(rows)])


def footnotes(rows: list[dict]) -> list[str]:
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
    spread = "the mean over the seeds ± their sample standard deviation" if any(
        len(row["seeds"]) > 1 for row in rows) else "one seed"  # fmt: skip
    return [
        f"In mm, ground-truth 2D: {'; or '.join(frames)}.",
        f'Figures are {spread}. Epochs are chosen without labels; "best" is the one with the lowest A.',
        f"Each run: {'; or '.join(trained)}.",
    ]


def write(rows: list[dict], out: Path) -> None:
    """ablation.json and ablation.md."""
    (out / "ablation.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    (out / "ablation.md").write_text(format_markdown(rows) + "\n", encoding="utf-8")


def row_name(text: str) -> str:
    """A row by its name, or by that of its folder."""
    for row in ROWS:
        if text in (row, slug(row)):
            return row
    raise argparse.ArgumentTypeError(f"there is no row {text!r}; there are: {', '.join(map(slug, ROWS))}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags; those that main.py has too have its defaults."""
    default = build_parser().get_default
    parser = argparse.ArgumentParser(prog="ablation.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data_dir", type=Path, default=default("data_dir"), help="as main.py's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run a row and seed")
    parser.add_argument("--rows", type=row_name, nargs="+", default=list(ROWS), metavar="NAME",
                        help=f"some of: {', '.join(map(slug, ROWS))}")  # fmt: skip
    parser.add_argument("--max_epochs", type=int, default=default("max_epochs"), help="as main.py's")
    parser.add_argument("--width", type=int, default=default("width"), help="units a layer of the lifter")
    parser.add_argument("--precision", choices=("32", "bf16"), default=default("precision"), help="as main.py's")
    parser.add_argument("--flags", default="", metavar='"..."', help="more flags of main.py, for every row")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1: train on the GPU")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time; they share the CPU's cores")
    parser.add_argument("--out", type=Path, default=Path("ablation"), help="where the runs and tables go")
    parser.add_argument("--table", action="store_true", help="no training: the table of what is in --out")
    options = parser.parse_args(argv)
    if options.workers < 1:
        parser.error(f"--workers {options.workers}: one run at a time is the least")
    if not options.table and not options.data_dir.is_dir():
        parser.error(f"--data_dir {options.data_dir} is not a folder; an empty one makes do with generated people")
    return options


def main(argv: list[str] | None = None) -> int:
    """Trains, prints and writes the table; returns 0, 1 if a run failed, 2 if there is nothing to show."""
    options = parse(argv)
    options.out = options.out.resolve()
    try:
        failures = [] if options.table else train_all(plan(options), options.workers, options.out)
        rows = collect(options.out)
        if rows:
            print(format_markdown(rows))
            write(rows, options.out)
        elif not failures:
            raise ValueError(f"there is no finished run in {options.out}")
    except (ValueError, OSError) as error:
        print(f"ablation.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ablation.py: stopped; the same command goes on", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"ablation.py: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
