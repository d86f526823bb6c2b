"""Arrays from files that nobody vouches for: no pickles, no surprise in memory, one sentence for whatever is wrong."""

import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

MAX_COMPRESSION = 1032
"""How many bytes deflate can make of one (RFC 1951)."""


def existing_file(path: str | Path) -> Path:
    """The path, if it is a file with something in it.

    Raises:
        ValueError: if it is missing, not a file, empty or not to be read.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not there; check the path" if not path.exists() else f"{path} is not a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; get it again")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} may not be read; check its permissions")
    return path


def read_npy(path: str | Path) -> np.ndarray:
    """A numeric array of a .npy file.

    Raises:
        ValueError: if the file is missing, damaged, not numeric, or smaller than its header says.
    """
    path = existing_file(path)
    with path.open("rb") as file:
        return _read_array(file, path.stat().st_size, str(path))


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The numeric and text arrays of a .npz file, by name.

    Raises:
        ValueError: if the file is missing, damaged, or holds pickles.
    """
    path = existing_file(path)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    name = entry.filename.removesuffix(".npy")
                    arrays[name] = _read_array(file, entry.file_size, f"{name} in {path}")
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error):
        raise ValueError(f"{path} is not a whole .npz file; get it again") from None
    return arrays


def read_header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and type that a .npy header claims; leaves the file at the first byte of the data.

    Raises:
        ValueError: if this is no .npy header.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(file)
    # Headers are Python literals: garbled ones fail in the tokenizer, the parser or the checks after it.
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
        raise ValueError(f"{where} is not a NumPy array file; get it again or save it with numpy.save") from None
    return shape, fortran_order, dtype


def _read_array(file: IO[bytes], size: int, where: str) -> np.ndarray:
    """A .npy stream of `size` bytes. The header is compared with the size before any memory is taken."""
    shape, fortran_order, dtype = read_header(file, where)
    if dtype.hasobject:
        raise ValueError(f"{where} holds pickled Python objects, which are never loaded; save plain numbers")
    if dtype.kind not in "biufU":
        raise ValueError(f"{where} holds {dtype} instead of numbers; save it as float32")
    expected = math.prod(shape) * dtype.itemsize
    fits = min(shape, default=0) >= 0 and expected <= size - file.tell()
    content = file.read(expected) if fits else b""
    if not fits or len(content) < expected:
        raise ValueError(f"{where} is truncated: its header promises shape {shape}; get it again")
    # A copy, since views of bytes are read-only.
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran_order else "C").copy()


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: if the file is missing or not JSON.
    """
    path = existing_file(path)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{path} is not valid JSON ({problem}); get it again") from None


def read_h5(file: h5py.File, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A numeric array in an open HDF5 file, as float64.

    Args:
        shape: the expected one, None for a free length.

    Raises:
        ValueError: if the key is missing, its values are not numbers or its shape is another.
    """
    entry = file.get(key)
    if not isinstance(entry, h5py.Dataset):
        raise ValueError(f"{file.filename} has no {key!r}; is it a file of this kind?")
    fits = len(entry.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, entry.shape, strict=True))
    if entry.dtype.kind not in "iuf" or not fits:
        wanted = " x ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{key!r} in {file.filename} is {entry.dtype} {entry.shape} instead of {wanted} numbers")
    # Chunks that were never written read as zeros: without this a small file could fill the memory.
    if entry.nbytes > MAX_COMPRESSION * Path(file.filename).stat().st_size:
        raise ValueError(f"{key!r} in {file.filename} claims more than the file can hold; get it again")
    return entry[...].astype(np.float64, copy=False)


@contextmanager
def open_h5(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading within a `with`.

    Raises:
        ValueError: if it is missing or not HDF5, or if it turns out to be damaged while it is read.
    """
    path = existing_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    # h5py has no exception of its own for damaged files; errors that name the file are sentences of ours.
    except Exception as problem:
        if isinstance(problem, ValueError) and str(path) in str(problem):
            raise
        raise ValueError(f"{path} is not a whole HDF5 file; get it again") from None


def as_numbers(values: Any, where: str) -> np.ndarray:
    """Nested lists of numbers (None for a missing one) as float64, NaN where missing.

    Raises:
        ValueError: if they are ragged or not numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iufO":
            raise ValueError(array.dtype)
        return array.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{where} is not an even table of numbers") from None
