"""Trains the default recipe with one change at a time, on several seeds, and prints the table of what each is worth.

    python test/tools/ablation.py --data_dir data [--seeds 0 1 2] [--workers 2] [--rows "no bone proportions" ...]
    python test/tools/ablation.py --table

A finished run is not repeated and an unfinished one goes on: after a stop, give the same command again.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from ablation_table import ROWS, collect, finished, flags_of, format_markdown, newest, note_of, slug, write

from utils.command_line import parse_config
from utils.config import Config
from utils.training.runs import differences

FREE = ("resume", "data_dir", "gpus", "logger")
"""Options in which a run may differ from the others without being another experiment."""
DEFAULTS = Config().flat()


@dataclass(frozen=True)
class Run:
    """One row, one seed: a folder and main.py's flags."""

    row: str
    seed: int
    folder: Path
    flags: list[str]

    def __str__(self) -> str:
        return f"{self.row}, seed {self.seed}"


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
            wanted = parse_config(flags).flat().items()
            last = newest(run.folder, "checkpoints/last.ckpt")
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
        done = subprocess.run(command, cwd=run.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    run_dir = finished(run.folder)
    if done.returncode or run_dir is None:
        words = (run.folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        return words[-1] if words else f"main.py ended with status {done.returncode} and said nothing"
    # Three checkpoints a run would fill the disk; the table is about the one that was chosen without labels.
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
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def row_name(text: str) -> str:
    """A row by its name, or by that of its folder."""
    for row in ROWS:
        if text in (row, slug(row)):
            return row
    raise argparse.ArgumentTypeError(f"there is no row {text!r}; there are: {', '.join(map(slug, ROWS))}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags; those that main.py has too have its defaults."""
    parser = argparse.ArgumentParser(prog="ablation.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="as main.py's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one run a row and seed")
    parser.add_argument("--rows", type=row_name, nargs="+", default=list(ROWS), metavar="NAME",
                        help=f"some of: {', '.join(map(slug, ROWS))}")  # fmt: skip
    parser.add_argument("--max_epochs", type=int, default=DEFAULTS["max_epochs"], help="as main.py's")
    parser.add_argument("--width", type=int, default=DEFAULTS["width"], help="units a layer of the lifter")
    parser.add_argument("--precision", choices=("32", "bf16"), default=DEFAULTS["precision"], help="as main.py's")
    parser.add_argument("--flags", default="", metavar='"..."', help="more flags of main.py, for every row")
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1: train on the GPU")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time; they share the CPU's cores")
    parser.add_argument("--out", type=Path, default=Path("ablation"), help="where the runs and tables go")
    parser.add_argument("--table", action="store_true", help="no training: the table of what is in --out")
    options = parser.parse_args(argv)
    if options.workers < 1:
        parser.error(f"--workers {options.workers}: one run at a time is the least")
    if not options.table and not options.data_dir.is_dir():
        parser.error(f"--data_dir {options.data_dir} is not a folder; an empty one makes do with synthetic poses")
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
