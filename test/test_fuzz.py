"""Every reader and both command lines against thousands of bad inputs.

Each input is either read, and then it is what it says it is, or refused in one sentence that names the file: no
traceback, no hang, no memory out of proportion, no wrong answer. The ordinary run tries the same inputs each time;
`make fuzz` tries 50 times as many new ones.

Hypothesis is enough here, without a coverage-guided fuzzer such as atheris: the formats' own parsers are NumPy's,
Pillow's, HDF5's and PyTorch's, fuzzed by their makers, and what is ours are the checks around them. These are reached
by files that are right in all but one respect, which strategies build better than random bytes find.
"""

import os
import pickle
import re
import resource
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from bombs import bombs
from fuzzing import INPUTS, LARGEST_GROWTH, fuzz, is_poseset, needs_linux, peak_bytes, time_limit
from fuzzing import attempt as attempt
from h36m_files import write_baseline, write_videopose3d
from hypothesis import strategies as st
from mangling import JUNK, archives, beginnings, damaged, json_texts, npy_files, with_junk
from samples_pickles import Attack
from samples_pickles import write as write_pickle
from specimens import (
    BODY,
    H5_KINDS,
    MAT,
    MATRICES,
    MPII_TREE,
    NPY,
    NPY_FILES,
    NPZ,
    PEOPLE,
    PICKLED,
    RECORDINGS,
    TREES,
    WHOLE,
    boxed,
    bytes_of,
    put,
    write_h5,
)  # fmt: skip

from datasets.arrays import open_h5, read_h5
from datasets.h36m import load_h36m
from datasets.h36m_layouts import ACTIONS, VideoPose3DLayout
from datasets.keypoints import load_keypoints
from datasets.mpii import load_mpii
from datasets.pickles import read_pickled_npz
from models.weights import load_lifter
from utils.demo.images import read_picture
from utils.skeleton import NUM_JOINTS

pytestmark = needs_linux


@fuzz(content=npy_files())
def test_npy(attempt, tmp_path, content):
    poses = attempt(load_mpii, put(tmp_path / NPY, content))
    assert poses is None or is_poseset(poses)


@fuzz(content=damaged(NPY_FILES))
def test_npy_damaged(attempt, tmp_path, content):
    """Numbers may be others, for nothing tells; nobody may be lost."""
    poses = attempt(load_mpii, put(tmp_path / NPY, content))
    assert poses is None or is_poseset(poses, PEOPLE)


MEMBERS = st.one_of(npy_files(), st.sampled_from([bytes_of(np.save, BODY), bytes_of(np.save, np.array("coco_17"))]))


@fuzz(content=archives(MEMBERS))
def test_npz(attempt, tmp_path, content):
    (tmp_path / "in").mkdir(exist_ok=True)
    poses = attempt(load_keypoints, put(tmp_path / "in" / "poses.npz", content))
    assert poses is None or is_poseset(poses)
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "poses.npz"]


@fuzz(content=damaged(NPZ))
def test_npz_damaged(attempt, tmp_path, content):
    """Archives have sums."""
    poses = attempt(load_keypoints, put(tmp_path / "poses.npz", content))
    if poses is not None:
        expected = load_keypoints(put(tmp_path / "whole.npz", NPZ[0]))
        assert torch.equal(poses.poses_px["gt"], expected.poses_px["gt"]) and poses.left_out == 0


@fuzz(content=json_texts([*TREES.values(), MPII_TREE]), as_mpii=st.booleans())
def test_json(attempt, tmp_path, content, as_mpii):
    poses = attempt(load_mpii if as_mpii else load_keypoints, put(tmp_path / "people.json", content))
    assert poses is None or is_poseset(poses)


@fuzz(content=damaged(MATRICES))
def test_mat(attempt, tmp_path, content):
    poses = attempt(load_mpii, put(tmp_path / MAT, content))
    assert poses is None or is_poseset(poses)


ARRAYS = st.sampled_from([
    np.zeros((2, 32, 3)), np.zeros((0, 32, 3)), np.zeros(3, "O"), np.float64(1), np.array("a"), np.zeros(2, "c16"),
    np.full((2, 32, 3), np.nan), Attack(os.system, "touch escaped"), Attack(eval, "open('escaped', 'w')"),
    Attack(np.load, "/dev/zero"), b"bytes", 1j, {1}, print, Path("a"),
])  # fmt: skip


