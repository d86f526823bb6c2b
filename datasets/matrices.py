"""MATLAB's files of version 5 to 7.2, as "MAT-File Format" (MathWorks) describes them.

SciPy's reader believes what a header claims: a damaged file can fill the memory or end the process.
"""

import math
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .arrays import ALWAYS_FINE, MAX_COMPRESSION, existing_file, one_line

HEAD, TAG = 128, 8
"""Bytes of a file's head, and of the tag (kind and size) before each element."""
MATRIX, COMPRESSED, TEXT = 14, 15, 1
NUMBERS = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
CELL, STRUCT, SMALLEST_NUMERIC, LARGEST_NUMERIC = 1, 2, 6, 15
COMPLEX = 0x800


class _Element(NamedTuple):
    """Kind, where the data begins and ends, and where the next element begins."""

    kind: int
    start: int
    end: int
    after: int


def read_mat(path: str | Path, name: str, fields: Collection[str]) -> Any:
    """A variable of a MATLAB file.

    Args:
        path: the file.
        name: of the variable.
        fields: which fields of structs to read, at any depth.

    Returns:
        Numbers as arrays in MATLAB's shape, structs as a list of dictionaries and cells as a list, column by column.
        Text and whatever else there may be is None.

    Raises:
        ValueError: if the file is missing or damaged, claims more than it holds, or has no such variable.
    """
    path = existing_file(path)
    try:
        for variable in _variables(path.read_bytes()):
            if _name(variable) == name:
                return _Reader(variable, fields).matrix(_element(variable, 0, len(variable)))
        raise ValueError("no such variable")
    except (ValueError, TypeError, LookupError, RecursionError, struct.error, zlib.error) as problem:
        raise ValueError(f"{path} has no {name} or is damaged ({one_line(problem)}); get it again") from None


def _variables(content: bytes) -> list[bytes]:
    """The file's variables one by one, unpacked; zlib compares its sums on the way."""
    if not content.startswith(b"MATLAB 5.0 MAT-file") or content[HEAD - 2 : HEAD] != b"IM":
        raise ValueError("not a MATLAB file of version 5 to 7.2")
    at, limit = HEAD, max(ALWAYS_FINE, MAX_COMPRESSION * len(content))
    variables = []
    while at < len(content):
        kind, size = struct.unpack_from("<II", content, at)
        variable = content[at : at + TAG + size]
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            variable = unpacker.decompress(variable[TAG:], max(limit, 1))
            if not unpacker.eof or unpacker.unused_data:
                raise ValueError("a packed part is truncated or far too large")
        if struct.unpack_from("<II", variable) != (MATRIX, len(variable) - TAG):
            raise ValueError("truncated, or a variable is not as long as it says")
        variables.append(variable)
        at, limit = at + TAG + size, limit - len(variable)
    return variables


def _name(variable: bytes) -> str:
    flags = _element(variable, TAG, len(variable))
    sizes = _element(variable, flags.after, len(variable))
    name = _element(variable, sizes.after, len(variable))
    return variable[name.start : name.end].decode("latin1")


def _element(content: bytes, at: int, end: int) -> _Element:
    """The element at a place; it must end before `end`."""
    kind, size = struct.unpack_from("<II", content, at)
    if kind >> 16:
        # Up to four bytes of data come within the tag.
        kind, size = kind & 0xFFFF, kind >> 16
        start, after = at + 4, at + TAG
    else:
        start = at + TAG
        after = start + size + (0 if kind == MATRIX else -size % TAG)
    if start + size > min(after, end):
        raise ValueError("an element reaches beyond its matrix")
    return _Element(kind, start, start + size, after)


class _Reader:
    """Turns the elements of one variable into arrays, lists and dictionaries."""

    def __init__(self, content: bytes, fields: Collection[str]) -> None:
        self._content, self._fields = content, fields

    def matrix(self, whole: _Element) -> Any:
        """What `read_mat` returns of one matrix."""
        if whole.kind != MATRIX:
            raise ValueError(f"an element of kind {whole.kind} where a matrix should be")
        if whole.start == whole.end:
            return np.empty((0, 0))
        flags = _element(self._content, whole.start, whole.end)
        (kind,) = struct.unpack_from("<I", self._content, flags.start)
        sizes = _element(self._content, flags.after, whole.end)
        shape = tuple(self._numbers(sizes).tolist())
        if sizes.kind != 5 or min(shape, default=0) < 0:
            raise ValueError("a matrix has an impossible size")
        at = _element(self._content, sizes.after, whole.end).after
        if kind & 0xFF == CELL:
            return [self.matrix(element) for element in self._matrices(at, whole.end, math.prod(shape))]
        if kind & 0xFF == STRUCT:
            return self._structs(at, whole.end, math.prod(shape))
        if not SMALLEST_NUMERIC <= kind & 0xFF <= LARGEST_NUMERIC or kind & COMPLEX:
            return None
        values = self._numbers(_element(self._content, at, whole.end))
        return values.reshape(shape, order="F")

    def _structs(self, at: int, end: int, count: int) -> list[dict[str, Any]]:
        width = _element(self._content, at, end)
        names = _element(self._content, width.after, end)
        length = int(self._numbers(width)[0])
        if length < 1 or names.kind != TEXT or (names.end - names.start) % length or names.start == names.end:
            raise ValueError("a struct without names for its fields")
        places = range(names.start, names.end, length)
        keys = [self._content[place : place + length].split(b"\0")[0].decode("latin1") for place in places]
        elements = self._matrices(names.after, end, count * len(keys))
        read = [
            self.matrix(element) if keys[number % len(keys)] in self._fields else None
            for number, element in enumerate(elements)
        ]
        rows = range(0, len(read), len(keys))
        return [dict(zip(keys, read[first : first + len(keys)], strict=True)) for first in rows]

    def _matrices(self, at: int, end: int, count: int) -> list[_Element]:
        """That many elements, which fill the place to its end."""
        if count > (end - at) // TAG:
            raise ValueError("a matrix claims more elements than it has room for")
        elements = []
        for _ in range(count):
            elements.append(_element(self._content, at, end))
            at = elements[-1].after
        if at != end:
            raise ValueError("a matrix is longer than its elements")
        return elements

    def _numbers(self, element: _Element) -> np.ndarray:
        return np.frombuffer(self._content[element.start : element.end], NUMBERS[element.kind])
