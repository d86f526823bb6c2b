import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat
from test_mpii import structs

from datasets.matrices import read_mat

PEOPLE = structs([{"x": 1.5, "age": np.array([7], np.uint8)}, {"x": 300.0, "age": np.zeros((0, 0))}])
CONTENT = {
    "values": np.arange(6.0).reshape(2, 3),
    "large": np.array([[-70_000, 1 << 40]]),
    "word": "someone",
    "people": PEOPLE,
    "cells": np.array([[1.0, np.eye(2)]], dtype=object),
    "many": np.zeros((3, 1)),
}
FIELDS = ("values", "large", "word", "people", "cells", "x")


def refused(path, words):
    with pytest.raises(ValueError, match=words) as error:
        read_mat(path, "RELEASE", FIELDS)
    return str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("compressed", [True, False])
def test_what_was_saved_comes_back(compressed, tmp_path):
    savemat(tmp_path / "a.mat", {"other": 1, "RELEASE": CONTENT}, do_compression=compressed)
    (release,) = read_mat(tmp_path / "a.mat", "RELEASE", FIELDS)
    np.testing.assert_array_equal(release["values"], CONTENT["values"])
    np.testing.assert_array_equal(release["large"], CONTENT["large"])
    assert release["word"] is None and release["many"] is None
    assert [person["x"].item() for person in release["people"]] == [1.5, 300] and release["people"][0]["age"] is None
    assert release["cells"][0].item() == 1
    np.testing.assert_array_equal(release["cells"][1], np.eye(2))


def test_every_flipped_bit_of_a_packed_variable_is_noticed(tmp_path):
    savemat(tmp_path / "a.mat", {"RELEASE": np.arange(200.0)}, do_compression=True)
    whole = (tmp_path / "a.mat").read_bytes()
    for place in range(140, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 16
        (tmp_path / "a.mat").write_bytes(damaged)
        assert refused(tmp_path / "a.mat", "is damaged")


def test_other_versions_other_variables_and_truncated_files_are_named(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"other": 1})
    assert refused(path, "has no RELEASE")
    savemat(path, {"RELEASE": 1}, format="4")
    assert refused(path, "version 5 to 7.2")
    savemat(path, {"RELEASE": CONTENT})
    path.write_bytes(path.read_bytes()[:-20])
    assert refused(path, "truncated")


def matrix(kind, *sizes, content=b""):
    """A matrix of a class and sizes with whatever as its content."""
    body = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<II", 5, 4 * len(sizes))
    body += struct.pack(f"<{len(sizes)}i", *sizes) + bytes(4 * len(sizes) % 8)
    body += struct.pack("<II", 1, 7) + b"RELEASE\0" + content
    return struct.pack("<II", 14, len(body)) + body


NO_FIELDS = struct.pack("<HHI", 5, 4, 32) + struct.pack("<II", 1, 0)
NAMELESS = struct.pack("<HHI", 5, 4, 0) + struct.pack("<II", 1, 8) + b"nameless"


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (matrix(6, 10**8, 1, content=struct.pack("<IId", 9, 8, 1.0)), "cannot reshape"),
        (matrix(6, -1, 1, content=struct.pack("<IId", 9, 8, 1.0)), "impossible size"),
        (matrix(6, 1, 1, content=struct.pack("<IId", 9, 16, 1.0)), "beyond its matrix"),
        (matrix(6, 1, 1, content=struct.pack("<IId", 99, 8, 1.0)), "99"),
        (matrix(1, 10**8, 1), "more elements than it has room for"),
        (matrix(1, 1, 1, content=struct.pack("<IId", 9, 8, 1.0)), "where a matrix should be"),
        (matrix(1, 1, 1, content=bytes(8) * 3), "longer than its elements"),
        (matrix(2, 10**8, 1, content=NO_FIELDS), "without names"),
        (matrix(2, 1, 1, content=NAMELESS), "without names"),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_sizes_are_compared_with_what_is_there(element, words, packed, tmp_path):
    if packed:
        element = struct.pack("<II", 15, len(zlib.compress(element))) + zlib.compress(element)
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + element)
    assert refused(tmp_path / "a.mat", words)
