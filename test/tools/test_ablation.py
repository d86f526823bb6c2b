"""The ablation, with a stand-in for main.py."""

import json
import os
import subprocess
from types import SimpleNamespace

import ablation
import ablation_table
import pytest

from utils.command_line import parse_config
from utils.evaluation.report import write_tables
from utils.training.runs import write_note

DEFAULT, BONES = "the default recipe", "no bone proportions"


def results(a, c):
    record = {"poses": 8327, "mpjpe": a, "p_mpjpe": c, "per_action": {}}
    record |= dict.fromkeys(("n_mpjpe", "mpjpe_norm_scaled", "pck150", "auc"), 1.0)
    record |= {"oracles": {"p_mpjpe_reflected": 1.0, "mpjpe_flip": 1.0}}
    return {"set": "S9: 8,327 frames", "inputs": {"gt": record, "gt+intrinsics": {**record, "mpjpe": a - 20}}}


class FakeMain:
    """Does what main.py leaves behind; rows whose flags hold `broken` stop after their first checkpoint."""

    def __init__(self):
        self.commands, self.broken, self.environment = [], None, None

    def __call__(self, command, cwd, env, stdout, stderr):
        flags = [str(word) for word in command[2:]]
        self.commands.append(flags)
        self.environment = env
        resumed = "--resume" in flags
        flags = flags[: flags.index("--resume")] if resumed else flags
        options = parse_config(flags).flat()
        run_dir = cwd / "lightning_logs" / "version_0"
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=resumed)
        note = {**options, "train_data": options["train_data"] or "mpii", "val_data": "h36m"}
        write_note(run_dir, {"options": note})
        for name in ("best-epoch=3.ckpt", "unsupervised-epoch=5.ckpt", "last.ckpt"):
            (run_dir / "checkpoints" / name).touch()
        if self.broken in flags:
            stdout.write("epoch 1\nmain.py: the run stopped: loss_2d became nan\n")
            return SimpleNamespace(returncode=1)
        a = 70 + options["seed"] + (5 if options["weight_bone"] == 0 else 0)
        # In main.py's order: the table by which a run counts as finished comes last.
        write_tables(results(a - 1, 41.5), run_dir / "results-best.json")
        write_tables(results(a, 42.0), run_dir / "results-unsupervised.json")
        return SimpleNamespace(returncode=0)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("utils.training.runs.source_commit", lambda: "0123456789abcdef" * 2 + "-dirty")
    fake = FakeMain()
    monkeypatch.setattr(ablation, "subprocess", SimpleNamespace(run=fake, STDOUT=subprocess.STDOUT))
    return fake


def line_of(text, row):
    return next(line for line in text.splitlines() if line.startswith(f"| {row} |"))


@pytest.mark.parametrize("row", ablation_table.ROWS)
def test_every_row_is_flags_that_main_takes_and_is_one_change(row):
    flags = ablation_table.flags_of(row, 64).split()
    usual = parse_config(["--width=64"]).flat()
    changed = {name for name, value in parse_config(["--width=64", *flags]).flat().items() if value != usual[name]}
    assert bool(changed) == (row != DEFAULT)
    named = {word[2:].removeprefix("no-") for word in flags if word.startswith("--")}
    assert changed <= named or "recipe" in named
    assert ablation.row_name(ablation_table.slug(row)) == row == ablation.row_name(row)


def test_folders_of_rows_differ():
    assert len(set(map(ablation_table.slug, ablation_table.ROWS))) == len(ablation_table.ROWS)


def test_rows_and_seeds_are_trained_once_and_averaged(fake, tmp_path, capsys):
    command = ["--seeds", "0", "1", "2", "--rows", BONES, DEFAULT, "--max_epochs", "7", "--width", "32"]
    assert ablation.main(command) == 0
    assert len(fake.commands) == 6
    for flags in fake.commands:
        assert {"--max_epochs=7", "--width=32", "--precision=32"} <= set(flags)
        assert flags[flags.index("--logger") + 1] == "none"
        assert flags[flags.index("--data_dir") + 1] == str(tmp_path / "data")
    shown = capsys.readouterr().out
    assert (
        line_of(shown, DEFAULT)
        == "| the default recipe |  | 71.0 ± 1.0 | 51.0 ± 1.0 | 42.0 ± 0.0 | 41.5 ± 0.0 | 0, 1, 2 |"
    )
    assert "| `--weight_bone 0` | 76.0 ± 1.0 |" in line_of(shown, BONES)
    assert shown.index(DEFAULT) < shown.index(BONES), "the order is that of ROWS"
    assert "--val_stride 64: 8,327 poses" in shown and "sample standard deviation" in shown and "7 --width 32" in shown
    assert "commit 0123456789-dirty." in shown
    assert (tmp_path / "ablation" / "ablation.md").read_text() == shown
    rows = json.loads((tmp_path / "ablation" / "ablation.json").read_text())
    assert rows[1]["seeds"]["2"]["figures"]["with intrinsics"] == 57 and rows[1]["sd"]["with intrinsics"] == 1
    assert str(tmp_path) not in json.dumps(rows)
    assert ablation.main(command) == 0
    assert len(fake.commands) == 6, "finished runs are not repeated"
    assert capsys.readouterr().out == shown
    assert ablation.main(["--table"]) == 0
    assert capsys.readouterr().out == shown
    kept = {path.name for path in tmp_path.glob("ablation/*/seed_0/lightning_logs/version_0/checkpoints/*")}
    assert kept == {"unsupervised-epoch=5.ckpt"}


