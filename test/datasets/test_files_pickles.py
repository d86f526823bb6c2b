"""Pickled dictionaries of arrays come back; nothing that a pickle names is run."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from samples_pickles import Attack, write

from datasets.files import read_pickled_npz

CONTENT = {
    "S9": {
        "Walking": np.arange(12, dtype=">f4").reshape(2, 3, 2),
        "Photo 1": [np.eye(2), None, np.asfortranarray(np.eye(3))],
    },
    "metadata": OrderedDict(layout_name="h36m", num_joints=17, pairs=[[1, 2], (3, 4)], flag=True, scale=0.5),
    "boxed": np.array([np.zeros(2), np.ones(3)], dtype=object),
    "scalars": [np.int64(17), np.float32(0.5), np.str_("mpii"), np.bool_(True)],
    "text": np.array(["left", "right"]),
    "empty": np.zeros((0, 3), dtype=np.float32),
}


def read(path):
    return read_pickled_npz(path)["positions_3d"]


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
@pytest.mark.parametrize("numpy_1", [False, True])
def test_dictionaries_of_arrays_come_back(protocol, numpy_1, tmp_path):
    pickled = pickle.dumps(np.array(CONTENT, dtype=object), protocol=protocol)
    if numpy_1 and protocol < 4:  # where a module's name has no length before it
        pickled = pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    got = read(write(tmp_path / "a.npz", pickled))
    np.testing.assert_array_equal(got["S9"]["Walking"], CONTENT["S9"]["Walking"])
    assert got["S9"]["Photo 1"][1] is None
    np.testing.assert_array_equal(got["S9"]["Photo 1"][2], np.eye(3))
    np.testing.assert_array_equal(got["boxed"][1], np.ones(3))
    assert got["metadata"] == dict(CONTENT["metadata"]) and got["empty"].shape == (0, 3)
    assert got["scalars"] == [17, 0.5, "mpii", True] and type(got["scalars"][0]) is int
    assert got["text"].tolist() == ["left", "right"]


def test_what_numpy_saves_comes_back(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", positions_3d=CONTENT, plain=np.eye(2))
    got = read_pickled_npz(tmp_path / "a.npz")
    assert got["positions_3d"]["metadata"] == dict(CONTENT["metadata"])
    np.testing.assert_array_equal(got["plain"], np.eye(2))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "attack",
    [
        Attack(os.system, "touch attacked"),
        Attack(eval, "open('attacked', 'w')"),
        Attack(getattr, {}, "clear"),
        Attack(np.load, "attacked"),
        np.random.default_rng(0),
        Attack(__import__, "this"),
    ],
)
def test_nothing_else_is_rebuilt(attack, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.npz", pickle.dumps(attack, protocol=protocol))
    with pytest.raises(ValueError, match=r"more than arrays.*never run") as error:
        read(path)
    assert "\n" not in str(error.value) and "a.npz" in str(error.value)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("pickled", [pickle.dumps(np.eye(2))[:60], b"", b"garbage"])
def test_what_is_no_whole_pickle_is_one_sentence(pickled, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read as \.npz") as error:
        read(write(tmp_path / "a.npz", pickled))
    assert "\n" not in str(error.value)


def test_a_pickle_cannot_change_what_rebuilds_it(tmp_path):
    """BUILD sets attributes of whatever lies on the stack, here of a class."""
    named = b"\x80\x02cnumpy\ndtype\n"
    state = b"N}U\x0c__setstate__c_codecs\nencode\ns\x86"
    with pytest.raises(ValueError, match="cannot be read as"):
        read(write(tmp_path / "a.npz", named + state + b"b."))
    good = pickle.dumps(np.array(CONTENT, dtype=object), protocol=2)
    assert read(write(tmp_path / "a.npz", good))["scalars"][0] == 17
