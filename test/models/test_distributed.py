"""Two processes on the CPU: equal, without overlap, never stuck."""

from functools import partial

import pytest
import torch
from samples_h36m import make_world_m, write_baseline, write_cameras

from datasets.datamodule import EpochBatches, Slices
from datasets.loading import load_validation
from datasets.poseset import PoseSet
from models import gan
from utils.config import Config, DataConfig
from utils.evaluation.metrics import PoseErrors
from utils.training.runs import is_first_process

pytestmark = pytest.mark.slow

SECONDS_TO_NOTICE = 60.0


@pytest.fixture(scope="module")
def start_pair(fork_server):
    """Starts two processes in a folder, with some flags; both have ended when the block that they are used in does."""
    from pair import Pair

    return partial(Pair, fork_server)


@pytest.fixture(scope="module")
def finished(start_pair, tmp_path_factory):
    """A run of two epochs that ended well: its folder, what each process wrote down, and what each said."""
    folder = tmp_path_factory.mktemp("pair")
    with start_pair(folder, "--max_epochs", "2", "--logger", "tensorboard") as pair:
        statuses = [pair.status(rank) for rank in range(2)]
        assert statuses == [0, 0], pair.says(0) + pair.says(1)
        notes = [torch.load(folder / f"process_{rank}.pt", weights_only=True) for rank in range(2)]
        yield folder, notes, [pair.says(0), pair.says(1)]


def test_both_processes_end_with_equal_weights_and_figures(finished):
    _, (first, second), _ = finished
    assert first["metrics"] == second["metrics"]
    for name, value in first["state"].items():
        assert torch.equal(value, second["state"][name]), name


def test_the_cap_is_decided_on_the_mean_accuracy(finished):
    """Each by itself, the first process would never move its discriminator and the second always."""
    for note in finished[1]:
        moved = [moved for _, moved in note["seen"]]
        assert len(moved) == 4 and moved == [True, False] * 2


def test_each_discriminator_has_a_cap_of_its_own(start_pair, tmp_path):
    """The pair's accuracies alternate between the two: the first is always below the cap, the temporal one never."""
    recordings = {(f"S{number}", "Walking"): make_world_m(50, number) for number in (1, 5, 6, 7, 8)}
    write_cameras(write_baseline(tmp_path / "h36m", recordings, detections=False) / "cameras.h5", "15678")
    flags = ["--train_data", "h36m", "--data_dir", str(tmp_path), "--weight_temporal", "1", "--logger", "none"]
    with start_pair(tmp_path, "--max_epochs", "1", *flags) as pair:
        assert [pair.status(rank) for rank in range(2)] == [0, 0], pair.says(0) + pair.says(1)
    first, second = (torch.load(tmp_path / f"process_{rank}.pt", weights_only=True) for rank in range(2))
    for name, value in first["state"].items():
        assert torch.equal(value, second["state"][name]), name
    for note in (first, second):
        moved = [moved for _, moved in note["seen"]]
        assert len(moved) >= 4 and moved == [True, False] * (len(moved) // 2)


def test_processes_train_on_different_poses(finished):
    keys = [{row for poses, _ in note["seen"] for row in map(key, poses)} for note in finished[1]]
    assert len(keys[0]) > 128 and len(keys[1]) > 128
    # Within an epoch there is none in common, over both epochs there is.
    for epoch in (slice(0, 2), slice(2, 4)):
        first, second = ({row for poses, _ in note["seen"][epoch] for row in map(key, poses)} for note in finished[1])
        assert len(first) == len(second) == 128 and not first & second


def key(pose_norm: torch.Tensor) -> tuple[float, ...]:
    """What a pose and its mirror image share."""
    return tuple(sorted(pose_norm[:, 1].tolist()))


def test_validation_figures_are_those_of_one_process(finished):
    _, notes, _ = finished
    system = gan.PoseGAN(Config().updated({"width": 16, "lifter_blocks": 1, "discriminator_blocks": 1}))
    system.load_state_dict(notes[0]["state"])
    val_set = load_validation(DataConfig(val_data="synthetic"))
    errors = PoseErrors(val_set.action_names)
    errors.update(system.lifter_ema.eval().lift(val_set.poses_px["gt"]), val_set.poses_cam_mm, val_set.actions)
    alone = errors.compute()
    for name in ("mpjpe", "n_mpjpe", "p_mpjpe"):
        assert notes[0]["metrics"][f"val_{name}_epoch"] == pytest.approx(alone[name], rel=1e-6)


def test_one_process_writes_and_speaks(finished):
    folder, _, (first, second) = finished
    assert [path.name for path in (folder / "lightning_logs").iterdir()] == ["version_0"]
    # Their names end with the process's number and that of the file.
    assert len({path.name.rsplit(".", 2)[1] for path in folder.rglob("events.out.tfevents.*")}) == 1
    assert (folder / "lightning_logs" / "version_0" / "checkpoints" / "last.ckpt").is_file()
    assert first.count("\n2/2 ") + first.count("\n  2/2 ") == 1 and "last.ckpt" in first
    assert second == ""


def test_death_of_one_process_ends_the_other_with_a_sentence(start_pair, tmp_path):
    with start_pair(tmp_path, "--max_epochs", "100000", "--logger", "none") as pair:
        pair.wait_for(0, "2/100000 ")
        pair.kill(1)
        assert pair.status(0, SECONDS_TO_NOTICE) == 1, pair.says(0)
        assert "main.py: the run stopped: " in pair.says(0).splitlines()[-1]
        assert "Traceback" not in pair.says(0)


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_the_first_process_is_known_before_any_connection(monkeypatch, name):
    """However it was started: by torchrun, Lightning or SLURM."""
    assert is_first_process()
    monkeypatch.setenv(name, "0")
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()


@pytest.mark.parametrize("ranks", [2, 3])
def test_batches_and_slices_split_without_overlap(ranks):
    """Every pose is given out at most once an epoch, and every validation pose exactly once."""
    poses = torch.arange(100.0)[:, None, None] * torch.ones(1, 17, 2)
    parts = [EpochBatches(poses, 8, 0, 5, rank, ranks) for rank in range(ranks)]
    assert len({len(part) for part in parts}) == 1
    given = [int(pose[0, 1]) for part in parts for batch, _ in part for pose in batch]
    assert len(given) == len(set(given)) == 100 // (8 * ranks) * 8 * ranks
    seeds = [seed for part in parts for _, seed in part]
    assert len(seeds) == len(set(seeds))
    val_set = PoseSet("numbers", {"gt": poses})
    slices = [Slices(val_set, torch.device("cpu"), rank, ranks) for rank in range(ranks)]
    assert [float(p[0, 0]) for part in slices for b in part for p in b.poses_px["gt"]] == list(range(100))