@fuzz(tree=with_junk([PICKLED], st.one_of(JUNK, ARRAYS)), protocol=st.integers(0, 5), data=st.data())
def test_pickles(attempt, tmp_path, monkeypatch, tree, protocol, data):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(boxed(tree), protocol)
    if data.draw(st.booleans()):
        pickled = data.draw(damaged([pickled]))
    content = attempt(lambda path: read_pickled_npz(path, "positions_3d"), write_pickle(Path("a.npz"), pickled))
    assert content is None or isinstance(content, dict)
    assert not Path("escaped").exists()


@fuzz(tree=with_junk([PICKLED], st.one_of(JUNK, ARRAYS)), views=st.booleans())
def test_videopose3d(attempt, tmp_path, tree, views):
    folder = write_videopose3d(tmp_path / "h36m", RECORDINGS)
    if views:
        path = folder / "data_2d_h36m_sh_pt_mpii.npz"
        np.savez(path, positions_2d=boxed(tree), metadata={"layout_name": "mpii"})
    else:
        path = folder / "data_3d_h36m.npz"
        np.savez(path, positions_3d=boxed(tree))
    recordings = attempt(lambda path: list(VideoPose3DLayout(path.parent, ["S9"], ACTIONS, True)), path)
    for recording in recordings or []:
        assert recording.world_mm.shape[1:] == (NUM_JOINTS, 3) and recording.world_mm.dtype == np.float64


@fuzz(
    kind=st.sampled_from(H5_KINDS),
    shape=st.lists(st.sampled_from((0, 1, 4, 96, 10**9)), max_size=3).map(tuple)
    | st.sampled_from([(96, 4), (4, 96), (96,), (), (96, 0), (0, 0), (96, 10**9), (96, 4, 1), (2**40, 2**20)]),
    dtype=st.sampled_from(["f8", ">f4", "i2", "f2", "?", "c8", "S4", h5py.string_dtype(), h5py.ref_dtype, "f4,f4"]),
)
def test_h5(attempt, tmp_path, kind, shape, dtype):
    path = tmp_path / "Walking.h5"
    try:
        write_h5(path, kind, shape, dtype)
    except (ValueError, TypeError, OSError, RuntimeError):
        path.write_bytes(b"")

    def read(path):
        with open_h5(path) as file:
            return read_h5(file, "3D_positions", (96, None))

    values = attempt(read, path)
    if values is not None:
        assert values.shape[0] == 96 and values.dtype == np.float64 and values.nbytes < 100_000
        assert kind not in ("elsewhere", "fifo", "itself", "virtual", "raw", "chunk")


@pytest.fixture(scope="module")
def h36m(tmp_path_factory):
    return write_baseline(tmp_path_factory.mktemp("baseline") / "h36m", RECORDINGS)


H5_NAMES = ("cameras.h5", "S9/MyPoses/3D_positions/Walking.h5", "S9/StackedHourglass/Walking.54138969.h5")


@fuzz(name=st.sampled_from(H5_NAMES), data=st.data())
def test_h5_damaged(attempt, h36m, name, data):
    path = h36m / name
    whole = path.read_bytes()
    try:
        path.write_bytes(data.draw(damaged([whole])))
        poses = attempt(lambda path: load_h36m(h36m, ["S9"]), path)
        if poses is not None:
            assert is_poseset(poses, 4 * 4) and poses.poses_cam_mm.isfinite().all()
    finally:
        path.write_bytes(whole)


READERS = {".npy": load_mpii, ".npz": load_keypoints, ".json": load_keypoints, ".mat": load_mpii, ".png": read_picture,
           ".ckpt": load_lifter}  # fmt: skip


@fuzz(cut=beginnings(list(WHOLE.values())))
def test_beginnings(attempt, tmp_path, cut):
    """A truncated file is refused, or what it lacks says nothing, such as a mark that a picture ends here."""
    number, content = cut
    name = list(WHOLE)[number]
    read = READERS[Path(name).suffix]
    found = attempt(read, put(tmp_path / name, content))
    if found is not None:
        assert name == "picture.png"
        assert (found.rgb == read(put(tmp_path / name, WHOLE[name])).rgb).all()


def test_small_files_that_would_fill_the_memory(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    # What slips through ends as an error here, not as a machine without memory.
    resource.setrlimit(resource.RLIMIT_AS, (held + (4 << 30), before[1]))
    try:
        for what, read, path in bombs(tmp_path):
            held = peak_bytes(reset=True)
            with pytest.raises(ValueError, match=re.escape(path.name)), time_limit():
                read(path)
            assert peak_bytes() - held < LARGEST_GROWTH, what
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_number_of_inputs():
    assert sum(INPUTS.values()) >= 2000
