"""MATLAB's files, whose sizes and sums are checked before SciPy, which believes every header, reads them."""

import io
import math
import re
import struct
import zlib
from pathlib import Path
from typing import Any

from scipy.io import loadmat

from .arrays import ALWAYS_FINE, MAX_COMPRESSION, existing_file, one_line

HEAD, TAG = 128, 8
"""Bytes of a file's head, and of the tag (kind and size) before each element ("MAT-File Format", MathWorks)."""
MATRIX, COMPRESSED = 14, 15
MATRIX_SIZES = re.compile(rb"\x0e\0\0\0(?=.{12}(.).{7}[\x05\x06]\0(?:\0\0(.)\0\0\0|\x04\0(.{4})))", re.DOTALL)
"""A matrix's tag, and after it: its class, then the length of its list of sizes, or one size in short form."""
SIZES_AT = 32
CONTAINERS = (1, 2, 3)
"""Classes whose elements are matrices themselves, each with a tag: cells, structs, objects."""


def read_mat(path: str | Path, name: str) -> Any:
    """A variable of a MATLAB file of version 5 to 7.2; structs are objects with their fields as attributes.

    Raises:
        ValueError: if the file is missing or damaged, claims more than it holds, or has no such variable.
    """
    path = existing_file(path)
    try:
        content = _unpacked(path.read_bytes())
        _check_sizes(content)
        return loadmat(io.BytesIO(content), variable_names=[name], squeeze_me=True, struct_as_record=False)[name]
    # SciPy reports damaged files with half a dozen unrelated exceptions.
    except Exception as problem:
        raise ValueError(f"{path} has no {name} or is damaged ({one_line(problem)}); get it again") from None


def _unpacked(packed: bytes) -> bytes:
    """The same file with nothing compressed; zlib compares its sums on the way."""
    if not packed.startswith(b"MATLAB 5.0 MAT-file") or packed[HEAD - 2 : HEAD] != b"IM":
        raise ValueError("not a MATLAB file of version 5 to 7.2")
    at, parts, left = HEAD, [packed[:HEAD]], max(ALWAYS_FINE, MAX_COMPRESSION * len(packed))
    while at < len(packed):
        kind, size = struct.unpack_from("<II", packed, at)
        element = packed[at : at + TAG + size]
        if kind not in (MATRIX, COMPRESSED) or len(element) < TAG + size:
            raise ValueError("truncated")
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            element = unpacker.decompress(element[TAG:], max(left, 1))
            if not unpacker.eof or unpacker.unused_data or len(element) < TAG:
                raise ValueError("a compressed part is truncated or far too large")
        if struct.unpack_from("<II", element) != (MATRIX, len(element) - TAG):
            raise ValueError("a variable is not as long as it says")
        parts.append(element)
        at, left = at + TAG + size, left - len(element)
    return b"".join(parts)


def _check_sizes(content: bytes) -> None:
    """All matrices together cannot have more elements than there are bytes."""
    elements = 0
    for found in MATRIX_SIZES.finditer(content):
        kind, length, single = found.groups()
        at = found.start() + SIZES_AT
        sizes = struct.unpack_from(f"<{length[0] // 4}i", content, at) if length else struct.unpack("<i", single)
        if min(sizes, default=0) < 0:
            raise ValueError("a matrix has a negative size")
        elements += math.prod(sizes) * (TAG if kind[0] in CONTAINERS else 1)
    if elements > len(content):
        raise ValueError("its matrices claim more than the file can hold")
