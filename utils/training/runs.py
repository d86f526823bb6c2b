"""Where a run writes, what it notes about itself, and what it tells the user at its start and its end."""

import hashlib
import itertools
import json
import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..files import write_whole

LOGS = Path("lightning_logs")
NOTE = "options.json"
"""A run's note beside its checkpoints; a resumed run adds options-1.json, options-2.json and so on."""
STOPPED = 75
"""Exit status of a run that a signal has stopped and that can go on: EX_TEMPFAIL of BSD's sysexits."""
LIFTER = "lifter.pt"
"""The last thing that a run writes: its best lifter as a small file."""
READERS = {"tensorboard": "tensorboard --logdir {logs}", "mlflow": "mlflow ui --backend-store-uri sqlite:///mlflow.db"}
"""How the curves of each logger are looked at."""
PACKAGES = ("torch", "pytorch-lightning", "numpy")
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""Where torchrun, Lightning and SLURM tell a process its number, or its machine's."""


def is_first_process() -> bool:
    """Whether this process is the one of a run that writes and speaks."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def is_first_here() -> bool:
    """Whether this process is the first on its machine."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "SLURM_LOCALID"))


def run_dir_for(checkpoint: Path | None, name: str | None = None) -> Path:
    """The resumed run's own folder, or a new one of this name or version_N, which the first process makes.

    Raises:
        ValueError: if the folder cannot be written, there is one of this name, or the name is no good.
    """
    if name and not re.fullmatch(r"\w[\w.+-]{0,99}", name):
        raise ValueError(f"--run_name {name}: at most 100 letters, digits and, after the first, . + -")
    own = run_dir_of(checkpoint) if checkpoint else None
    return own or (new_run_dir(LOGS, name) if is_first_process() else LOGS)


def new_run_dir(parent: Path, name: str | None = None) -> Path:
    """Makes parent/name, or the next free parent/version_N; two runs that start at once get two folders."""
    taken = [int(path.name[8:]) for path in parent.glob("version_*") if path.name[8:].isdigit()]
    for number in itertools.count(max(taken, default=-1) + 1):
        folder = parent / (name or f"version_{number}")
        try:
            folder.mkdir(parents=True)
            break
        except OSError as error:
            # mkdir says "file exists" also where the parent is a file.
            if not (isinstance(error, FileExistsError) and parent.is_dir()):
                raise ValueError(f"cannot write to {parent}: {error.strerror}") from error
            if name:
                raise ValueError(f"there is a run in {folder}: --resume it, or give another --run_name") from error
    return folder


