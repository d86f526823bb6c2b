"""The one door to data on disk: every reader gives plain arrays or says in one sentence what is wrong with the file.

NumPy, h5py, SciPy and cdflib do the reading. They report damaged files with all kinds of exceptions, which become
`ValueError`s here, as for a file that is missing, empty, of another kind or without what is asked for. No pickle runs
code: see `ArraysOnly`.
"""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import h5py
import numpy as np

REBUILT = {
    *(("numpy._core.multiarray", name) for name in ("_reconstruct", "scalar")),
    *(("numpy", name) for name in ("ndarray", "dtype")),
    ("collections", "OrderedDict"),
    ("__builtin__", "bytes"),
}
"""What a pickle of arrays, dictionaries and lists may name."""


class ArraysOnly(pickle.Unpickler):
    """Rebuilds dictionaries, lists, text, numbers and NumPy's arrays, and refuses a pickle that names anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle calls by name; NumPy 1 had another name for a module of NumPy 2."""
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        if (module, name) not in REBUILT:
            raise pickle.UnpicklingError(f"it holds more than arrays: {module}.{name}, which is never run")
        found = super().find_class(module, name)
        # NumPy's numbers are no int, which is what picture sizes are asked to be.
        return (lambda *state: found(*state).item()) if name == "scalar" else found


def _encoded(text: str, _: str) -> bytes:
    """Bytes as pickles of protocol 2 write them."""
    return text.encode("latin1")


def existing_file(path: str | Path) -> Path:
    """The path, if it is a file with something in it."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file" if path.exists() else f"{path} is not there; check the path")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty; get it again")
    return path


def find_files(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder whose names match the pattern, sorted; upper and lower case are the same.

    What macOS leaves beside files on foreign disks (`._name`) is skipped.
    """
    if not folder.is_dir():
        return []
    names = (path for path in folder.iterdir() if not path.name.startswith("._"))
    return sorted(path for path in names if fnmatch(path.name.lower(), pattern.lower()))


@contextmanager
def _reading(path: str | Path, kind: str) -> Iterator[Path]:
    """Turns whatever a library raises within the `with` into one sentence that names the file."""
    path = existing_file(path)
    try:
        yield path
    except Exception as problem:
        # What we have said ourselves already names the file.
        if isinstance(problem, ValueError) and str(path) in str(problem):
            raise
        if isinstance(problem, PermissionError):
            raise ValueError(f"{path} may not be read; check its permissions") from None
        raise ValueError(f"{path} cannot be read as {kind}: {_reason(problem)}; get it again") from None


def _reason(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError | pickle.UnpicklingError | NotImplementedError):
        return one_line(problem)
    if "Object arrays" in str(problem):
        return "it holds pickled Python objects, which are never loaded"
    return "it is damaged or of another kind"


def read_npy(path: str | Path) -> np.ndarray:
    """The array of a .npy file."""
    with _reading(path, ".npy") as path, path.open("rb") as file:
        array = _plain(np.load(file, allow_pickle=False), path)
        if file.read(1):
            raise ValueError(f"{path} goes on after an array of shape {array.shape}; save one array")
        return array


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file, by name."""
    with _reading(path, ".npz") as path, path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: _plain(archive[name], path) for name in archive.files}


def _plain(values: Any, path: Path) -> np.ndarray:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biufUS":
        raise ValueError(f"{path} holds {getattr(values, 'dtype', 'something')} instead of numbers; save it as float32")
    return values


def read_pickled_npz(path: str | Path) -> dict[str, Any]:
    """The entries of a .npz file by name, dictionaries that NumPy pickled among them.

    These may hold dictionaries, lists, text, numbers and plain arrays.
    """
    with _reading(path, ".npz") as path, path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: _entry(archive, name) for name in archive.files}


def _entry(archive: Any, name: str) -> Any:
    with archive.zip.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        headers = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
        shape, _, dtype = headers[version != (1, 0)](file)
        if not dtype.hasobject:
            return archive[name]
        content = ArraysOnly(file, encoding="latin1").load()
        # The archive compares its checksum at the end.
        file.read()
        return content.item() if isinstance(content, np.ndarray) and content.shape == shape == () else content


def read_json(path: str | Path) -> Any:
    """What a JSON file holds."""
    with _reading(path, "JSON") as path:
        return json.loads(path.read_bytes())


def read_mat(path: str | Path, name: str) -> Any:
    """A variable of a MATLAB file (version 7 or older), its structs as objects, its arrays of one element unpacked."""
    # Here, since few runs read MATLAB files.
    from scipy.io import loadmat

    with _reading(path, "MATLAB") as path:
        content = loadmat(path, variable_names=[name], squeeze_me=True, struct_as_record=False)
        if name not in content:
            raise ValueError(f"{path} has no {name!r}; is it a file of this kind?")
        return content[name]


def read_cdf(path: str | Path, name: str) -> np.ndarray:
    """A variable of a file in NASA's Common Data Format."""
    path = existing_file(path)
    try:
        import cdflib
    except ImportError:
        raise ValueError(f"{path} needs cdflib; install it with: pip install 'cdflib>=1.3'") from None
    with _reading(path, "CDF"):
        return as_numbers(cdflib.CDF(path).varget(name), f"{name!r} in {path}")


@contextmanager
def open_h5(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading within a `with`."""
    with _reading(path, "HDF5") as path, h5py.File(path, "r") as file:
        yield file


def read_h5(file: h5py.File, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A numeric array of a shape (None: any length) in an open HDF5 file, as float64."""
    entry = file.get(key)
    if not isinstance(entry, h5py.Dataset) or entry.shape is None:
        raise ValueError(f"{file.filename} has no {key!r}; is it a file of this kind?")
    fits = len(entry.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, entry.shape, strict=True))
    if entry.dtype.kind not in "iuf" or not fits:
        wanted = " x ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{key!r} in {file.filename} is {entry.dtype} {entry.shape} instead of {wanted} numbers")
    return _as_float64(entry[...])


def one_line(problem: Exception) -> str:
    """What fits into a sentence of another library's message."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) < 200 else f"{text[:200]}..."


def as_numbers(values: Any, where: str) -> np.ndarray:
    """Nested lists of numbers (None for a missing one) as float64, NaN where missing."""
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
