"""Parsed data kept between runs as .npz files in the user's cache folder, never beside the data.

joblib's cache would do the same with pickles, which run code when they are loaded.
"""

import contextlib
import hashlib
import io
import os
import secrets
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from utils import geometry, skeleton
from utils.files import write_whole

from .files import read_npz

PREFIX = "chen-cvpr2019-"
MAX_ENTRIES = 4
"""Older entries are deleted: all views of Human3.6M's test subjects take about 260 MB."""
PARSERS = (*sorted(Path(__file__).parent.rglob("*.py")), Path(geometry.__file__), Path(skeleton.__file__))
"""What a change of may change the parsed data."""


def cache_folder() -> Path:
    """POSE_CACHE_DIR, else `chen-cvpr2019` in XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("POSE_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "chen-cvpr2019"


def key_of(files: Iterable[Path], options: object) -> str:
    """A key that changes with the data files (path, size, time of change), the options and the parsers' own text."""
    digest = hashlib.sha256(repr(options).encode())
    for file in sorted(files):
        status = file.stat()
        digest.update(f"{file.resolve()}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    for file in PARSERS:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def cached(key: str, build: Callable[[], dict[str, np.ndarray]], data_dir: Path) -> dict[str, np.ndarray]:
    """What `build` returns, from the cache if it is there whole, else built and put there.

    The key is one of `key_of`. A cache folder inside `data_dir` is not used.
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
    # Missing or damaged: build it again.
    with contextlib.suppress(ValueError, OSError):
        return read_npz(path)
    arrays, file = build(), io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # a name might be one of its options; ours are not
    # Another run may write the same entry at the same time.
    own = folder / f"{PREFIX}{secrets.token_hex(16)}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(own, file.getbuffer())
        own.replace(path)
    except OSError as problem:
        warnings.warn(f"parsed data is not cached, since {folder} cannot be written: {problem}", stacklevel=2)
    # What killed runs left counts too. Another run may be tidying up at the same time.
    with contextlib.suppress(OSError):
        entries = [*folder.glob(f"{PREFIX}*.npz"), *folder.glob(f".{PREFIX}*.npz.partial")]
        for old in sorted(entries, key=lambda entry: entry.stat().st_mtime)[:-MAX_ENTRIES]:
            old.unlink()
    return arrays
