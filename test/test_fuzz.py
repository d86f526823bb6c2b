"""Damaged and foreign files, and any flags: what reads them works, or says in one sentence what is wrong.

`make fuzz` tries a hundred times as many inputs, others each time; a failure names its seed, for FUZZ_SEED.
"""

import copy
import io
import json
import os
import random
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from samples_files import FOLDERS, JUNK, KINDS, damaged, with_junk, write_checkpoint
from samples_h36m import make_world_m

import demo
import main
from datasets.h36m import load_h36m
from models import load_lifter
from utils.command_line import build_parser, parse_config
from utils.demo.options import build_parser as build_demo_parser

TIMES = int(os.environ.get("FUZZ", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "0" if TIMES == 1 else str(time.time_ns())))
SECONDS, LONGEST_SENTENCE = 20, 600
RECORDINGS = {("S9", "Walking"): make_world_m(4)}
WORDS = (
    "", "nan", "inf", "-1", "1e309", "0", "1", "2", "0.5", "x", "٣", "0x10", "9" * 5000, "two\nlines", "none", "mpii",
    ".", "/", "~", "--", "/dev/null", "nowhere.png", "a" * 300, "a/" * 3000, "új képek", "%d.mp4", "http://a/a.mp4",
)  # fmt: skip


class TooSlow(BaseException):
    """Not an Exception, so that no reader takes it for a damaged file."""


def attempt(read, path: Path):
    """What the reader returns, or None where it refuses the file in one sentence that names it; it warns of nothing."""

    def stop(*_):
        raise TooSlow(f"no answer after {SECONDS} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = read(path)
        except (ValueError, OSError) as error:
            text, found = str(error), None
            assert "\n" not in text and len(text) < LONGEST_SENTENCE and (path.name in text or "frame" in text), text
        finally:
            signal.alarm(0)
    assert not warned, [str(warning.message) for warning in warned]
    return found


@pytest.fixture(autouse=True)
def quiet(request, capfd, monkeypatch, tmp_path_factory):
    """Readers say no more than what they guess, and keep what they have parsed apart from other tests."""
    if not hasattr(signal, "SIGALRM"):
        pytest.skip("needs a system with alarms")
    monkeypatch.setenv("POSE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    yield
    said = capfd.readouterr().err.splitlines()
    assert all(line.startswith("note: ") for line in said) or "command" in request.node.name


@pytest.fixture
def generator(request):
    print(f"FUZZ_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files(name, tmp_path, generator):
    path, (write, read) = tmp_path / name, KINDS[name]
    write(path)
    assert read(path) is not None
    whole = path.read_bytes()
    for _ in range(5 * TIMES):
        path.write_bytes(damaged(whole, generator))
        attempt(read, path)


@pytest.mark.parametrize("name", FOLDERS)
def test_damaged_files_of_human36m(name, tmp_path, generator):
    folder = FOLDERS[name](tmp_path / "h36m", RECORDINGS)
    path, whole = folder / name, (folder / name).read_bytes()
    for _ in range(3 * TIMES):
        path.write_bytes(damaged(whole, generator))
        attempt(lambda path: load_h36m(folder, ["S9"]), path)


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith(".json")])
def test_junk_in_json(name, tmp_path, generator):
    path, (write, read) = tmp_path / name, KINDS[name]
    write(path)
    tree = json.loads(path.read_text())
    for _ in range(8 * TIMES):
        path.write_text(json.dumps(with_junk(tree, generator)))
        attempt(read, path)


@pytest.mark.parametrize("name", KINDS)
def test_files_of_another_kind(name, tmp_path):
    for other, (write, _) in KINDS.items():
        write(tmp_path / other)
        content = (tmp_path / other).read_bytes()
        (tmp_path / other).unlink()
        (tmp_path / name).write_bytes(content)
        attempt(KINDS[name][1], tmp_path / name)
        (tmp_path / name).unlink()


def test_a_checkpoint_with_junk(tmp_path, generator):
    write_checkpoint(tmp_path / "run.ckpt")
    whole = torch.load(tmp_path / "run.ckpt", weights_only=True)
    for _ in range(10 * TIMES):
        content = copy.deepcopy(whole)
        part = generator.choice((content, content["state_dict"], content["hyper_parameters"]))
        junk = generator.choice((*JUNK, torch.zeros(3, 2), torch.full((8, 34), torch.nan)))
        part[generator.choice(list(part))] = None if part is content else junk
        buffer = io.BytesIO()
        torch.save(content, buffer)
        (tmp_path / "run.ckpt").write_bytes(buffer.getvalue())
        if lifter := attempt(load_lifter, tmp_path / "run.ckpt"):
            assert lifter.lift(np.random.default_rng(0).uniform(0, 100, (3, 17, 2))).isfinite().all()


def run_command(command, flags: list[str], name: str, capfd) -> None:
    """The command ends well, or with a status and one sentence on standard error."""
    capfd.readouterr()
    try:
        status = attempt(lambda path: command(flags), Path(name))
    except SystemExit as stop:
        status = stop.code
    shown = capfd.readouterr()
    assert "Traceback" not in shown.err, flags
    if status:
        assert shown.err.startswith(f"{name}: ") and shown.err.count("\n") == 1 and shown.out == "", (flags, shown)


def flags_of(parser) -> list[str]:
    return [action.option_strings[-1] for action in parser._actions if action.option_strings and action.dest != "help"]


def test_any_flags_of_the_training_command(generator, capfd, tmp_path, monkeypatch):
    """Parsed only: what they name is not trained on."""
    monkeypatch.chdir(tmp_path)
    for _ in range(40 * TIMES):
        flags = [f"{generator.choice(flags_of(build_parser()))}={generator.choice(WORDS)}" for _ in range(2)]
        run_command(lambda flags: parse_config(flags) and 0, flags, "main.py", capfd)


@pytest.mark.parametrize("flag", ["--train_data", "--data_dir", "--resume", "--evaluate"])
def test_any_path_for_the_training_command(flag, generator, capfd, tmp_path, monkeypatch):
    """Up to the first step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "make_trainer", lambda *arguments: (_ for _ in ()).throw(ValueError("enough")))
    for name, (write, _) in KINDS.items():
        write(tmp_path / name)
    small = ["--gpus=0", "--width=8", "--lifter_blocks=1", "--logger=none", "--synthetic_poses=64", "--batch_size=16"]
    for word in (*generator.sample(WORDS, 5), *generator.sample(sorted(KINDS), 3)):
        run_command(main.main, [f"{flag}={word}", "--val_data=synthetic", *small], "main.py", capfd)


def test_any_flags_of_the_demo(generator, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (write, _) in KINDS.items():
        write(tmp_path / name)
    for _ in range(10 * TIMES):
        flag = generator.choice(flags_of(build_demo_parser()))
        flags = [f"{flag}={generator.choice((*WORDS, *KINDS))}", "--estimators_dir=nowhere"]
        run_command(demo.main, flags, "demo.py", capfd)
