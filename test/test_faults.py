"""Kills, full disks, damaged files, clocks and data that change: training survives, or says in one sentence why not.

Each fault is real or put in just below the code under test (faults.py), in a process of its own (fault_server.py).
"""

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from datasets import cache
from datasets.synthetic.people import load_synthetic
from models.weights import load_lifter, read_checkpoint

HERE = Path(__file__).parent
LOGS = Path("lightning_logs")
RUN_DIR = LOGS / "version_0"
LAST = RUN_DIR / "checkpoints" / "last.ckpt"
TINY = [
    "--gpus=0", "--width=16", "--discriminator_width=16", "--lifter_blocks=0", "--discriminator_blocks=0",
    "--train_data=synthetic", "--val_data=synthetic", "--synthetic_poses=220", "--batch_size=64", "--max_epochs=3",
    "--logger=tensorboard",
]  # fmt: skip
SEED = 20190616
"""Of the moments of the kills; change it to try others."""
KILLS = {"moment": 10, "checkpoint": 6, "log": 4}


class Machine:
    """Folders in which runs are started, and what becomes of them."""

    def __init__(self, root: Path, server: subprocess.Popen) -> None:
        self.root, self.server, self.numbers = root, server, itertools.count()
        self.folder, self.seconds = root, 0.0

    def new_folder(self) -> Path:
        self.folder = self.root / str(next(self.numbers))
        self.folder.mkdir()
        return self.folder

    def run(self, flags: list[str], *faults: tuple, kill_after: float | None = None) -> int:
        self.ask({"folder": str(self.folder), "flags": flags, "faults": faults, "kill_after": kill_after})
        answer = json.loads(self.server.stdout.readline())
        self.seconds = answer["seconds"]
        return answer["status"]

    def ask(self, job: object) -> None:
        self.server.stdin.write(json.dumps(job) + "\n")
        self.server.stdin.flush()

    def err(self) -> str:
        return (self.folder / "err.txt").read_text()

    def says(self, start: str) -> list[str]:
        """The lines of standard error that begin like this; a traceback is never among them."""
        assert "Traceback" not in self.err(), self.err()
        return [line for line in self.err().splitlines() if line.startswith(start)]

    def complaint(self) -> str:
        """The one sentence after which the run ended."""
        (line,) = self.says("main.py: ")
        return line