def test_more_flags_go_to_every_row_and_the_rows_own_win(fake):
    rows = ["--rows", DEFAULT, "synthetic_poses_alone"]
    assert ablation.main(["--seeds", "0", *rows, "--flags", "--weight_supervised 0 --weight_2d 2"]) == 0
    default, alone = (parse_config(flags).flat() for flags in fake.commands)
    assert (default["weight_supervised"], default["weight_2d"]) == (0, 2)
    assert (alone["weight_supervised"], alone["recipe"]) == (1, "synthetic")


def test_one_seed_has_no_deviation(fake, capsys):
    assert ablation.main(["--seeds", "0", "--rows", DEFAULT]) == 0
    shown = capsys.readouterr().out
    assert "| 70.0 | 50.0 | 42.0 | 41.5 | 0 |" in shown and "±" not in shown and "one seed" in shown


def test_a_failure_is_named_the_rest_goes_on_and_it_is_resumed_later(fake, capsys):
    fake.broken = "--weight_bone"
    command = ["--seeds", "0", "--rows", BONES, DEFAULT, "--workers", "2"]
    assert ablation.main(command) == 1
    shown = capsys.readouterr()
    complaint = next(line for line in shown.err.splitlines() if line.startswith("ablation.py: "))
    assert f"{BONES}, seed 0 failed: main.py: the run stopped: loss_2d became nan" in complaint
    assert os.path.join("no_bone_proportions", "seed_0", "log.txt") in complaint  # noqa: PTH118
    assert DEFAULT in shown.out and BONES not in shown.out
    assert int(fake.environment["OMP_NUM_THREADS"]) >= 1
    fake.broken = None
    assert ablation.main(command) == 0
    assert len(fake.commands) == 3 and fake.commands[2][-1].endswith("version_0/checkpoints/last.ckpt")
    assert BONES in capsys.readouterr().out


def test_a_folder_of_another_experiment_is_not_mixed_in(fake, capsys):
    assert ablation.main(["--seeds", "0", "--rows", DEFAULT, "--max_epochs", "2"]) == 0
    assert ablation.main(["--seeds", "0", "--rows", DEFAULT]) == 2
    assert "max_epochs 200 instead of 2; give another --out" in capsys.readouterr().err
    assert len(fake.commands) == 1


def test_ctrl_c_says_how_to_go_on(fake, monkeypatch, capsys):
    def stop(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(ablation.subprocess, "run", stop)
    assert ablation.main(["--seeds", "0", "--rows", DEFAULT]) == 130
    assert capsys.readouterr().err == "ablation.py: stopped; the same command goes on\n"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--table"], "there is no finished run in"),
        (["--data_dir", "typo"], "--data_dir typo is not a folder"),
        (["--rows", "no such"], "there is no row 'no such'"),
        (["--workers", "0"], "one run at a time is the least"),
        (["--max_epochs", "0"], "--max_epochs"),
    ],
)
def test_mistakes_are_one_sentence(fake, capsys, flags, sentence):
    try:
        assert ablation.main(flags) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert sentence in capsys.readouterr().err
    assert fake.commands == []


def test_a_damaged_table_is_named(fake, tmp_path, capsys):
    assert ablation.main(["--seeds", "0", "--rows", DEFAULT]) == 0
    table = next(tmp_path.glob("ablation/*/seed_0/lightning_logs/version_0/results-best.json"))
    table.write_text("{")
    assert ablation.main(["--table"]) == 2
    assert "results-best.json cannot be read" in capsys.readouterr().err
