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
