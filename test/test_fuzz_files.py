"""Pictures, videos, keypoints, checkpoints and estimators: see test_fuzz.py."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import attempt as attempt
from fuzzing import fuzz, is_picture, needs_linux
from hypothesis import strategies as st
from mangling import JUNK, damaged, json_texts, png_files, with_junk
from samples_pickles import Attack
from specimens import CHECKPOINT_FILES, CHECKPOINTS, PEOPLE, PICTURES, PIXELS, TINY, TREES, clip, put

from models.detectors.loading import FILES, load_detector
from models.gan import PoseGAN
from models.weights import check_resumable, load_lifter
from utils.demo.images import read_picture
from utils.demo.video import VideoFrames
from utils.keypoints import read_keypoints
from utils.skeleton import NUM_JOINTS

pytestmark = needs_linux


@fuzz(content=json_texts(list(TREES.values())))
def test_key_points(attempt, tmp_path, content):
    people = attempt(lambda path: read_keypoints(path, "a.png"), put(tmp_path / "people.json", content))
    for person in people or []:
        assert person.points_px.shape == (len(person.confidence), 2)
        assert np.isfinite(person.points_px).all() and ((person.confidence >= 0) & (person.confidence <= 1)).all()
        assert 0 <= person.score <= 1 and np.isfinite(person.size_px)


@fuzz(content=png_files())
def test_pictures(attempt, tmp_path, content):
    is_picture(attempt(read_picture, put(tmp_path / "picture.png", content)))


@fuzz(content=damaged(PICTURES))
def test_pictures_damaged(attempt, tmp_path, content):
    is_picture(attempt(read_picture, put(tmp_path / "picture.png", content)))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("clips")
    paths = [folder / "a.avi", folder / "a.mp4"]
    for path, code in zip(paths, ("MJPG", "mp4v"), strict=True):
        clip(path, code)
    return [path.read_bytes() for path in paths]


@fuzz(data=st.data())
def test_videos(attempt, clips, tmp_path, data):
    path = put(tmp_path / "clip.mp4", data.draw(damaged(clips)))
    frames = attempt(lambda path: list(VideoFrames(path, limit=20)), path)
    for seconds, picture in frames or []:
        assert np.isfinite(seconds)
        is_picture(picture)


SYSTEM = PoseGAN(**TINY)
TENSORS = st.sampled_from(
    [
        *(torch.full((8, 34), value) for value in (torch.nan, torch.inf, -torch.inf, 3e38)),
        *(torch.full((8,), value) for value in (torch.nan, -1.0)),
        *(torch.zeros(8, 34, dtype=kind) for kind in (torch.cfloat, torch.int64, torch.bool)),
        torch.zeros(8, 34).to_sparse(),
        torch.zeros(8, 34, device="meta"),
        torch.zeros(8, 34, requires_grad=True),
        torch.zeros(1).expand(8, 34),
        torch.zeros(1).half().expand(10**6, 500),
        torch.zeros(()),
        torch.zeros(3, 2),
        Attack(os.system, "touch escaped"),
        Attack(eval, "open('escaped', 'w')"),
    ]
)
POSE_PX = torch.from_numpy(PIXELS).float().reshape(PEOPLE, NUM_JOINTS, 2)


def can_lift(lifter):
    if lifter is not None:
        assert lifter.for_inference().lift(POSE_PX).isfinite().all()


@fuzz(tree=with_junk(CHECKPOINTS, st.one_of(JUNK, TENSORS)), twice=st.booleans(), data=st.data())
def test_checkpoints(attempt, tmp_path, monkeypatch, tree, twice, data):
    monkeypatch.chdir(tmp_path)
    if twice and isinstance(tree, dict):
        tree = data.draw(with_junk([tree], st.one_of(JUNK, TENSORS)))
    path = tmp_path / "some.ckpt"
    torch.save(tree, path)
    can_lift(attempt(load_lifter, path))
    attempt(lambda path: check_resumable(path, SYSTEM, 4), path)
    assert not Path("escaped").exists()


@fuzz(content=damaged(CHECKPOINT_FILES))
def test_checkpoints_damaged(attempt, tmp_path, content):
    lifter = attempt(load_lifter, put(tmp_path / "some.ckpt", content))
    if lifter is not None:
        wholes = [load_lifter(put(tmp_path / "whole.ckpt", whole)).state_dict() for whole in CHECKPOINT_FILES]
        found = lifter.state_dict()
        assert any(all(torch.equal(found[name], whole[name]) for name in whole) for whole in wholes)


@fuzz(content=st.binary(max_size=200), name=st.sampled_from(list(FILES)))
def test_estimators(attempt, tmp_path, content, name):
    for file in FILES[name]:
        (tmp_path / file).write_bytes(content)
    assert attempt(lambda path: load_detector(name, path.parent), tmp_path / next(iter(FILES[name]))) is None
