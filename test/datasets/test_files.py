"""The readers: what was written comes back, and every kind of bad file is refused in one sentence that names it."""

import json
import sys

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from datasets.files import (
    as_numbers,
    existing_file,
    find_files,
    open_h5,
    read_cdf,
    read_h5,
    read_json,
    read_mat,
    read_npy,
    read_npz,
    read_pickled_npz,
)


def read_poses(path):
    with open_h5(path) as file:
        return read_h5(file, "poses", (None, 2))


def matlab_values(path):
    return read_mat(path, "values")


READERS = {".npy": read_npy, ".npz": read_npz, ".h5": read_poses, ".json": read_json, ".mat": matlab_values}
VALUES = np.arange(6.0).reshape(3, 2)


def write(path, values=VALUES):
    """A good file of the suffix's kind."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez_compressed(path, values=values)
    elif path.suffix == ".json":
        path.write_text(json.dumps(values.tolist()))
    elif path.suffix == ".mat":
        savemat(path, {"values": values})
    else:
        with h5py.File(path, "w") as file:
            file["poses"] = values
    return path


def refused(read, path, message):
    with pytest.raises(ValueError, match=message) as error:
        read(path)
    text = str(error.value)
    assert path.name in text and "\n" not in text and len(text) < 400


@pytest.mark.parametrize("suffix", READERS)
def test_what_was_written_comes_back(suffix, tmp_path):
    got = READERS[suffix](write(tmp_path / f"a{suffix}"))
    np.testing.assert_array_equal(got["values"] if suffix == ".npz" else got, VALUES)


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is not there; check the path"),
        (lambda path: (path.unlink(), path.mkdir()), "is not a file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3]), "cannot be read as"),
        (lambda path: path.write_bytes(b"<html>no such page</html>"), "cannot be read as"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00 1 2 3"), "cannot be read as"),
    ],
)
def test_bad_files_are_named_in_one_sentence(suffix, damage, message, tmp_path):
    path = write(tmp_path / f"a{suffix}")
    damage(path)
    refused(READERS[suffix], path, message)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([{"a": 1}]), "pickled Python objects, which are never loaded"),
        (np.zeros(3, dtype=[("x", "f4")]), "instead of numbers"),
        (np.zeros(3, "datetime64[s]"), "instead of numbers"),
        (np.zeros(3, complex), "instead of numbers"),
    ],
)
def test_arrays_of_other_things_are_refused(suffix, values, message, tmp_path):
    refused(READERS[suffix], write(tmp_path / f"a{suffix}", values), message)


def test_the_wrong_kind_under_a_name_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", VALUES)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    refused(read_npy, tmp_path / "a.npy", "instead of numbers")
    np.save(tmp_path / "b.npy", VALUES)
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    refused(read_npz, tmp_path / "b.npz", "cannot be read as .npz")


def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path):
    path = write(tmp_path / "a.npz", np.random.default_rng(0).normal(size=(50, 2)))
    content = bytearray(path.read_bytes())
    content[400] ^= 1
    path.write_bytes(content)
    refused(read_npz, path, "cannot be read as .npz")
    refused(read_pickled_npz, path, "cannot be read as .npz")


def test_two_arrays_in_one_file_are_refused(tmp_path):
    """NumPy would read the first and lose the rest in silence."""
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, VALUES)
        np.save(file, VALUES)
    refused(read_npy, tmp_path / "a.npy", "goes on after an array")


def test_json_says_where_it_breaks_and_may_begin_with_a_mark(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}
    path.write_text('{"a": [1,')
    refused(read_json, path, "line 1 column 10")
    path.write_text("[" * 100_000)
    refused(read_json, path, "cannot be read as JSON")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (np.ones((3, 3)), "is float64 .* instead of any x 2 numbers"),
        (np.ones((3, 2, 1)), "instead of any x 2 numbers"),
        (np.full((3, 2), b"x"), "instead of any x 2 numbers"),
        (h5py.Empty("f8"), "has no 'poses'"),
        (h5py.SoftLink("/nowhere"), "has no 'poses'"),
    ],
)
def test_hdf5_arrays_have_the_shape_asked_for(entry, message, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["poses"] = entry
    refused(read_poses, tmp_path / "a.h5", message)


def test_hdf5_numbers_are_float64_and_groups_are_no_arrays(tmp_path):
    assert read_poses(write(tmp_path / "a.h5", VALUES.astype(">f4"))).dtype == np.float64
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_group("poses")
    refused(read_poses, tmp_path / "b.h5", "has no 'poses'")


def test_matlab_files_without_the_variable_or_of_a_newer_version_are_named(tmp_path):
    savemat(tmp_path / "a.mat", {"other": 1})
    refused(matlab_values, tmp_path / "a.mat", "has no 'values'")
    # Version 7.3 is HDF5 behind a head of 512 bytes.
    head = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "b.mat").write_bytes(head + bytes(600))
    refused(matlab_values, tmp_path / "b.mat", "cannot be read as MATLAB: Please use HDF reader")


def test_cdf_without_its_library_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.cdf").write_bytes(b"something")
    monkeypatch.setitem(sys.modules, "cdflib", None)
    refused(lambda path: read_cdf(path, "Pose"), tmp_path / "a.cdf", "pip install 'cdflib")


def test_cdf_variables_are_read(tmp_path):
    cdflib = pytest.importorskip("cdflib")
    from cdflib.cdfwrite import CDF

    writer = CDF(str(tmp_path / "a.cdf"))
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [3, 2]}
    writer.write_var(spec, var_data=VALUES.astype(np.float32)[None])
    writer.close()
    assert cdflib
    np.testing.assert_array_equal(read_cdf(tmp_path / "a.cdf", "Pose"), VALUES[None])
    refused(lambda path: read_cdf(path, "Other"), tmp_path / "a.cdf", "cannot be read as CDF")
    (tmp_path / "b.cdf").write_bytes(b"something else" * 30)
    refused(lambda path: read_cdf(path, "Pose"), tmp_path / "b.cdf", "cannot be read as CDF")


def test_files_are_found_whatever_the_case_of_their_names(tmp_path):
    for name in ("b.H5", "A.h5", "._A.h5", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_files(tmp_path, "*.h5")] == ["A.h5", "b.H5"]
    assert find_files(tmp_path / "absent", "*") == []


def test_files_of_others_are_named(tmp_path, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "a.json")
    monkeypatch.setattr("pathlib.Path.read_bytes", deny)
    refused(read_json, path, "may not be read; check its permissions")
    assert existing_file(str(path)) == path


def test_numbers_are_numbers(recwarn):
    np.testing.assert_array_equal(as_numbers([[1, None], [2.5, 3]], "here"), [[1, np.nan], [2.5, 3]])
    signalling = np.array([0x7FA00000] * 4, np.uint32).view(np.float32)
    assert np.isnan(as_numbers(signalling, "here")).all() and len(recwarn) == 0
    for values in ([["1", 2]], [[1], [1, 2]], [True], [1j], {"a": 1}, [10**400], [[None, "x"]]):
        with pytest.raises(ValueError, match="here is not an even table of numbers"):
            as_numbers(values, "here")
