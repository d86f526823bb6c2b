"""What the page needs is fetched whole and compared with its sums, or nothing is put in place."""

import subprocess
from pathlib import Path

import pytest

from web import prepare


def npm_that_gives(content, status=0):
    """Stands in for `npm pack`."""

    def run(command, cwd, **_):
        package = command[2].removeprefix("@").replace("/", "-").replace("@", "-")
        (Path(cwd) / f"{package}.tgz").write_bytes(content)
        return subprocess.CompletedProcess(command, status, "", "npm ERR! no network\n")

    return run


@pytest.mark.parametrize(("status", "words"), [(0, "has a wrong sum"), (1, "could not fetch .*no network")])
def test_a_wrong_package_is_refused_and_nothing_put_in_place(tmp_path, monkeypatch, status, words):
    monkeypatch.setattr(prepare.shutil, "which", lambda name: name)
    monkeypatch.setattr(prepare.subprocess, "run", npm_that_gives(b"something else", status))
    with pytest.raises(ValueError, match=words):
        prepare.fetch_runtime(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_npm_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"npm is missing.*install Node\.js"):
        prepare.fetch_runtime(tmp_path)


def test_the_tables_name_every_joint_and_hold_numbers_alone():
    tables = prepare.tables()
    assert [len(row) for row in tables["jointWeights"]] == [len(tables["points"])] * len(tables["joints"])
    assert set(tables["neighbours"]) <= set(tables["points"])
    assert prepare.plain(tables["constants"]["blazepose"]["FACE_POINTS"]) == [0, 11]
    with pytest.raises(TypeError):
        prepare.plain(object())
