"""Folders of runs and their notes."""

import json
import os
from pathlib import Path

import pytest

from utils.training.runs import (
    differences,
    has_ended,
    new_run_dir,
    other_data,
    read_note,
    run_dir_of,
    write_note,
)


def test_run_folders_count_on(tmp_path):
    parent = tmp_path / "lightning_logs"
    assert new_run_dir(parent).name == "version_0"
    (parent / "version_7").mkdir()
    (parent / "version_x").mkdir()
    assert new_run_dir(parent).name == "version_8"
    assert new_run_dir(parent, "mine").name == "mine"
    with pytest.raises(ValueError, match=r"there is a run in .*mine: --resume it, or give another --run_name"):
        new_run_dir(parent, "mine")


def test_the_run_of_a_checkpoint(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    logs = tmp_path / "lightning_logs"
    assert run_dir_of(logs / "mine" / "checkpoints" / "a.ckpt") == logs / "mine"
    assert run_dir_of(tmp_path / "elsewhere" / "checkpoints" / "a.ckpt") is None
    assert run_dir_of(logs / "version_4" / "a.ckpt") is None
    write_note(tmp_path / "elsewhere", {})
    assert run_dir_of(tmp_path / "elsewhere" / "checkpoints" / "a.ckpt") == tmp_path / "elsewhere"
    monkeypatch.chdir(tmp_path)
    assert run_dir_of(Path("lightning_logs/version_4/checkpoints/a.ckpt")) == Path("lightning_logs/version_4")


def test_a_later_note_does_not_replace_an_earlier_one(tmp_path):
    run_dir = tmp_path / "lightning_logs" / "version_0"
    run_dir.mkdir(parents=True)
    checkpoint = run_dir / "checkpoints" / "last.ckpt"
    assert read_note(checkpoint) == {} == read_note(tmp_path / "last.ckpt")
    for start in range(12):
        write_note(run_dir, {"options": {"start": start}})
    assert read_note(checkpoint)["options"] == {"start": 11}
    note = json.loads((run_dir / "options.json").read_text())
    assert note["options"] == {"start": 0} and {"torch", "pytorch-lightning"} <= note["versions"].keys()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"options": 1}'])
def test_a_damaged_note_is_named(tmp_path, text):
    run_dir = tmp_path / "lightning_logs" / "version_0"
    run_dir.mkdir(parents=True)
    (run_dir / "options.json").write_text(text)
    with pytest.raises(ValueError, match=r"options\.json is damaged"):
        read_note(run_dir / "checkpoints" / "last.ckpt")


def test_differences_name_both_values():
    assert (
        differences({"a": 1, "b": 2, "gone": 3, "resume": None}, {"a": 1, "b": 5, "resume": "x"}) == "b 5 instead of 2"
    )


def test_a_run_has_ended_when_its_lifter_is_younger_than_the_checkpoint(tmp_path):
    run_dir = tmp_path / "lightning_logs" / "version_0"
    checkpoint, lifter = run_dir / "checkpoints" / "last.ckpt", run_dir / "lifter.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    assert not has_ended(checkpoint)
    lifter.touch()
    assert has_ended(checkpoint)
    os.utime(lifter, (1, 1))
    assert not has_ended(checkpoint)
    assert has_ended(tmp_path / "elsewhere.ckpt")


def test_other_training_data_is_named_with_both_sums():
    notes = [{"training": f"poses {number}", "training_sha256": f"{number}" * 64} for number in (1, 2)]
    sentence = other_data(*notes)
    assert "poses 1 (SHA-256 111111111111...) then, poses 2 (SHA-256 222222222222...) now" in sentence
    assert other_data(notes[0], notes[0]) == other_data({}, notes[0]) == ""
