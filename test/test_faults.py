"""Kills, full disks, damaged files, NaN: training survives, or says in one sentence why not. Signals: test_main.py."""

import itertools
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("resource", reason="needs a system that forks")
import faults

from models.weights import load_lifter, read_checkpoint

pytestmark = pytest.mark.slow

RUN_DIR = Path("lightning_logs") / "version_0"
LAST = RUN_DIR / "checkpoints" / "last.ckpt"
TINY = [
    "--gpus=0", "--width=16", "--discriminator_width=16", "--lifter_blocks=0", "--discriminator_blocks=0",
    "--train_data=synthetic", "--val_data=synthetic", "--synthetic_poses=220", "--batch_size=64", "--max_epochs=3",
    "--logger=none",
]  # fmt: skip
SEED = 20190616
"""Of the moments of the kills; change it to try others."""


class Machine:
    """Folders in which runs are started, and what becomes of them."""

    def __init__(self, root: Path, context) -> None:
        self.root, self.context, self.numbers = root, context, itertools.count()
        self.seconds = 0.0
        self.new_folder()

    def new_folder(self) -> None:
        self.folder = self.root / str(next(self.numbers))
        self.folder.mkdir()

    def run(self, flags: list[str], *wanted: tuple, kill_after: float | None = None) -> int:
        """The exit status, negative for a signal."""
        begun = time.monotonic()
        process = self.context.Process(target=faults.run_here, args=(self.folder, flags, wanted))
        process.start()
        process.join(faults.LONGEST_S if kill_after is None else kill_after)
        process.kill()
        process.join()
        self.seconds = time.monotonic() - begun
        return process.exitcode

    def go_on(self) -> list[str]:
        """The flags to go on after a kill: from last.ckpt, or from the start if there was none yet."""
        found = max(self.folder.glob("lightning_logs/*/checkpoints/last.ckpt"), default=None)
        return ["--resume", str(found.relative_to(self.folder))] if found else TINY

    def says(self, start: str) -> str:
        """The one line of standard error that begins like this; there is no traceback."""
        text = (self.folder / "err.txt").read_text()
        assert "Traceback" not in text, text
        (line,) = [line for line in text.splitlines() if line.startswith(start)]
        return line


@pytest.fixture
def machine(fork_server, tmp_path):
    return Machine(tmp_path, fork_server)


@pytest.fixture(scope="module")
def undisturbed(fork_server, tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), fork_server)
    # The first fork waits for the imports; the second tells how long a run takes.
    assert machine.run(["--max_epochs=0"]) == 2
    assert machine.run(TINY) == 0, (machine.folder / "err.txt").read_text()
    return machine


def assert_equal(one, two, where: str) -> None:
    """Bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_equal(one[key], two[key], f"{where} {key}")
    elif isinstance(one, (list, tuple)):
        assert_equal(dict(enumerate(one)), dict(enumerate(two)), where)
    else:
        assert one == two, where


def assert_undisturbed(machine: Machine, undisturbed: Machine) -> None:
    """The latest run in the machine's folder left what the undisturbed one did: equal files, no others."""
    ours, theirs = max((machine.folder / "lightning_logs").iterdir()), undisturbed.folder / RUN_DIR
    names = sorted(path.name for path in (theirs / "checkpoints").iterdir())
    assert sorted(path.name for path in (ours / "checkpoints").iterdir()) == names
    for name in names:
        one, two = (read_checkpoint(folder / "checkpoints" / name) for folder in (ours, theirs))
        for part in ("state_dict", "optimizer_states"):
            assert_equal(one[part], two[part], f"{name} {part}")
    for name in ("results-best.json", "results-last.csv"):
        assert (ours / name).read_text() == (theirs / name).read_text(), name
    assert_equal(load_lifter(ours / "lifter.pt").state_dict(), load_lifter(theirs / "lifter.pt").state_dict(), "lifter")
    assert not list(ours.glob(".*.partial"))


