"""One start of a run: what it takes over from an earlier start, what it notes, and what it says to the user."""

import os
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import Config
from .runs import (
    LIFTER,
    differences,
    has_ended,
    is_first_process,
    new_run_dir,
    other_data,
    poses_sha256,
    read_note,
    run_dir_of,
    write_note,
)

LOGS = Path("lightning_logs")
READERS = {"tensorboard": "tensorboard --logdir {logs}", "mlflow": "mlflow ui --backend-store-uri sqlite:///mlflow.db"}
"""How the curves of each logger are looked at."""


@dataclass(frozen=True)
class EarlierStart:
    """What a resumed run has done before; a new run has done nothing.

    Attributes:
        note: the run's latest note, see `note_start`.
        ended: whether it trained to its end and wrote everything.
        options: the options that its checkpoint was written with.
    """

    note: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def earlier_start(checkpoint: Path | None) -> EarlierStart:
    """What is known of the run that a checkpoint belongs to.

    Raises:
        ValueError: if its note is damaged.
    """
    return EarlierStart(read_note(checkpoint), has_ended(checkpoint)) if checkpoint else EarlierStart()


def folder_for(checkpoint: Path | None) -> Path:
    """The resumed run's own folder, or a new one; only the first process makes it.

    Raises:
        ValueError: if it cannot be written.
    """
    own = run_dir_of(checkpoint) if checkpoint else None
    return own or (new_run_dir(LOGS) if is_first_process() else LOGS)


def note_start(run_dir: Path, config: Config, train_set: Any, val_set: Any, mlflow_run: str | None,
               earlier: EarlierStart) -> str:  # fmt: skip
    """Notes the start beside the checkpoints, with the sum of the training data; returns what the user should read.

    Args:
        run_dir: the run's folder.
        config: the resolved settings.
        train_set, val_set: `datasets.PoseSet`s.
        mlflow_run: id of the run in MLflow's database.
        earlier: see there.

    Raises:
        ValueError: if the note cannot be written.
    """
    options = config.flat()
    note = {
        "options": options, "training": train_set.name, "validation": val_set.name,
        "training_sha256": poses_sha256(train_set.poses_px["gt"]), "mlflow_run": mlflow_run,
    }  # fmt: skip
    write_note(run_dir, note)
    changed = differences({**earlier.note.get("options", {}), **earlier.options}, options)
    warning = other_data(earlier.note, note)
    chosen = " ".join(f"{name}={value}" for name, value in options.items() if value is not None)
    lines = [
        f"training on {train_set.name}" + (f", {train_set.left_out:,} left out" if train_set.left_out else ""),
        f"validating on {val_set.name}",
        *textwrap.wrap(f"options: {chosen}", 118, subsequent_indent="  ", break_on_hyphens=False),
        *([f"resuming with {changed}"] if changed else []),
        *([f"warning: {warning}"] if warning else []),
        f"logs and checkpoints in {run_dir}",
    ]
    return "\n".join(lines)


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
    return "\n".join(["", *(f"{name:<12} {value}" for name, value in lines.items())])
