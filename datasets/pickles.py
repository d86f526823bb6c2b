"""Dictionaries of arrays out of pickled .npz files, without letting a pickle run anything.

A pickle names the functions that rebuild its content. Here every name leads to a stand-in of ours that takes plain
numbers and nothing else, and any other name is refused.
"""

import math
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from .arrays import one_line, open_npz, read_header

NUMBER_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


class _Refused(Exception):
    """The pickle asks for something that plain arrays do not need."""


class _Type:
    """Stands in for numpy.dtype: numbers, or object for a box around a dictionary or list."""

    def __init__(self, code: str, *_: Any):
        if code not in (*NUMBER_TYPES, "O8", "O"):
            raise _Refused(f"type {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]):
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _Array(np.ndarray):
    """Stands in for numpy.ndarray; its content must be exactly as long as its shape says."""

    def __setstate__(self, state: tuple[Any, ...]):
        _, shape, kind, fortran_order, content = state
        if isinstance(content, str):
            content = content.encode("latin1")
        # NumPy checks bytes itself, but believes a list to be as long as the shape says.
        boxed = kind.dtype.hasobject
        size = math.prod(shape) * (1 if boxed else kind.dtype.itemsize)
        if type(content) is not (list if boxed else bytes) or len(content) != size:
            raise ValueError("an array's content is not of its shape")
        super().__setstate__((1, shape, kind.dtype, fortran_order, content))


def _empty_array(*_: Any) -> _Array:
    return np.empty(0, dtype="i1").view(_Array)


def _encode(text: str = "", *_: Any) -> bytes:
    """Bytes as pickles of protocol 2 write them."""
    return text.encode("latin1")


_STAND_INS = {
    # Only ever an argument of _reconstruct, which ignores it.
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _encode,
}


class _ArraysOnly(pickle._Unpickler):
    """The one in Python: that in C takes as much memory as the largest number that a pickle gives an object."""

    def load_build(self) -> None:
        # A state for anything else could change the stand-ins themselves.
        if not isinstance(self.stack[-2], _Array | _Type):
            raise _Refused(f"a state for {self.stack[-2]!r}")
        super().load_build()

    dispatch = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: load_build}  # noqa: RUF012

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise _Refused(f"{module}.{name}")
        return _STAND_INS[module, name]


def read_pickled_npz(path: str | Path, name: str) -> dict[str, Any]:
    """A boxed dictionary of a .npz file; in it dictionaries, lists, texts, numbers and numeric arrays.

    Raises:
        ValueError: if the file is missing or damaged, has no such entry, or its pickle asks for anything else.
    """
    with open_npz(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{path} has no {name!r}; is it a file of this kind?")
        with archive.open(f"{name}.npy") as file:
            shape, _, dtype = read_header(file, f"{name} in {path}")
            if shape != () or not dtype.hasobject:
                raise ValueError(f"{name} in {path} is a plain array instead of a dictionary")
            content = _unpickle(file, f"{name} in {path}")
            # Sums are compared at the very end.
            if file.read(1):
                raise ValueError(f"{name} in {path} goes on after its end; get it again")
    if not isinstance(content, dict):
        raise ValueError(f"{name} in {path} is a {type(content).__name__} instead of a dictionary")
    return content


def _unpickle(file: IO[bytes], where: str) -> Any:
    try:
        return _ArraysOnly(file, encoding="latin1").load().item()
    except _Refused as problem:
        raise ValueError(f"{where} holds more than arrays ({one_line(problem)}), which is never loaded") from None
    # A garbled pickle can raise almost anything.
    except Exception as problem:
        raise ValueError(f"{where} is damaged ({one_line(problem)}); get it again") from None
