"""The command line, in one process: training, resuming, evaluating, and what goes wrong."""

import io
import json
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import main as command
from datasets import loading
from models import load_lifter, save_lifter
from utils.training import runs, terminal

ROOT = Path(command.__file__).parent
TINY = [
    "--gpus=0", "--width=16", "--lifter_blocks=1", "--discriminator_blocks=1", "--train_data=synthetic",
    "--val_data=synthetic",
    "--synthetic_poses=200", "--batch_size=32", "--logger=none", "--max_epochs",
]  # fmt: skip
Progress = terminal.Progress
CHECKPOINTS = Path("lightning_logs/version_0/checkpoints")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder and a small validation set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "SYNTHETIC_VAL_POSES", 64)
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of three epochs with TensorBoard: its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("trained"))
        patch.setattr(loading, "SYNTHETIC_VAL_POSES", 64)
        assert command.main([*TINY, "3", "--logger", "tensorboard"]) == 0
        return Path.cwd()


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def assert_same_run(one, two):
    ours, theirs = weights(one), weights(two)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def complaint(capsys, status, *flags):
    """Runs the command, which must fail; returns its one sentence."""
    try:
        assert command.main([*map(str, flags)]) == status
    except SystemExit as stop:
        assert stop.code == status
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if line.startswith("main.py: ")]
    assert shown.out == "" and len(lines) == 1 and "Traceback" not in shown.err
    if status == 2:
        assert shown.err.splitlines() == lines
    return lines[0]


def test_a_run_leaves_checkpoints_tables_and_a_note(trained):
    run_dir = trained / CHECKPOINTS.parent
    names = {path.name.split("=")[0] for path in (run_dir / "checkpoints").iterdir()}
    assert names == {"best-epoch", "unsupervised-epoch", "last.ckpt"}
    assert {path.name for path in run_dir.glob("results-*")} == {
        f"results-{name}.{ending}" for name in ("best", "last", "unsupervised") for ending in ("json", "csv")
    }
    note = json.loads((run_dir / "options.json").read_text())
    assert note["options"]["synthetic_poses"] == 200 and torch.__version__.startswith(note["versions"]["torch"][:6])
    assert len(note["training_sha256"]) == 64
    best = load_lifter(next((run_dir / "checkpoints").glob("best-*")))
    pose_px = torch.rand(5, 17, 2) * 100
    torch.testing.assert_close(load_lifter(run_dir / "lifter.pt").lift(pose_px), best.lift(pose_px), atol=5e-3, rtol=0)


