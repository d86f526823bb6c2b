"""Files are whole or not there."""

import pytest

from utils.files import write_whole


def test_a_file_is_written_over_whole_and_alone(tmp_path):
    path = tmp_path / "note.json"
    (tmp_path / ".note.json.partial").write_bytes(b"what a killed writer left, longer than what comes")
    for content in (b"one", memoryview(b"two")):
        write_whole(path, content)
        assert path.read_bytes() == content and list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "note.json"
    write_whole(path, b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("utils.files.os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_the_error_that_is_told(tmp_path):
    with pytest.raises(OSError, match="in-the-way"):
        write_whole(tmp_path / "missing" / "in-the-way", b"")
