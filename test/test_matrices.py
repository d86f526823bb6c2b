import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from bombs import mat_file, matrix
from samples_mpii import make_people, structs, write_matrix
from scipy.io import savemat

from datasets import mpii
from datasets.matrices import matrix_points
from datasets.mpii import load_mpii

ROOT = Path(__file__).parent.parent
NAME = "mpii_human_pose_v1_u12_1.mat"


@pytest.fixture(autouse=True)
def cache_dir(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("POSE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def official(tmp_path):
    path = tmp_path / "mpii" / NAME
    write_matrix(path, make_people(4, 16))
    return path


def refused(path, words):
    with pytest.raises(ValueError, match=words) as error:
        load_mpii(path)
    text = str(error.value)
    return text.startswith(f"{path} is not") and text.endswith("; get it again") and len(text.splitlines()) == 1


def test_everybody_with_points_in_a_training_image(official):
    people = make_people(4, 16)
    people[2, 9] = 0
    points = matrix_points(str(official))
    assert points.dtype == np.float64
    np.testing.assert_array_equal(points, people[:3])


@pytest.mark.parametrize("number", [16.0, -1.0, np.nan])
def test_joints_beyond_the_sixteen_are_refused(number, tmp_path):
    person = {"annopoints": structs([{"point": structs([{"x": 1.0, "y": 2.0, "id": number}])}])}
    image = {"annorect": structs([person])}
    savemat(tmp_path / NAME, {"RELEASE": {"annolist": structs([image]), "img_train": 1}})
    with pytest.raises(ValueError, match="a joint has the number"):
        matrix_points(str(tmp_path / NAME))


def test_neither_the_current_folder_nor_the_path_for_imports_takes_part(official, tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    for name in ("datasets/__init__.py", "scipy.py", "numpy.py", "resource.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert len(load_mpii(Path("mpii"))) == 2


def test_what_runs_in_the_process_starts_fast():
    code = "import sys, datasets.matrices; print({'torch', 'scipy', 'h5py'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"


def test_every_flipped_bit_of_a_packed_variable_is_noticed(official):
    whole = official.read_bytes()
    for place in np.linspace(140, len(whole) - 1, 8).astype(int):
        content = bytearray(whole)
        content[place] ^= 16
        official.write_bytes(content)
        assert refused(official, "is damaged")


@pytest.mark.parametrize("left", [10, 130, 300, -1])
def test_truncated_files_are_named(left, official):
    official.write_bytes(official.read_bytes()[:left])
    assert refused(official, "is damaged")


def test_what_is_no_annotation_file_is_named(tmp_path):
    savemat(tmp_path / NAME, {"RELEASE": 1}, format="4")
    assert refused(tmp_path / NAME, "no attribute 'annolist'")
    savemat(tmp_path / NAME, {"OTHER": 1})
    assert refused(tmp_path / NAME, "KeyError: 'RELEASE'")


def cells_in_cells(depth):
    """So deep that a reader which calls itself for each runs out of its stack."""
    shape = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1)
    inner = [
        struct.pack("<II", 14, 48 * number - 8) + shape + struct.pack("<II", 1, 0) for number in range(depth, 0, -1)
    ]
    return matrix(1, (1, 1), *inner)


TOO_LONG = matrix(6, (2**29, 1), struct.pack("<II", 9, 2**32 - 16))
TOO_MANY = matrix(2, (2 * 10**9, 1), struct.pack("<HHI", 5, 4, 32), struct.pack("<II", 1, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit no memory, or die of other signals")
@pytest.mark.parametrize(
    ("element", "words"),
    [(TOO_LONG, "MemoryError"), (TOO_MANY, "MemoryError"), (cells_in_cells(100_000), "ended with signal 11")],
    ids=["numbers", "structs", "crash"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_nothing_takes_the_memory_or_this_process_along(element, words, packed, tmp_path):
    if packed:
        element = struct.pack("<II", 15, len(zlib.compress(element))) + zlib.compress(element)
    assert refused(mat_file(tmp_path / NAME, element), words)


def test_reading_does_not_take_for_ever(official, monkeypatch):
    monkeypatch.setattr(mpii, "LONGEST_S", 0.01)
    assert refused(official, "takes longer than")
