"""The domain adapter finds where another data set marks its joints, from 2D poses that have no partner there."""

import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models import adapter
from utils.config import Config
from utils.normalization import pixels_to_norm
from utils.skeleton import INDEX


@pytest.fixture
def small(monkeypatch):
    for name, value in {"WIDTH": 64, "STEPS": 600, "BATCH": 128, "LEARNING_RATE": 1e-3}.items():
        monkeypatch.setattr(adapter, name, value)


def spine_high(poses_px):
    """Poses whose spine is marked far up, as MPII does."""
    poses_px = poses_px.clone()
    poses_px[:, INDEX["spine"]] += 0.8 * (poses_px[:, INDEX["thorax"]] - poses_px[:, INDEX["spine"]])
    return poses_px


def test_joints_marked_elsewhere_are_moved_there_and_the_others_stay(small, tmp_path):
    target, source = load_synthetic(2000, 1), load_synthetic(2000, 2)
    source.poses_px["gt"] = spine_high(source.poses_px["gt"])
    config = Config().updated({"adapt_to": "synthetic", "synthetic_poses": 2000, "discriminator_width": 64, "seed": 1})
    moved = adapter.adapted(config, source)
    assert len(moved) == len(source) and target.name in moved.name
    true, before, after = (
        pixels_to_norm(poses.poses_px["gt"])[0] for poses in (load_synthetic(2000, 2), source, moved)
    )
    off = [(poses - true).norm(dim=-1).mean(dim=0) for poses in (before, after)]
    spine = INDEX["spine"]
    assert off[1][spine] < 0.65 * off[0][spine]
    assert off[1].mean() < off[0].mean()


def test_without_the_flag_nothing_changes():
    poses = load_synthetic(64, 0)
    assert adapter.adapted(Config(), poses) is poses


def test_the_same_seed_gives_the_same_poses_and_leaves_random_numbers_alone(small, monkeypatch):
    monkeypatch.setattr(adapter, "STEPS", 3)
    config, poses = Config().updated({"adapt_to": "synthetic", "synthetic_poses": 300}), load_synthetic(300, 2)
    state = torch.get_rng_state()
    first, second = (adapter.adapted(config, poses).poses_px["gt"] for _ in range(2))
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), state)


def test_missing_poses_are_named_by_their_flag(tmp_path):
    config = Config().updated({"adapt_to": str(tmp_path / "absent.json")})
    with pytest.raises(ValueError, match=r"^--adapt_to .*absent\.json"):
        adapter.adapted(config, load_synthetic(64, 0))