def test_tensorboard_has_losses_validation_pictures_and_options(trained):
    events = EventAccumulator(str(trained / CHECKPOINTS.parent))
    events.Reload()
    tags = events.Tags()
    trained_on = {"loss_2d", "loss_3d", "loss_adversarial", "loss_discriminator", "discriminator_accuracy",
                  "discriminator_accuracy_cap", "lr_lifter", "lr_discriminator"}  # fmt: skip
    assert {f"train/{name}" for name in trained_on} <= set(tags["scalars"])
    assert {"val/mpjpe_mm", "val/p_mpjpe_mm", "val/unsupervised_loss", "final/best_mpjpe_mm"} <= set(tags["scalars"])
    for tag in ("val/mpjpe_mm", "train/loss_2d", "train/lr_lifter"):
        assert [value.step for value in events.Scalars(tag)] == [0, 1, 2]
    rates = [value.value for value in events.Scalars("train/lr_lifter")]
    assert rates == sorted(rates, reverse=True) and 0 < rates[-1] < rates[0] < 0.001
    assert events.Scalars("train/discriminator_accuracy_cap")[0].value == pytest.approx(0.9)
    table = json.loads((trained / CHECKPOINTS.parent / "results-best.json").read_text())["inputs"]["gt"]
    assert events.Scalars("final/best_mpjpe_mm")[0].value == pytest.approx(table["mpjpe"])
    assert [picture.step for picture in events.Images("poses")] == [0, 2]
    text = events.Tensors("options/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| synthetic_poses | 200 |" in text
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_output_is_the_table_and_errors_are_plain_lines_of_80_columns(capsys):
    assert command.main([*TINY, "2", "--weight_supervised", "0"]) == 0
    shown = capsys.readouterr()
    for label in ("best", "last", "unsupervised", "zero depth", "standing"):
        assert shown.out.count(f"\n  {label} ") == 2
    assert (
        "sitting" not in shown.out and "batch_size" not in shown.err and not set(shown.out + shown.err) & {"\r", "\033"}
    )
    lines = shown.err.splitlines()
    names = ["device", "training", "validation", "run", "epoch", "1/2", "2/2", ".", "best", "last", "unsupervised"]
    assert [(line.split() or ["."])[0] for line in lines[:11]] == names
    assert max(map(len, [*lines, *shown.out.splitlines()])) <= 80 and lines[0].endswith("since no GPU was found")
    header, *epochs = lines[4:7]
    ends = [[match.end() for match in re.finditer(r"\S+", line)] for line in (header, *epochs)]
    assert ends[0] == ends[1] == ends[2] and {"2d", "accur", "MPJPE", "P-MPJPE", "unsup"} <= set(header.split())


def test_on_a_terminal_a_bar_runs_below_whole_lines(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    wide = {"_file": shown, "_force_terminal": True, "is_interactive": True, "_width": 120}
    for name, value in wide.items():
        monkeypatch.setattr(terminal.console, name, value)
    monkeypatch.setattr(terminal.Progress, "SECONDS", 0.0)
    assert command.main([*TINY, "2", "--verbose"]) == 0
    text = re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", shown.getvalue())
    assert re.search(r"^batch_size +32 *$", text, re.MULTILINE)
    assert re.search(r"epoch 2/2 .+ \d+% [\d.]+ steps/s \d:\d\d:\d\d left", text)
    assert any(line.split()[:2] == ["epoch", "2d"] and "discriminator" in line for line in text.splitlines())


def test_a_quiet_run_prints_the_tables_alone(capsys):
    assert command.main([*TINY, "1", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "" and "zero depth" in shown.out
    assert command.main(["--resume", str(CHECKPOINTS / "last.ckpt"), "--max_epochs", "2"]) == 0
    assert "resumed with max_epochs 2 instead of 1" in capsys.readouterr().err


@pytest.fixture
def send(monkeypatch):
    """Makes the next run send itself signals at one moment of an epoch; without arguments, no longer."""

    def plan(hook=None, epoch=0, *signals):
        class Planned(Progress):
            """Progress, and signals."""

        def send_all(self, trainer, *_):
            if trainer.current_epoch == epoch:
                for number in signals:
                    signal.raise_signal(number)

        if hook:
            setattr(Planned, hook, send_all)
        monkeypatch.setattr(command, "Progress", Planned)

    return plan


@pytest.mark.parametrize(
    ("hook", "epoch", "number"),
    [
        ("on_train_batch_start", 1, signal.SIGTERM),
        ("on_train_batch_end", 1, getattr(signal, "SIGUSR1", signal.SIGTERM)),
        ("on_validation_epoch_start", 0, signal.SIGTERM),
        ("on_validation_epoch_end", 1, signal.SIGINT),
    ],
)
def test_resuming_after_a_signal_equals_an_uninterrupted_run(trained, send, capfd, hook, epoch, number):
    send(hook, epoch, number)
    assert command.main([*TINY, "3"]) == runs.STOPPED
    assert f"main.py: stopped; go on with --resume {CHECKPOINTS}/last.ckpt" in capfd.readouterr().err
    send()
    assert command.main(["--resume", str(CHECKPOINTS / "last.ckpt")]) == 0
    assert_same_run(CHECKPOINTS / "last.ckpt", trained / CHECKPOINTS / "last.ckpt")
    assert [path.name for path in CHECKPOINTS.parents[1].iterdir()] == ["version_0"]
    assert sorted(path.name for path in CHECKPOINTS.iterdir()) == sorted(
        path.name for path in (trained / CHECKPOINTS).iterdir()
    )


def test_a_slurm_job_begins_anew_and_keeps_what_it_saves_in_its_own_folder(trained, send, here, monkeypatch):
    job = {
        "JOB_ID": "7",
        "JOB_NAME": "pose",
        "NTASKS": "1",
        "NNODES": "1",
        "PROCID": "0",
        "LOCALID": "0",
        "NODEID": "0",
    }
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr("pytorch_lightning.trainer.connectors.signal_connector.call", pytest.fail)
    Path("hpc_ckpt_1.ckpt").write_bytes((trained / CHECKPOINTS / "last.ckpt").read_bytes())
    send("on_train_batch_start", 1, signal.SIGUSR1)
    assert command.main([*TINY, "3", "--run_name", "slurm_7"]) == runs.STOPPED
    assert {path.name for path in here.iterdir()} == {"hpc_ckpt_1.ckpt", "lightning_logs"}
    send()
    last = Path("lightning_logs/slurm_7/checkpoints/last.ckpt")
    assert command.main(["--resume", str(last)]) == 0
    assert_same_run(last, trained / CHECKPOINTS / "last.ckpt")
    assert [path.name for path in Path("lightning_logs").iterdir()] == ["slurm_7"]


def test_second_ctrl_c_stops_at_once(send, capfd):
    send("on_validation_epoch_start", 0, signal.SIGINT, signal.SIGINT)
    assert command.main([*TINY, "3"]) == runs.STOPPED
    assert "main.py: stopped; no checkpoint had been written yet" in capfd.readouterr().err


def test_resuming_a_finished_run_says_so(trained, capsys):
    last = trained / CHECKPOINTS / "last.ckpt"
    assert "has finished its 3 epochs: give a larger --max_epochs" in complaint(capsys, 2, "--resume", last)


def test_flags_win_over_the_options_of_a_resumed_run(trained, capsys, here):
    command.main([*TINY, "1"])
    capsys.readouterr()
    flags = ["--max_epochs", "2", "--weight_2d", "7"]
    assert command.main(["--resume", str(CHECKPOINTS / "last.ckpt"), *flags]) == 0
    assert "resumed with max_epochs 2 instead of 1, weight_2d 7.0 instead of 1.0" in capsys.readouterr().err
    note = json.loads((CHECKPOINTS.parent / "options-1.json").read_text())
    assert note["options"]["weight_2d"] == 7.0 and note["options"]["width"] == 16


def test_evaluation_of_training_and_small_checkpoints(trained, capsys):
    save_lifter(load_lifter(trained / CHECKPOINTS / "last.ckpt"), "small.pt")
    for path in (trained / CHECKPOINTS / "last.ckpt", "small.pt"):
        flags = ["--val_data", "synthetic", "--results", "out/r.json"]
        assert command.main(["--evaluate", str(path), *flags]) == 0
        table = capsys.readouterr().out
        assert "lifter" in table and "MPJPE (in-plane scale) / P-MPJPE, mm" in table
        record = json.loads(Path("out/r.json").read_text())["inputs"]["gt"]
        wanted = {"poses", "mpjpe", "n_mpjpe", "p_mpjpe", "pck150", "auc", "oracles", "baselines", "per_action"}
        assert wanted <= record.keys() and record["poses"] == 64
        assert Path("out/r.csv").read_text().startswith("inputs,action,poses,mpjpe")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--train_data mpii --data_dir .", "no mpii_poses.npy"),
        ("--train_data h36m --data_dir .", "h36m"),
        ("--val_data h36m --data_dir .", "h36m"),
        ("--val_data h36m --data_dir nowhere", "there is no folder nowhere"),
        ("--train_data one.npy --skeleton h36m_17", "is larger than the number of training poses, 1 of"),
        ("--train_data nan.npy", "there are no people in nan.npy"),
        ("--train_data missing.npy", "neither mpii, h36m, synthetic nor an existing file"),
        ("--batch_size 500", "--batch_size 500 is larger than the number of training poses, 190 of"),
        ("--weight_temporal 1", "--weight_temporal needs videos whose frames are in order"),
        ("--gpus 999", "--gpus 999: this machine has"),
        ("--num_nodes 2", "--gpus 0 --num_nodes 2: nothing started the processes on the other machines"),
        ("--run_name a/b", "--run_name a/b: at most 100 letters"),
        ("--resume list.ckpt", "list.ckpt is not a checkpoint of this project"),
        ("--logger mlflow", "cannot log to MLflow at sqlite:///mlflow.db: file is not a database"),
    ],
)
def test_what_cannot_begin_is_one_sentence(capsys, flags, sentence):
    np.save("one.npy", np.arange(34.0)[None])
    np.save("nan.npy", np.full((100, 34), np.nan))
    torch.save([1], "list.ckpt")
    Path("mlflow.db").write_text("not a database, but long enough to be read as one" * 9)
    assert sentence in complaint(capsys, 2, *TINY, 1, *flags.split())


def test_folder_that_is_none(capsys):
    Path("lightning_logs").touch()
    assert "cannot write to lightning_logs" in complaint(capsys, 2, *TINY, 1)


def test_mlflow_has_parameters_metrics_pictures_and_the_best_lifter(capfd):
    assert command.main([*TINY, "1", "--logger", "mlflow"]) == 0
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in capfd.readouterr().err
    assert command.main(["--resume", str(CHECKPOINTS / "last.ckpt"), "--max_epochs", "2"]) == 0
    with sqlite3.connect("mlflow.db") as database:
        assert [row[0] for row in database.execute("SELECT name FROM runs")] == ["version_0"]
        assert ("synthetic_poses", "200") in database.execute("SELECT key, value FROM params").fetchall()
        metrics = [row[0] for row in database.execute("SELECT key FROM metrics")]
        assert metrics.count("val/mpjpe_mm") == 2
        (note,) = database.execute("SELECT value FROM tags WHERE key = 'mlflow.note.content'").fetchone()
    assert "| final/best_mpjpe_mm |" in note and {"train/loss_2d", "final/best_mpjpe_mm"} <= set(metrics)
    artifacts = {path.name for path in Path("mlruns").rglob("*.*")}
    assert {"lifter.pt", "epoch_0000.png", "epoch_0001.png", "results-best.csv", "curves.png"} <= artifacts


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--export lifter.pt", "argument --export: lifter.pt does not end in .onnx"),
        ("--export l.onnx --evaluate list.ckpt", "--evaluate and --export do not train: give one"),
        ("--export l.onnx --resume list.ckpt", "--evaluate and --export do not train: give one"),
        ("--export l.onnx --ckpt none.ckpt", "argument --ckpt: there is no file none.ckpt"),
        ("--export l.onnx --ckpt list.ckpt", "list.ckpt is not a checkpoint of this project"),
        ("--export list.ckpt/l.onnx", "the model cannot be written to list.ckpt/l.onnx"),
        ("--ckpt list.ckpt", "--ckpt and --export_precision go with --export FILE.onnx"),
        ("--export_precision fp16", "--ckpt and --export_precision go with --export FILE.onnx"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(capsys, flags, sentence):
    torch.save([1], "list.ckpt")
    assert sentence in complaint(capsys, 2, *flags.split())
    assert [path.name for path in Path().iterdir()] == ["list.ckpt"]


def test_exporting_a_training_checkpoint(trained, capsys):
    pytest.importorskip("onnxscript")
    flags = ["--ckpt", str(trained / CHECKPOINTS / "last.ckpt"), "--export_precision", "fp16"]
    assert command.main(["--export", "new/lifter.onnx", *flags]) == 0
    assert re.fullmatch(r"written: new/lifter.onnx \(0.\d MB\): keypoints, .* -> pose.*\n", capsys.readouterr().err)
    model = pytest.importorskip("onnx").load("new/lifter.onnx")
    assert {weight.name[-5:] for weight in model.graph.initializer if "network" in weight.name} == {"_half"}
    assert "weights fp16, arithmetic fp32" in [entry.value for entry in model.metadata_props]


def test_help_answers_without_torch():
    ended = subprocess.run([sys.executable, "-X", "importtime", ROOT / "main.py", "--help"], capture_output=True,
                           text=True, check=True)  # fmt: skip
    assert "--gan_accuracy_cap" in ended.stdout and "utils.config" in ended.stderr and "torch" not in ended.stderr