def test_after_twelve_kills_every_run_ends_as_if_undisturbed(machine, undisturbed):
    """Each folder's run is killed, goes on, is killed again, and goes on to its end."""
    generator = random.Random(SEED)
    for _ in range(6):
        history = []
        for _ in range(2):
            if generator.random() < 0.5:
                wanted, moment = [], generator.uniform(0, undisturbed.seconds)
            else:
                suffix, most = generator.choice(((".ckpt", 6), (".ckpt", 3), (".json", 1), (".pt", 1)))
                wanted = [("kill_while_writing", suffix, generator.randint(1, most), generator.random() < 0.5)]
                moment = None
            history.append((machine.folder, machine.go_on(), wanted, moment))
            machine.run(machine.go_on(), *wanted, kill_after=moment)
        status = machine.run(machine.go_on())
        # A kill may have come after the very last file.
        assert status == 0 or "has finished its 3 epochs" in machine.says("main.py: "), history
        assert_undisturbed(machine, undisturbed)
        machine.new_folder()


def test_a_run_killed_after_its_last_checkpoint_still_gets_its_tables(machine, undisturbed):
    assert machine.run(TINY, ("kill_while_writing", ".pt", 1, True)) == -signal.SIGKILL
    assert machine.run(machine.go_on(), ("kill_while_writing", ".json", 2, True)) == -signal.SIGKILL
    assert machine.run(machine.go_on()) == 0
    assert_undisturbed(machine, undisturbed)
    assert machine.run(machine.go_on()) == 2
    assert "has finished its 3 epochs" in machine.says("main.py: ")


def assert_stopped_with_a_good_checkpoint(machine: Machine, sentence: str) -> None:
    complaint = machine.says("main.py: ")
    assert sentence in complaint and complaint.endswith(f"go on with --resume {LAST}")
    checkpoints = list((machine.folder / LAST.parent).iterdir())
    assert machine.folder / LAST in checkpoints
    for path in checkpoints:
        assert all(value.isfinite().all() for value in load_lifter(path).state_dict().values())


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (("full_disk", ".ckpt", 6), "no space left on device"),
        (("full_disk", ".pt", 1), "no space left on device"),
        (("limit_file_size", 20_000), "file too large"),
    ],
)
def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(machine, undisturbed, fault, sentence):
    assert machine.run(TINY, fault) == 1
    assert_stopped_with_a_good_checkpoint(machine, sentence)
    assert machine.run(machine.go_on()) == 0
    assert_undisturbed(machine, undisturbed)


@pytest.mark.parametrize(
    ("step", "gradient_only", "then"),
    [(1, False, 0), (2, True, 0), (1, True, signal.SIGTERM)],
    ids=["in a loss", "in the last gradient", "before a signal"],
)
def test_nan_never_replaces_a_good_checkpoint(machine, undisturbed, step, gradient_only, then):
    assert machine.run(TINY, ("nan_in_loss", 1, step, gradient_only, then)) == 1
    assert_stopped_with_a_good_checkpoint(machine, "lower --gen_lr")
    assert machine.run(machine.go_on()) == 0
    assert_undisturbed(machine, undisturbed)


@pytest.mark.parametrize("how", ["truncated", "one bit"])
def test_a_damaged_checkpoint_is_refused(machine, undisturbed, how):
    shutil.copytree(undisturbed.folder / "lightning_logs", machine.folder / "lightning_logs")
    path = machine.folder / LAST
    weight = read_checkpoint(path)["state_dict"]["lifter_ema.network.0.weight"].numpy().tobytes()
    content = bytearray(path.read_bytes())
    if how == "one bit":
        content[content.index(weight) + 5] ^= 4
    path.write_bytes(content[: len(content) // 2] if how == "truncated" else content)
    for flags in (["--resume", str(LAST), "--max_epochs=4"], ["--evaluate", str(LAST)]):
        assert machine.run(flags) == 2
        assert machine.says("main.py: ").startswith(f"main.py: {LAST} is damaged")


def test_a_logger_that_fails_costs_one_warning(machine, undisturbed):
    assert machine.run([*TINY, "--logger=tensorboard"], ("tensorboard_gone",)) == 0
    assert machine.says("warning: ").startswith(f"warning: TensorBoard in {RUN_DIR} fails (")
    assert_undisturbed(machine, undisturbed)
