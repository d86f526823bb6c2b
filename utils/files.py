"""Files that appear whole or not at all."""

import contextlib
import os
from pathlib import Path


def write_whole(path: str | Path, content: bytes | memoryview) -> None:
    """Writes beside the file, then renames: whatever ends the writing, what lies under the name is whole, old or new.

    What a killed writer left beside the file, the next one overwrites.

    Raises:
        OSError: if it cannot be written; the older file stays.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
