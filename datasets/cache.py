"""Parsed data kept between runs, in the user's cache folder, never beside the data."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import numpy as np

from .arrays import read_npz

PREFIX = "chen-cvpr2019-"
MAX_ENTRIES = 4
"""Older entries are deleted: all views of Human3.6M's test subjects take about 260 MB."""


def cache_folder() -> Path:
    """POSE_CACHE_DIR, else `chen-cvpr2019` in XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("POSE_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "chen-cvpr2019"


def fingerprint(files: Iterable[Path], options: object, code: Iterable[str | Path]) -> str:
    """A key that changes with the data files (path, size, time of change), the options and the parser's own text."""
    digest = hashlib.sha256(repr(options).encode())
    for file in sorted(files):
        status = file.stat()
        digest.update(f"{file.resolve()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    for file in code:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:32]


def cached(key: str, build: Callable[[], dict[str, np.ndarray]], data_dir: Path) -> dict[str, np.ndarray]:
    """What `build` returns, from the cache if it is there whole, else built and put there.

    Args:
        key: from `fingerprint`.
        build: makes the arrays.
        data_dir: a cache folder inside it is not used.
    """
    try:
        folder = cache_folder()
    # A user without a home, as containers run them.
    except RuntimeError:
        return build()
    if folder.resolve().is_relative_to(data_dir.resolve()):
        warnings.warn(f"cache folder {folder} lies in the data folder and is not used", stacklevel=2)
        return build()
    path = folder / f"{PREFIX}{key}.npz"
    try:
        arrays = read_npz(path)
        if str(arrays.pop("key")) == key:
            return arrays
    # Missing, damaged or somebody else's: build it again.
    except (ValueError, KeyError, OSError):
        pass
    arrays = build()
    try:
        _write(path, {"key": np.array(key), **arrays})
    except OSError as problem:
        warnings.warn(f"parsed data is not cached, since {folder} cannot be written: {problem}", stacklevel=2)
    return arrays


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """All or nothing: a reader sees the whole file or none, also when two runs write it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _forget_killed(path.parent)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=PREFIX, suffix=".part", delete=False) as file:
        try:
            # Where files cannot be locked, nobody deletes what looks left behind.
            with contextlib.suppress(OSError):
                _lock(file)
            np.savez(file, **arrays)
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    # Another run may be tidying up at the same time.
    with contextlib.suppress(FileNotFoundError):
        entries = sorted(path.parent.glob(f"{PREFIX}*.npz"), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-MAX_ENTRIES]:
            entry.unlink()


def _forget_killed(folder: Path) -> None:
    """Deletes what writers left that were killed; a file whose writer lives is locked."""
    for path in folder.glob(f"{PREFIX}*.part"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            _lock(file)
            path.unlink()


def _lock(file: IO[bytes]) -> None:
    """Until the file is closed, at the latest when its process ends; OSError if somebody else has it."""
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
