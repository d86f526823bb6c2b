import os
import pickle

import numpy as np
import pytest
from samples_pickles import Attack, write

from datasets.pickles import read_pickled_npz

CONTENT = {
    "S9": {
        "Walking": np.arange(12, dtype=">f4").reshape(2, 3, 2),
        "Photo 1": [np.eye(2), np.asfortranarray(np.eye(3))],
    },
    "metadata": {"layout_name": "h36m", "num_joints": 17, "pairs": [[1, 2], (3, 4)], "flag": True, "scale": 0.5},
    "boxed": np.array([np.zeros(2), np.ones(3)], dtype=object),
    "empty": np.zeros((0, 3), dtype=np.float32),
}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_dictionaries_of_arrays_come_back(protocol, tmp_path):
    box = np.array(CONTENT, dtype=object)
    got = read_pickled_npz(write(tmp_path / "a.npz", pickle.dumps(box, protocol=protocol)), "positions_3d")
    np.testing.assert_array_equal(got["S9"]["Walking"], CONTENT["S9"]["Walking"])
    np.testing.assert_array_equal(got["S9"]["Photo 1"][1], np.eye(3))
    np.testing.assert_array_equal(got["boxed"][1], np.ones(3))
    assert got["metadata"] == CONTENT["metadata"] and got["empty"].shape == (0, 3)


def test_names_from_before_numpy_2_are_understood(tmp_path):
    new = pickle.dumps(np.array({"a": np.arange(3.0)}, dtype=object), protocol=2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    got = read_pickled_npz(write(tmp_path / "a.npz", old), "positions_3d")
    np.testing.assert_array_equal(got["a"], [0, 1, 2])


def test_what_numpy_saves_comes_back(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", positions_3d=CONTENT, metadata=CONTENT["metadata"])
    assert read_pickled_npz(tmp_path / "a.npz", "metadata") == CONTENT["metadata"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "attack",
    [
        Attack(os.system, "touch attacked"),
        Attack(eval, "open('attacked', 'w')"),
        Attack(getattr, {}, "clear"),
        Attack(np.load, "attacked"),
        np.float64(1.0),
        np.random.default_rng(0),
    ],
)
def test_nothing_else_is_rebuilt(attack, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.npz", pickle.dumps(attack, protocol=protocol))
    with pytest.raises(ValueError, match="more than arrays") as error:
        read_pickled_npz(path, "positions_3d")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "attacked").exists()


def test_stand_ins_take_nothing_but_numbers(tmp_path):
    """NumPy would read foreign memory for a list shorter than its shape."""
    small = pickle.dumps(np.array({"a": np.zeros(200, dtype="f4")}, dtype=object), protocol=2)
    assert small.count(b"K\xc8\x85") == 1
    larger = small.replace(b"K\xc8\x85", b"M\xff\xff\x85")
    boxed = pickle.dumps(np.array({"a": np.array([7, 8, 9], dtype=object)}, dtype=object), protocol=2)
    assert boxed.count(b"K\x03\x85") == 1
    longer_list = boxed.replace(b"K\x03\x85", b"K\x63\x85")
    records = pickle.dumps(np.array({"a": np.zeros(2, dtype=[("x", "f4")])}, dtype=object))
    for pickled in (larger, longer_list, records, small[:60], b"", b"garbage", pickle.dumps([1]), pickle.dumps(3)):
        with pytest.raises(ValueError, match=r"is damaged|more than arrays") as error:
            read_pickled_npz(write(tmp_path / "a.npz", pickled), "positions_3d")
        assert "\n" not in str(error.value)


def test_other_files_are_named(tmp_path):
    good = pickle.dumps(np.array({"a": 1}, dtype=object))
    with pytest.raises(ValueError, match="has no 'positions_2d'"):
        read_pickled_npz(write(tmp_path / "a.npz", good), "positions_2d")
    with pytest.raises(ValueError, match="plain array instead of a dictionary"):
        read_pickled_npz(write(tmp_path / "a.npz", good, shape=(2,)), "positions_3d")
    with pytest.raises(ValueError, match="is a list instead of a dictionary"):
        box = np.empty((), dtype=object)
        box[()] = [1]
        read_pickled_npz(write(tmp_path / "a.npz", pickle.dumps(box)), "positions_3d")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:50])
    with pytest.raises(ValueError, match="not a whole"):
        read_pickled_npz(tmp_path / "a.npz", "positions_3d")


def test_a_pickle_cannot_change_the_stand_ins(tmp_path):
    class_named = b"\x80\x02cnumpy\ndtype\n"
    state = b"N}U\x0c__setstate__c_codecs\nencode\ns\x86"
    with pytest.raises(ValueError, match="more than arrays"):
        read_pickled_npz(write(tmp_path / "a.npz", class_named + state + b"b."), "positions_3d")
    good = pickle.dumps(np.array(CONTENT, dtype=object), protocol=2)
    assert read_pickled_npz(write(tmp_path / "a.npz", good), "positions_3d")["metadata"] == CONTENT["metadata"]
