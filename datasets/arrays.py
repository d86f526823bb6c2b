"""Arrays from files that nobody vouches for: no pickles, no surprise in memory, one sentence for whatever is wrong."""

import json
import math
import os
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

MAX_COMPRESSION, ALWAYS_FINE = 100, 64 << 20
"""Coordinates shrink to a third at best. What claims a hundred times its file and more than 64 MB fills memory."""
MAX_CODE_POINT = 0x10FFFF
LONG_DOUBLE = "g"
"""Differs from machine to machine, and may hold what is no number of float64."""
NPY_VERSIONS = ((1, 0), (2, 0), (3, 0))


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
    arrays = {}
    with open_npz(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as file:
                name = entry.filename.removesuffix(".npy")
                arrays[name] = _read_array(file, entry.file_size, f"{name!r} in {path}")
    return arrays


@contextmanager
def open_npz(path: str | Path) -> Iterator[zipfile.ZipFile]:
    """A .npz file, open for reading within a `with`.

    Raises:
        ValueError: if it is missing or no archive, has two members of one name or is made to fill the memory, or if
            it turns out to be damaged while it is read.
    """
    path = existing_file(path)
    with _damage_named(path, ".npz"), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len({entry.filename.removesuffix(".npy") for entry in entries}) < len(entries):
            raise ValueError(f"{path} has two members of one name; save it again")
        check_claim(sum(entry.file_size for entry in entries), path, str(path))
        yield archive


def check_claim(claimed_bytes: int, path: str | Path, where: str) -> None:
    """Compares what is to be unpacked with the size of the file that it comes from, before any memory is taken.

    Raises:
        ValueError: if it is out of proportion.
    """
    if claimed_bytes > max(ALWAYS_FINE, MAX_COMPRESSION * Path(path).stat().st_size):
        raise ValueError(f"{where} claims more than the file can hold; get it again")


@contextmanager
def _damage_named(path: Path, kind: str) -> Iterator[None]:
    """Libraries report damaged files with any exception; errors that name the file are sentences of ours."""
    try:
        yield
    except Exception as problem:
        if isinstance(problem, ValueError) and str(path) in str(problem):
            raise
        raise ValueError(f"{path} is not a whole {kind} file; get it again") from None


def read_header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and type that a .npy header claims; leaves the file at the first byte of the data.

    Raises:
        ValueError: if this is no .npy header.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version not in NPY_VERSIONS:
            raise ValueError(version)
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
    if dtype.kind not in "biufU" or dtype.itemsize == 0 or dtype.char == LONG_DOUBLE:
        raise ValueError(f"{where} holds {dtype} instead of numbers; save it as float32")
    expected, found = math.prod(shape) * dtype.itemsize, size - file.tell()
    content = file.read(expected) if min(shape, default=0) >= 0 and expected <= found else None
    if content is None or len(content) < expected:
        raise ValueError(f"{where} is truncated: its header promises shape {_short(shape)}; get it again")
    if expected < found:
        raise ValueError(f"{where} is longer than shape {_short(shape)} in its header; get it again")
    return _as_array(content, shape, fortran_order, dtype, where)


def _as_array(content: bytes, shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype, where: str) -> np.ndarray:
    values = np.frombuffer(content, dtype=dtype)
    if dtype.kind == "U" and (values.view(f"{dtype.str[0]}u4") > MAX_CODE_POINT).any():
        raise ValueError(f"{where} holds text that is damaged; get it again")
    try:
        # A copy, since views of bytes are read-only.
        return values.reshape(shape, order="F" if fortran_order else "C").copy()
    except ValueError:
        raise ValueError(f"{where} has an impossible shape {_short(shape)}; get it again") from None


def _short(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) < 100 else f"{text[:100]}..."


def read_json(path: str | Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: if the file is missing or not JSON.
    """
    path = existing_file(path)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{path} is not valid JSON ({one_line(problem)}); get it again") from None


def read_h5(file: h5py.File, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A numeric array in an open HDF5 file, as float64.

    Args:
        shape: the expected one, None for a free length.

    Raises:
        ValueError: if the key is missing, its values are not numbers or its shape is another.
    """
    entry = own_entry(file, key)
    if not isinstance(entry, h5py.Dataset) or entry.shape is None:
        raise ValueError(f"{file.filename} has no {key!r} of its own; is it a file of this kind?")
    fits = len(entry.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, entry.shape, strict=True))
    if entry.dtype.kind not in "iuf" or entry.dtype.char == LONG_DOUBLE or not fits:
        wanted = " x ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{key!r} in {file.filename} is {entry.dtype} {entry.shape} instead of {wanted} numbers")
    if entry.is_virtual or entry.external:
        raise ValueError(f"{key!r} in {file.filename} keeps its values in another file; save them in this one")
    # Chunks that were never written read as zeros, and one chunk is read at a time.
    chunk_bytes = math.prod(entry.chunks) * entry.dtype.itemsize if entry.chunks else 0
    check_claim(max(entry.nbytes, chunk_bytes), file.filename, f"{key!r} in {file.filename}")
    if entry.chunks is None and entry.id.get_storage_size() != entry.nbytes:
        raise ValueError(f"{key!r} in {file.filename} has more or fewer values than shape {entry.shape}; get it again")
    return _as_float64(entry[...])


def own_entry(file: h5py.File, key: str) -> h5py.Group | h5py.Dataset | None:
    """What an open HDF5 file itself holds under a key: no link is followed, for it may lead to any other file."""
    places = key.split("/")
    for depth in range(1, len(places) + 1):
        if not isinstance(file.get("/".join(places[:depth]), getlink=True), h5py.HardLink):
            return None
    return file.get(key)


@contextmanager
def open_h5(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading within a `with`.

    Raises:
        ValueError: if it is missing or not HDF5, or if it turns out to be damaged while it is read.
    """
    path = existing_file(path)
    with _damage_named(path, "HDF5"), h5py.File(path, "r") as file:
        yield file


def one_line(problem: Exception) -> str:
    """What fits into a sentence of another library's message."""
    text = " ".join(str(problem).split())
    return text if len(text) < 200 else f"{text[:200]}..."


def as_numbers(values: Any, where: str) -> np.ndarray:
    """Nested lists of numbers (None for a missing one) as float64, NaN where missing.

    Raises:
        ValueError: if they are ragged or not numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iufO":
            raise ValueError(array.dtype)
        return _as_float64(array)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{where} is not an even table of numbers") from None


def _as_float64(values: np.ndarray) -> np.ndarray:
    # Some of the NaNs that a damaged float32 can turn into would make NumPy warn.
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64, copy=False)
