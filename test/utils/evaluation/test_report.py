"""Tables, JSON and CSV say what the evaluation found, and a failed write loses nothing."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from samples_poses import ACTIONS, sixty_people

from datasets.poseset import PoseSet
from utils.evaluation.metrics import FIGURES, ORACLES
from utils.evaluation.protocol import evaluate, lift_zero_depth
from utils.evaluation.report import format_actions, format_joints, format_table, write_tables


def lines_of(table, width=80):
    """What a file of this width would get."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.fixture(scope="module")
def results():
    return evaluate(lift_zero_depth, sixty_people())


def test_results_survive_json_and_csv(results, tmp_path):
    path = tmp_path / "new" / "results.json"
    write_tables(results, path)
    assert json.loads(path.read_text()) == results
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    assert len(rows) == 4 * (len(ACTIONS) + 1)
    eating = results["inputs"]["gt"]["per_action"]["Eating"]
    assert (rows[0]["inputs"], rows[0]["action"], rows[0]["poses"]) == ("gt", "Eating", "10")
    assert float(rows[0]["p_mpjpe"]) == pytest.approx(eating["p_mpjpe"], abs=1e-3)
    assert float(rows[0]["oracle_mpjpe_flip"]) == pytest.approx(eating["oracles"]["mpjpe_flip"], abs=1e-3)
    assert sorted(file.name for file in path.parent.iterdir()) == ["results.csv", "results.json"]


def test_a_failed_write_leaves_the_old_file_and_no_litter(results, tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    path.write_text("old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(ValueError, match=r"cannot be written to .*results\.json: No space left"):
        write_tables(results, path)
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_path_that_cannot_be_a_file_is_said(results, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be written"):
        write_tables(results, tmp_path / "file" / "results.json")
    with pytest.raises(ValueError, match=r"must end in \.json"):
        write_tables(results, tmp_path / "results.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_table_has_every_figure_in_its_column(results):
    lines = lines_of(format_table({"lifter": results, "other": results}))
    rows = [line.split() for line in lines if line.startswith("  lifter")]
    assert len(rows) == 4 == sum(line.startswith("  other") for line in lines)
    record = results["inputs"]["gt"]
    values = [record["oracles"][name] if name in ORACLES else record[name] for name in FIGURES]
    assert rows[0] == ["lifter", *(f"{value:.1f}" for value in values)]
    for baseline in ("standing", "zero depth"):
        assert sum(line.startswith(f"  {baseline}") for line in lines) == 4
    assert "detected: 53 poses, 7 without keypoints skipped" in lines
    assert lines == lines_of(format_table({"lifter": results, "other": results}), width=200)


def test_the_table_of_actions(results):
    lines = [line.strip() for line in lines_of(format_actions(results))]
    sitting = results["inputs"]["gt"]["per_action"]["Sitting"]
    row = next(line for line in lines if line.startswith("Sitting"))
    assert row.split()[1:4] == [f"{sitting['mpjpe']:.1f}", "/", f"{sitting['p_mpjpe']:.1f}"]
    mean = next(line for line in lines if line.startswith("mean"))
    assert mean.split()[1:4] == [
        f"{results['inputs']['gt'][name]:.1f}" if name else "/" for name in ("mpjpe", "", "p_mpjpe")
    ]


def test_the_table_of_joints(results):
    lines = [line.strip() for line in lines_of(format_joints(results))]
    record = results["inputs"]["gt"]
    for label, row in {"left_foot": record["per_joint"]["left_foot"], "mean": record["mean_over_poses"]}.items():
        line = next(line for line in lines if line.startswith(label))
        assert line.split()[1:4] == [f"{row['n_mpjpe']:.1f}", "/", f"{row['p_mpjpe']:.1f}"]


def test_data_without_actions_has_tables_too():
    people = sixty_people()
    results = evaluate(lift_zero_depth, PoseSet("plain", {"gt": people.poses_px["gt"]}, people.poses_cam_mm))
    assert results["inputs"]["gt"]["per_action"] == {}
    assert any("mean" in line for line in lines_of(format_actions(results)))
    assert any("standing" in line for line in lines_of(format_table({"lifter": results})))
