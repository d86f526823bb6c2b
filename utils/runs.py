"""Where a run writes."""

from pathlib import Path


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
            number += 1
        except OSError as error:
            raise ValueError(f"cannot write to {parent}: {error.strerror}") from error


def run_dir_of(checkpoint: Path) -> Path | None:
    """The run that a checkpoint belongs to, .../version_N/checkpoints/FILE, or None if it lies elsewhere."""
    run_dir = checkpoint.resolve().parent.parent
    return run_dir if checkpoint.resolve().parent.name == "checkpoints" and run_dir.name[:8] == "version_" else None
