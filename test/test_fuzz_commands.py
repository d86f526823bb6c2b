"""Both command lines with any flags, paths and notes of earlier runs: see test_fuzz.py."""

import json
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from fuzzing import attempt as attempt
from fuzzing import fuzz, needs_linux
from hypothesis import strategies as st
from mangling import JUNK, PATHS, json_texts
from PIL import Image
from samples_keypoints import flat, standing
from specimens import CHECKPOINT_FILES, WHOLE

import demo
import main as training
from datasets import loading
from utils.config import build_parser, parse_options
from utils.demo.options import DemoOptions

pytestmark = needs_linux


@fuzz(note=st.one_of(json_texts([{"options": {"width": 8, "renormalise": False, "logger": "none"}}]),
                     st.dictionaries(st.sampled_from(sorted(vars(build_parser().parse_args([])))), JUNK, max_size=3)
                     .map(lambda options: json.dumps({"options": options}).encode())))  # fmt: skip
def test_notes(attempt, capfd, tmp_path, note):
    """A resumed run's options come from a file."""
    folder = tmp_path / "version_0" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "last.ckpt").touch()
    (folder.parent / "options.json").write_bytes(note)
    attempt.command(parsed, ["--resume", folder / "last.ckpt"], capfd)


def parsed(argv):
    """Parses main.py's flags; whatever comes out must be something that the flags allow."""
    options = parse_options(argv)
    for action in build_parser()._actions:
        value = getattr(options, action.dest, None)
        assert action.choices is None or value is None or value in action.choices
        if action.type is not None and value is not None:
            assert action.type(str(value)) == value


VALUES = st.one_of(
    st.sampled_from(("", "nan", "inf", "-inf", "-1", "1e309", "1e-400", "0", "1", "2", "0.5", "x", "٣", "1_0", "0x10",
                     "9" * 5000, "\0", "two\nlines", "none", "synthetic", "mpii", "h36m", "both")),
    st.sampled_from(PATHS),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.text(max_size=5),
)  # fmt: skip


FLAGS = [action.option_strings[0] for action in build_parser()._actions if action.dest != "help"]


@fuzz(flags=st.lists(st.tuples(st.sampled_from([*FLAGS, "--no-renormalise", "-h", "--nothing"]), VALUES), max_size=3),
      joined=st.booleans())  # fmt: skip
def test_options(attempt, capfd, flags, joined):
    argv = [f"{name}={value}" for name, value in flags] if joined else [word for pair in flags for word in pair]
    attempt.command(lambda argv: parsed(argv) if "-h" not in argv else 0, argv, capfd)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A current folder with all that can be named where a file is wanted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "SYNTHETIC_VAL_POSES", 64)
    for name, content in WHOLE.items():
        Path(name).write_bytes(content)
    for name in ("folder", "folder.png", "folder.mp4", "új képek"):
        Path(name).mkdir()
    for ending in ("", ".png", ".mp4", ".json", ".ckpt", ".npy"):
        os.mkfifo(f"fifo{ending}")
    os.mkfifo("folder/a.png")
    os.mkfifo("új képek/mpii_poses.npy")
    Path("torn.ckpt").write_bytes(CHECKPOINT_FILES[0][:-50])
    Path("empty.png").touch()
    Path("lonely").symlink_to("nowhere")
    Image.fromarray(np.full((300, 250, 3), 180, np.uint8)).save("photo.png")
    Path("points.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": flat(standing())}]}))
    return sorted(map(str, Path().rglob("*")))


PLACES = st.one_of(st.integers(0, 40), st.sampled_from(PATHS))


SMALL = ["--gpus=0", "--width=8",
         "--lifter_blocks=1", "--discriminator_blocks=1", "--discriminator_width=8", "--logger=none",
         "--synthetic_poses=64", "--batch_size=16", "--max_epochs=1"]  # fmt: skip


PATH_FLAGS = ("--train_data", "--data_dir", "--resume", "--skeleton", "--val_data", "--evaluate", "--results")


def named(place, where):
    return place[where % len(place)] if isinstance(where, int) else where


@fuzz(flags=st.lists(st.tuples(st.sampled_from(PATH_FLAGS), PLACES), min_size=1, max_size=2))
def test_training(attempt, capfd, monkeypatch, place, flags):
    """Everything up to the first step of training."""

    class Stop(Exception):
        pass

    def begin(*_, **__):
        raise Stop

    def run(argv):
        try:
            return training.main(argv)
        except Stop:
            capfd.readouterr()
            return 0

    monkeypatch.setattr(training, "write_note", begin)
    given = [f"{flag}={named(place, where)}" for flag, where in flags]
    attempt.command(run, [*given, *SMALL], capfd)


@fuzz(where=PLACES, results=PLACES, val_data=PLACES)
def test_evaluation(attempt, capfd, place, where, results, val_data):
    given = [f"--evaluate={named(place, where)}", f"--results={named(place, results)}.json"]
    attempt.command(training.main, [*given, f"--data_dir={named(place, val_data)}"], capfd, silent=False)


SMALL_LIFTER = "--ckpt=some.ckpt"


DEMO_FLAGS = [f"--{item.name}" for item in fields(DemoOptions)]


@pytest.fixture
def quick(monkeypatch):
    """The demo without its drawings."""
    view = np.zeros((480, 480, 3), np.uint8)
    monkeypatch.setattr("utils.demo.outputs.write_views", lambda folder, prefix, person: [view] * 3)


@fuzz(source=PLACES, keypoints=st.one_of(st.none(), PLACES), ckpt=st.one_of(st.none(), PLACES))
def test_demo(attempt, capfd, place, quick, source, keypoints, ckpt):
    given = [f"--input={named(place, source)}", "--out=out", "--estimators_dir=nowhere"]
    given += [] if keypoints is None else [f"--keypoints={named(place, keypoints)}"]
    given += [SMALL_LIFTER] if ckpt is None else [f"--ckpt={named(place, ckpt)}"]
    attempt.command(demo.main, given, capfd)


@fuzz(flags=st.lists(st.tuples(st.sampled_from(DEMO_FLAGS), VALUES), min_size=1, max_size=2))
def test_demo_flags(attempt, capfd, place, quick, flags):
    given = ["--input=photo.png", "--keypoints=points.json", SMALL_LIFTER, "--out=out"]
    attempt.command(demo.main, [*given, *(f"{name}={value}" for name, value in flags)], capfd)