@pytest.fixture(scope="module")
def server():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    command = [sys.executable, str(HERE / "fault_server.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """An uninterrupted run."""
    machine = Machine(tmp_path_factory.mktemp("undisturbed"), server)
    machine.new_folder()
    assert machine.run(TINY) == 0, machine.err()
    return machine


@pytest.fixture
def machine(server, tmp_path):
    machine = Machine(tmp_path, server)
    machine.new_folder()
    return machine


def assert_same_run(ours: Path, theirs: Path) -> None:
    """Equal checkpoints under equal names, bit for bit, optimizers included; and nothing else lies there."""
    names = sorted(path.name for path in theirs.iterdir())
    assert sorted(path.name for path in ours.iterdir()) == names
    for name in names:
        one, two = read_checkpoint(ours / name), read_checkpoint(theirs / name)
        for part in ("state_dict", "optimizer_states"):
            assert_equal(one[part], two[part], f"{name} {part}")


def assert_equal(one, two, where: str) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, two), where
    elif isinstance(one, dict):
        assert one.keys() == two.keys(), where
        for key in one:
            assert_equal(one[key], two[key], f"{where} {key}")
    elif isinstance(one, (list, tuple)):
        for number, (left, right) in enumerate(zip(one, two, strict=True)):
            assert_equal(left, right, f"{where} {number}")
    else:
        assert one == two, where


def newest_run(folder: Path) -> Path:
    runs = (folder / LOGS).glob("version_*")
    return max(runs, key=lambda path: int(path.name.removeprefix("version_")), default=folder / RUN_DIR)


def go_on(machine: Machine) -> list[str]:
    """The flags to go on after a kill: from last.ckpt, or from the start if there was none yet."""
    last = newest_run(machine.folder) / "checkpoints" / "last.ckpt"
    return ["--resume", str(last.relative_to(machine.folder))] if last.is_file() else TINY


def assert_undisturbed(machine: Machine, undisturbed: Machine) -> None:
    ours, theirs = newest_run(machine.folder), undisturbed.folder / RUN_DIR
    assert_same_run(ours / "checkpoints", theirs / "checkpoints")
    for name in ("results-best.json", "results-last.csv"):
        assert (ours / name).read_text() == (theirs / name).read_text(), name
    assert_equal(load_lifter(ours / "lifter.pt").state_dict(), load_lifter(theirs / "lifter.pt").state_dict(), "small")
    assert not list(ours.glob(".*.partial"))


def plan(kind: str, generator: random.Random, seconds: float) -> tuple[list[tuple], float | None]:
    """Faults and moment of a kill."""
    if kind == "moment":
        return [], generator.uniform(0, seconds)
    if kind == "log":
        return [("kill_while_logging", generator.randint(1, 6), generator.choice(("before", "half", "after")))], None
    suffix, most = generator.choice(((".ckpt", 6), (".ckpt", 6), (".json", 1), (".pt", 1)))
    moment = generator.choice(("half", "written", "renamed"))
    return [("kill_while_writing", suffix, generator.randint(1, most), moment)], None


def test_after_twenty_kills_every_run_ends_as_if_undisturbed(machine, undisturbed):
    """Each folder's run is killed, goes on, is killed again, and goes on to its end."""
    generator = random.Random(SEED)
    waiting = [kind for kind, count in KILLS.items() for _ in range(count)]
    generator.shuffle(waiting)
    killed, here, history = 0, 0, []
    while waiting:
        faults, moment = plan(waiting[-1], generator, undisturbed.seconds)
        history.append(f"{machine.folder.name}: {go_on(machine)[:2]} {faults} {moment}")
        status = machine.run(go_on(machine), *faults, kill_after=moment)
        if status == -signal.SIGKILL:
            waiting.pop()
            killed, here = killed + 1, here + 1
        if status != -signal.SIGKILL or here == 2 or not waiting:
            if status == -signal.SIGKILL:
                status = machine.run(go_on(machine))
            # A kill may have come after the very last file.
            assert status == 0 or "has finished its 3 epochs" in machine.complaint(), (SEED, history, machine.err())
            try:
                assert_undisturbed(machine, undisturbed)
            except AssertionError as difference:
                raise AssertionError(f"seed {SEED}, {history}") from difference
            here = 0
            machine.new_folder()
        assert len(history) < 60
    assert killed == sum(KILLS.values())


def test_a_run_killed_after_its_last_checkpoint_still_gets_its_tables(machine, undisturbed):
    assert machine.run(TINY, ("kill_while_writing", ".pt", 1, "half")) == -signal.SIGKILL
    assert machine.run(["--resume", str(LAST)], ("kill_while_writing", ".json", 1, "half")) == -signal.SIGKILL
    assert machine.run(["--resume", str(LAST)]) == 0
    assert_undisturbed(machine, undisturbed)
    assert machine.run(["--resume", str(LAST)]) == 2
    assert "has finished its 3 epochs" in machine.complaint()


def test_curves_are_whole_after_a_kill_in_the_midst_of_a_record(machine, undisturbed):
    assert machine.run(TINY, ("kill_while_logging", 4, "half")) == -signal.SIGKILL
    assert machine.run(go_on(machine)) == 0
    curves = []
    for folder in (machine.folder, undisturbed.folder):
        events = EventAccumulator(str(folder / RUN_DIR))
        events.Reload()
        curves.append({point.step: point.value for point in events.Scalars("val_mpjpe_epoch")})
    assert curves[0] == curves[1] and len(curves[0]) == 3


def assert_stopped_with_a_good_checkpoint(machine: Machine, sentence: str) -> None:
    assert sentence in machine.complaint() and machine.complaint().endswith(f"go on with --resume {LAST}")
    checkpoints = machine.folder / LAST.parent
    assert LAST.name in {path.name for path in checkpoints.iterdir()}
    for path in checkpoints.iterdir():
        assert path.suffix == ".ckpt", path
        assert all(value.isfinite().all() for value in load_lifter(path).state_dict().values())


@pytest.mark.parametrize(
    "fault",
    [("full_disk_from_write", ".ckpt", 6), ("full_disk_from_write", ".pt", 1), ("limit_file_size", 20_000)],
    ids=["no space for a checkpoint", "no space for the last file", "file too large"],
)
def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(machine, undisturbed, fault):
    flags = [*TINY, "--logger=none"]
    assert machine.run(flags, fault) == 1
    words = {"full_disk_from_write": "no space left on device", "limit_file_size": "file too large"}[fault[0]]
    assert_stopped_with_a_good_checkpoint(machine, words)
    assert machine.run(go_on(machine)) == 0
    assert_undisturbed(machine, undisturbed)


def test_a_real_disk_that_fills_up(machine, tmp_path):
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root can mount a disk")
    (tmp_path / "disk").mkdir()
    status = machine.run([*TINY, "--logger=none"], ("small_disk", str(tmp_path / "disk"), 120))
    if "not permitted" in machine.err():
        pytest.skip("this container may not mount a disk")
    assert status == 1
    assert "the run stopped: no space left on device" in machine.complaint()


@pytest.fixture
def damaged(machine, undisturbed, monkeypatch):
    """The folder of a finished run, as the current one; a function that damages its last.ckpt."""
    subprocess.run(["cp", "-r", str(undisturbed.folder / LOGS), str(machine.folder)], check=True)
    monkeypatch.chdir(machine.folder)
    whole, content = LAST.read_bytes(), read_checkpoint(LAST)
    weight = content["state_dict"]["lifter_ema.network.0.weight"].numpy().tobytes()
    torch.save({**content, "global_step": 1}, LAST.with_name("an-older-one.ckpt"))

    def damage(how: str) -> None:
        content = bytearray(whole[: len(whole) // 2] if how == "truncated" else whole)
        if how == "flipped":
            content[content.index(weight) + 5] ^= 4
        LAST.write_bytes(content)

    return damage


@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_offered(machine, damaged, how, capsys):
    import demo

    damaged(how)
    before = max(LAST.parent.glob("*-epoch=*.ckpt"), key=lambda path: (path.stem[-1], path.name.startswith("best")))
    offered = f"{LAST} is damaged or not a checkpoint; use {before}"
    for flags in (["--resume", str(LAST), "--max_epochs=4"], ["--evaluate", str(LAST)]):
        assert machine.run(flags) == 2
        assert machine.complaint() == f"main.py: {offered}"
    assert demo.main(["--ckpt", str(LAST), "--input", str(HERE / "input_sample.png")]) == 2
    assert capsys.readouterr().err == f"demo.py: {offered}\n"
    assert machine.run(["--resume", str(before), "--max_epochs=4"]) == 0
    for path in LAST.parent.glob("*-*.ckpt"):
        path.write_bytes(b"")
    damaged(how)
    with pytest.raises(ValueError, match="no good one lies beside it"):
        load_lifter(LAST)


def test_a_flipped_bit_is_refused_or_changes_nothing(damaged):
    """At random places of the whole file, and at places of its directory, which no check sum covers."""
    generator, whole, ours, refused = random.Random(SEED), LAST.read_bytes(), read_checkpoint(LAST), 0
    directory = [match.start() for match in re.finditer(b"PK\x01\x02", whole)]
    places = [generator.randrange(len(whole)) for _ in range(30)]
    places += [generator.choice(directory) + generator.randrange(46) for _ in range(20)]
    flips = [(place, generator.randrange(8)) for place in places]
    # Flags by which an entry is a folder, and so empty, or compressed.
    flips += [(entry + offset, bit) for entry in directory[::4] for offset, bit in ((38, 4), (10, 3))]
    for place, bit in flips:
        content = bytearray(whole)
        content[place] ^= 1 << bit
        LAST.write_bytes(content)
        try:
            assert_equal(read_checkpoint(LAST)["state_dict"], ours["state_dict"], f"bit {bit} of byte {place}")
        except ValueError as error:
            assert str(LAST) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 30


@pytest.fixture(scope="module")
def mlflow_database(server, tmp_path_factory):
    """One that is there already: making it takes MLflow seconds."""
    machine = Machine(tmp_path_factory.mktemp("mlflow"), server)
    machine.new_folder()
    machine.ask("mlflow.store.tracking.sqlalchemy_store")
    assert machine.run([*TINY, "--logger=mlflow", "--max_epochs=1"]) == 0, machine.err()
    return machine.folder / "mlflow.db"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("mlflow_locked", "database is locked"),
        ("mlflow_gone", "attempt to write a readonly database"),
    ],
)
def test_mlflow_failing_costs_one_warning(machine, undisturbed, mlflow_database, fault, reason):
    shutil.copy(mlflow_database, machine.folder)
    assert machine.run([*TINY, "--logger=mlflow"], ("impatient",), (fault,)) == 0, machine.err()
    (warning,) = machine.says("warning: ")
    assert warning.startswith(f"warning: MLflow at sqlite:///mlflow.db fails ({reason}")
    assert warning.endswith("); training goes on without it")
    assert_undisturbed(machine, undisturbed)


def test_tensorboard_failing_costs_one_warning(machine, undisturbed):
    assert machine.run(TINY, ("tensorboard_gone",)) == 0, machine.err()
    (warning,) = machine.says("warning: ")
    assert warning.startswith(f"warning: TensorBoard in {RUN_DIR} fails (") and "directory" in warning
    assert_undisturbed(machine, undisturbed)


def poses(seed: int, count: int = 200) -> np.ndarray:
    return load_synthetic(count, seed).poses_px["gt"].reshape(count, 34).double().numpy()


@pytest.fixture
def with_file(machine):
    """Flags for training on a file."""
    np.save(machine.folder / "mine.npy", poses(1))
    np.save(machine.folder / "others.npy", poses(2))
    return [*TINY, "--train_data=mine.npy", "--logger=none"]


def test_people_with_a_nan_are_left_out_and_counted(machine, with_file):
    """NaN is how keypoints say "not seen": one costs its person, not the run."""
    spoilt = np.insert(poses(1), 17, np.nan, axis=0)
    spoilt[17, 3:] = 1.0
    for name, content in (("whole", poses(1)), ("spoilt", spoilt)):
        np.save(machine.folder / "mine.npy", content)
        assert machine.run([*with_file, "--max_epochs=1"]) == 0
        assert (", 1 left out" in machine.err()) == (name == "spoilt")
    logs = machine.folder / LOGS
    assert_same_run(logs / "version_0" / "checkpoints", logs / "version_1" / "checkpoints")
    np.save(machine.folder / "mine.npy", np.full((200, 34), np.nan))
    assert machine.run(with_file) == 2
    assert machine.complaint().startswith("main.py: mine.npy has no person with all the points")


@pytest.mark.parametrize(
    ("step", "gradient_only", "then"),
    [(1, False, 0), (2, True, 0), (1, True, signal.SIGTERM)],
    ids=["in a loss", "in the last gradient", "before a signal"],
)
def test_nan_never_replaces_a_good_checkpoint(machine, undisturbed, step, gradient_only, then):
    assert machine.run(TINY, ("nan_in_loss", 1, step, gradient_only, then)) == 1
    assert_stopped_with_a_good_checkpoint(machine, "in epoch 2; lower --gen_lr")
    assert machine.run(go_on(machine)) == 0
    assert_undisturbed(machine, undisturbed)


@pytest.mark.parametrize("fault", [("jumping_clock",), ("clock_set", -2e9)], ids=["jumps", "before 1970"])
def test_the_clock_does_not_matter(machine, undisturbed, fault):
    assert machine.run(TINY, fault, ("kill_while_writing", ".ckpt", 5, "written")) == -signal.SIGKILL
    assert machine.run(go_on(machine), fault) == 0, machine.err()
    assert_undisturbed(machine, undisturbed)


def test_training_data_may_change_under_a_run_and_resuming_says_so(machine, with_file):
    assert machine.run(with_file) == 0
    (machine.folder / "twice.npy").write_bytes((machine.folder / "others.npy").read_bytes())
    assert machine.run(with_file, ("data_file_changes", "mine.npy", "twice.npy")) == 0
    logs = machine.folder / LOGS
    assert_same_run(logs / "version_1" / "checkpoints", logs / "version_0" / "checkpoints")
    assert machine.run(["--resume", str(LAST), "--max_epochs=4"]) == 2
    assert machine.complaint().startswith("main.py: mine.npy is truncated")
    np.save(machine.folder / "mine.npy", poses(1))
    assert machine.run(["--resume", str(LAST), "--max_epochs=4"]) == 0 and not machine.says("warning: ")
    np.save(machine.folder / "mine.npy", poses(2))
    assert machine.run(["--resume", str(LAST), "--max_epochs=5"]) == 0
    (warning,) = machine.says("warning: ")
    notes = [json.loads((machine.folder / RUN_DIR / f"options-{number}.json").read_text()) for number in (1, 2)]
    assert all(note["training_sha256"][:12] in warning for note in notes) and "mine.npy" in warning


def test_what_a_killed_writer_leaves_in_the_cache_goes_with_the_next(machine, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    for _ in range(2):
        assert machine.run([], ("kill_while_caching", str(folder))) == -signal.SIGKILL
        (left,) = folder.iterdir()
        assert left.suffix == ".part"
    monkeypatch.setenv("POSE_CACHE_DIR", str(folder))
    with (folder / f"{cache.PREFIX}live.part").open("wb") as live:
        cache._lock(live)
        assert (cache.cached("key", lambda: {"poses": np.arange(3)}, tmp_path / "data")["poses"] == range(3)).all()
        assert sorted(path.suffix for path in folder.iterdir()) == [".npz", ".part"]
        assert not left.exists()