def run_dir_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint belongs to, or None if it lies elsewhere.

    Runs are lightning_logs/NAME/checkpoints/FILE; one that was moved is known by its note.
    """
    folder = checkpoint.absolute().parent
    run_dir = folder.parent
    if folder.name != "checkpoints" or not (run_dir.parent.name == LOGS.name or (run_dir / NOTE).is_file()):
        return None
    return run_dir.relative_to(Path.cwd()) if run_dir.is_relative_to(Path.cwd()) else run_dir


def write_note(run_dir: Path, note: dict[str, Any]) -> None:
    """Writes what a run notes about itself as JSON; notes of earlier starts stay.

    Raises:
        ValueError: if it cannot be written.
    """
    earlier = len(list(run_dir.glob("options*.json")))
    note = {**note, "versions": {name: version(name) for name in PACKAGES}, "commit": source_commit()}
    try:
        write_whole(run_dir / (f"options-{earlier}.json" if earlier else NOTE), json.dumps(note, indent=2).encode())
    except OSError as error:
        raise ValueError(f"cannot write to {run_dir}: {error.strerror}") from error


def read_note(checkpoint: Path | None) -> dict[str, Any]:
    """The latest note of the run that a checkpoint belongs to; empty if there is none.

    Raises:
        ValueError: if the note is damaged.
    """
    run_dir = run_dir_of(checkpoint) if checkpoint else None
    notes = list(run_dir.glob("options*.json")) if run_dir else []
    if not notes:
        return {}
    path = max(notes, key=lambda file: (len(file.name), file.name))
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        note["options"].items()
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged; delete it and give the run's options as flags") from error
    return note


def has_ended(checkpoint: Path) -> bool:
    """Whether the run of a checkpoint went on to its end after it, as far as one can tell.

    A run that is killed after its last checkpoint still owes its tables and its small file.
    """
    run_dir = run_dir_of(checkpoint)
    if run_dir is None:
        return True
    lifter = run_dir / LIFTER
    return lifter.is_file() and lifter.stat().st_mtime >= checkpoint.stat().st_mtime


def note_start(run_dir: Path, options: dict[str, Any], train_set: Any, val_set: Any, mlflow_run: str | None,
               earlier: dict[str, Any]) -> str:  # fmt: skip
    """Notes the start beside the checkpoints, with the sum of the training data; returns what the user should read.

    Args:
        options: all settings by the names of their flags.
        train_set, val_set: `datasets.PoseSet`s.
        mlflow_run: id of the run in MLflow's database.
        earlier: the note of the run's last start; empty for a new run.
    """
    poses_sha256 = hashlib.sha256(train_set.poses_px["gt"].contiguous().numpy().tobytes()).hexdigest()
    note = {"options": options, "training": train_set.name, "validation": val_set.name,
            "training_sha256": poses_sha256, "mlflow_run": mlflow_run}  # fmt: skip
    write_note(run_dir, note)
    left_out = f", {train_set.left_out:,} left out" if train_set.left_out else ""
    lines = {
        "training": f"{train_set.name}{left_out}",
        "validation": val_set.name,
        "run": str(run_dir),
        "resumed with": differences(earlier.get("options", {}), options),
        "warning:": other_data(earlier, note),
    }
    return in_columns({name: line for name, line in lines.items() if line})


def in_columns(lines: dict[str, str]) -> str:
    """Names and what they stand for, below each other."""
    return "\n".join(f"{name:<12} {value}" for name, value in lines.items())


def other_data(before: dict[str, Any], now: dict[str, Any]) -> str:
    """One sentence if the training poses are not those of the run's latest note, else nothing."""
    if before.get("training_sha256", now["training_sha256"]) == now["training_sha256"]:
        return ""
    then, today = (f"{note.get('training')} (SHA-256 {note['training_sha256'][:12]}...)" for note in (before, now))
    return f"the training poses have changed since the run was last started: {then} then, {today} now"


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which options changed, as "name 1 instead of 2, ...", of those that both have; --resume itself does not count."""
    changed = [name for name, old in before.items() if now.get(name, old) != old and name != "resume"]
    return ", ".join(f"{name} {now[name]} instead of {before[name]}" for name in changed)


def how_to_go_on(last: Path) -> str:
    """What to do after a run that stopped, whose last checkpoint would be at this path."""
    if not is_first_process():
        return "the first process keeps the checkpoints"
    return f"go on with --resume {last}" if last.is_file() else "no checkpoint had been written yet"


def where_everything_is(kept: dict[str, Path], run_dir: Path, loggers: list[str]) -> str:
    """The files that a finished run leaves, and the commands that show its curves."""
    lines = {name: os.path.relpath(path) for name, path in kept.items()}
    lines |= {"best, small": f"{run_dir / LIFTER}", "tables": f"{run_dir}/results-*.json and .csv"}
    if loggers:
        lines["look at it"] = " or ".join(READERS[name].format(logs=run_dir.parent) for name in loggers)
    return f"\n{in_columns(lines)}"


def source_commit() -> str | None:
    """The git commit of this source, with "-dirty" if files were changed since; None if it is not known.

    A container has no repository: there SOURCE_COMMIT says it.
    """
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("SOURCE_COMMIT")
