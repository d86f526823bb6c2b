"""Where a run writes, and what it notes about itself."""

import hashlib
import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..files import write_whole

NOTE = "options.json"
"""A run's note beside its checkpoints; a resumed run adds options-1.json, options-2.json and so on."""
LIFTER = "lifter.pt"
"""The last thing that a run writes: its best lifter as a small file."""
PACKAGES = ("torch", "pytorch-lightning", "numpy")
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
"""Where torchrun, Lightning and SLURM tell a process its number, or its machine's."""


def is_first_process() -> bool:
    """Whether this process is the one of a run that writes and speaks."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def new_run_dir(parent: Path) -> Path:
    """Makes and returns the next free parent/version_N; two runs at once get two folders.

    Raises:
        ValueError: if the folder cannot be written.
    """
    taken = [int(path.name[8:]) for path in parent.glob("version_*") if path.name[8:].isdigit()]
    number = max(taken, default=-1) + 1
    while True:
        folder = parent / f"version_{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not parent.is_dir():
                raise ValueError(f"cannot write to {parent}: it is not a folder") from None
            number += 1
        except OSError as error:
            raise ValueError(f"cannot write to {parent}: {error.strerror}") from error


def run_dir_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint belongs to, .../version_N/checkpoints/FILE, or None if it lies elsewhere."""
    folder = checkpoint.absolute().parent
    run_dir = folder.parent
    if folder.name != "checkpoints" or run_dir.name[:8] != "version_":
        return None
    return run_dir.relative_to(Path.cwd()) if run_dir.is_relative_to(Path.cwd()) else run_dir


def write_note(run_dir: Path, note: dict[str, Any]) -> Path:
    """Writes what a run notes about itself as JSON; notes of earlier starts stay.

    Args:
        run_dir: the run's folder.
        note: "options" (see `read_options`) and whatever else is worth knowing.

    Returns:
        The file.

    Raises:
        ValueError: if it cannot be written.
    """
    path = run_dir / NOTE
    earlier = len(list(run_dir.glob("options*.json")))
    if earlier:
        path = path.with_stem(f"{path.stem}-{earlier}")
    note = {**note, "versions": {name: version(name) for name in PACKAGES}, "commit": source_commit()}
    try:
        write_whole(path, (json.dumps(note, indent=2) + "\n").encode())
    except OSError as error:
        raise ValueError(f"cannot write to {run_dir}: {error.strerror}") from error
    return path


def read_note(checkpoint: Path) -> dict[str, Any]:
    """The latest note of the run that a checkpoint belongs to; empty if there is none.

    Raises:
        ValueError: if the note is damaged.
    """
    run_dir = run_dir_of(checkpoint)
    notes = list(run_dir.glob("options*.json")) if run_dir else []
    if not notes:
        return {}
    path = max(notes, key=lambda file: (len(file.name), file.name))
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        note = None
    if not isinstance(note, dict) or not isinstance(note.get("options"), dict):
        raise ValueError(f"{path} is damaged; delete it and give the run's options as flags")
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


def other_data(before: dict[str, Any], now: dict[str, Any]) -> str:
    """One sentence if the training poses are not those of the run's latest note, else nothing."""
    sums = [note.get("training_sha256") for note in (before, now)]
    if None in sums or sums[0] == sums[1]:
        return ""
    then, today = (f"{note.get('training')} (SHA-256 {note['training_sha256'][:12]}...)" for note in (before, now))
    return f"the training poses have changed since the run was last started: {then} then, {today} now"


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which options changed, as "name 1 instead of 2, ...", of those that both have; --resume itself does not count."""
    changed = [name for name, old in before.items() if now.get(name, old) != old and name != "resume"]
    return ", ".join(f"{name} {now[name]} instead of {before[name]}" for name in changed)


def poses_sha256(poses: Any) -> str:
    """SHA-256 of the numbers of a tensor on the CPU."""
    return hashlib.sha256(poses.contiguous().numpy().tobytes()).hexdigest()


def source_commit() -> str | None:
    """The git commit of this source, with "-dirty" if files were changed since; None if it is not known.

    A container has no repository: there SOURCE_COMMIT says it.
    """
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return os.environ.get("SOURCE_COMMIT")
