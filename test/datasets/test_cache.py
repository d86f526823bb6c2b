import os

import numpy as np
import pytest

from datasets import cache
from datasets.cache import MAX_ENTRIES, PREFIX, cache_folder, cached, key_of

KEY = "0123"


class Build:
    """Counts how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"poses": np.arange(6.0).reshape(2, 3), "names": np.array(["one", "two"])}


@pytest.fixture
def build():
    return Build()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def data_dir(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_the_second_time_nothing_is_built(folder, data_dir, build):
    first, second = cached(KEY, build, data_dir), cached(KEY, build, data_dir)
    assert build.calls == 1
    assert set(first) == set(second) == {"poses", "names"}
    np.testing.assert_array_equal(first["poses"], second["poses"])
    assert second["names"].tolist() == ["one", "two"]
    assert [path.name for path in folder.iterdir()] == [f"{PREFIX}{KEY}.npz"]
    assert list(data_dir.iterdir()) == []


def flip_a_byte(content):
    return content[:200] + bytes([content[200] ^ 255]) + content[201:]


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:100], lambda c: b"nonsense", flip_a_byte])
def test_damaged_entries_are_built_again(damage, folder, data_dir, build):
    cached(KEY, build, data_dir)
    path = folder / f"{PREFIX}{KEY}.npz"
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(cached(KEY, build, data_dir)["poses"], build()["poses"])
    calls = build.calls
    cached(KEY, build, data_dir)
    assert build.calls == calls


def test_an_entry_that_holds_pickles_is_not_taken(folder, data_dir, build):
    cached(KEY, build, data_dir)
    np.savez(folder / f"{PREFIX}{KEY}.npz", poses=np.array({"a": 1}))
    cached(KEY, build, data_dir)
    assert build.calls == 2


def test_a_folder_that_cannot_be_written_means_no_cache_and_a_warning(tmp_path, data_dir, build, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("POSE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="not cached") as caught:
        assert cached(KEY, build, data_dir)["poses"].shape == (2, 3)
    assert len(caught) == 1


def test_a_full_disk_leaves_nothing_behind(folder, data_dir, build, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match="No space left"):
        assert cached(KEY, build, data_dir)["poses"].shape == (2, 3)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_while_another_writes_the_same_entry_does_not_damage_it(folder, data_dir, build, monkeypatch):
    synchronise = os.fsync

    def meanwhile(descriptor):
        monkeypatch.setattr(os, "fsync", lambda _: os._exit(1))
        if (process := os.fork()) == 0:
            cached(KEY, lambda: {"poses": np.zeros(1)}, data_dir)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1
        monkeypatch.setattr(os, "fsync", synchronise)

    monkeypatch.setattr(os, "fsync", meanwhile)
    cached(KEY, build, data_dir)
    assert cached(KEY, build, data_dir)["poses"].shape == (2, 3) and build.calls == 1
    for number in range(MAX_ENTRIES):
        cached(str(number), build, data_dir)
    assert {path.suffix for path in folder.iterdir()} == {".npz"}, "what the killed run left is tidied up"


def test_the_data_folder_is_never_written(data_dir, build, monkeypatch):
    monkeypatch.setenv("POSE_CACHE_DIR", str(data_dir / "cache"))
    with pytest.warns(UserWarning, match="lies in the data folder"):
        cached(KEY, build, data_dir)
    assert list(data_dir.iterdir()) == []


def test_old_entries_go_and_other_files_stay(folder, data_dir, build):
    folder.mkdir()
    (folder / "mine.npz").write_text("not a cache entry")
    for number in range(MAX_ENTRIES + 2):
        cached(str(number), build, data_dir)
        os.utime(folder / f"{PREFIX}{number}.npz", (number, number))
    names = {path.name for path in folder.iterdir()}
    assert "mine.npz" in names and f"{PREFIX}0.npz" not in names and f"{PREFIX}{MAX_ENTRIES + 1}.npz" in names
    assert len(names) == MAX_ENTRIES + 1


def test_the_key_follows_files_options_and_code(tmp_path, monkeypatch):
    data, code = tmp_path / "a.h5", tmp_path / "code.py"
    data.write_text("one")
    code.write_text("parse()")
    monkeypatch.setattr(cache, "PARSERS", (code,))
    os.utime(data, (1, 1))
    keys = [key_of([data], (1, "S9"))]
    assert key_of([data], (1, "S9")) == keys[0]
    keys.append(key_of([data], (2, "S9")))
    code.write_text("parse(better)")
    keys.append(key_of([data], (1, "S9")))
    os.utime(data, (2, 2))
    keys.append(key_of([data], (1, "S9")))
    data.write_text("three")
    os.utime(data, (2, 2))
    keys.append(key_of([data], (1, "S9")))
    keys.append(key_of([], (1, "S9")))
    assert len(set(keys)) == len(keys)


def test_the_folder_is_where_users_expect_it(monkeypatch):
    monkeypatch.delenv("POSE_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder().as_posix() == "/home/someone/.cache/chen-cvpr2019"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/somewhere")
    assert cache_folder().as_posix() == "/var/somewhere/chen-cvpr2019"
    monkeypatch.setenv("POSE_CACHE_DIR", "/elsewhere")
    assert cache_folder().as_posix() == "/elsewhere"


def test_a_user_without_a_home_has_no_cache(build, data_dir, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("datasets.cache.cache_folder", homeless)
    assert cached(KEY, build, data_dir)["poses"].shape == (2, 3)
