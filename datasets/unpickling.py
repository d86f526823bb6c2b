"""Unpickles arrays without letting the pickle run anything.

A pickle names the functions that rebuild its content. Here each name leads to a stand-in of ours, which takes plain
numbers and text and nothing else, and any other name is refused.
"""

import math
import pickle
import re
from typing import Any

import numpy as np


class _Type:
    """Stands in for numpy.dtype in pickles: numbers, text, or object for a box around a dictionary or list."""

    def __init__(self, code: str, *_: Any):
        if not re.fullmatch(r"[fiu][1248]|b1|[US]\d{1,4}|O8?", code):
            raise pickle.UnpicklingError(f"it asks for the type {code!r:.50}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]):
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _Array(np.ndarray):
    """Stands in for numpy.ndarray in pickles."""

    def __setstate__(self, state: tuple[Any, ...]):
        _, shape, kind, fortran_order, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        # NumPy believes a list to be as long as the shape says, and would read foreign memory.
        expected = list if kind.dtype.hasobject else bytes
        size = math.prod(shape) * (1 if kind.dtype.hasobject else kind.dtype.itemsize)
        if type(content) is not expected or len(content) != size:
            raise pickle.UnpicklingError("an array's content is not of its shape")
        super().__setstate__((1, shape, kind.dtype, fortran_order, content))


def _empty_array(*_: Any) -> _Array:
    return np.empty(0, "i1").view(_Array)


def _scalar(kind: _Type, content: bytes | str) -> Any:
    content = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(content, kind.dtype, count=1)[0].item()


def _encoded(text: str = "", *_: Any) -> bytes:
    """Bytes as pickles of protocol 2 write them."""
    return text.encode("latin1")


# NumPy 1 and 2 name their modules differently; _core is taken for core.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): None,  # only ever the first argument of _reconstruct, which ignores it
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): _encoded,
    ("collections", "OrderedDict"): dict,
}


class ArraysOnly(pickle.Unpickler):
    """Rebuilds dictionaries, lists, text, numbers and plain arrays. It runs no code but that of the stand-ins above."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for what a pickle calls by name."""
        module = module.replace("numpy._core", "numpy.core")
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it holds more than arrays: {module}.{name}, which is never run")
        return _STAND_INS[module, name]
