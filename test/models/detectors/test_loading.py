import hashlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from models.detectors.loading import FILES, Detector, check_file, load_detector
from utils.demo.registry import ESTIMATORS, NOTED, Estimator
from utils.keypoints import Keypoints

ROOT_FOLDER = Path(__file__).resolve().parents[3]


def people(rgb):
    points = np.array([[0.0, 0], [10, 10]])
    return [Keypoints("x", points, np.ones(2)), Keypoints("x", points * 3, np.ones(2))]


def test_people_come_largest_first():
    assert [person.points_px.max() for person in Detector(people)(np.zeros((40, 40, 3), np.uint8))] == [30, 10]


def test_a_path_serves_as_well(tmp_path):
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "a.png")
    shapes = []
    Detector(lambda rgb: shapes.append(rgb.shape) or [])(tmp_path / "a.png")
    assert shapes == [(4, 6, 3)]


@pytest.mark.parametrize(
    "image",
    [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 4), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match="expected a picture"):
        Detector(people)(image)


def test_unknown_estimator():
    with pytest.raises(ValueError, match="unknown estimator 'alphapose'; known: blazepose"):
        load_detector("alphapose")


def test_a_module_and_an_entry_are_all_that_a_new_estimator_needs(tmp_path, monkeypatch):
    module, told = ModuleType("models.detectors.mine"), []
    module.load = lambda folder, **settings: told.append((folder, settings)) or people
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(ESTIMATORS, "mine", Estimator("mine:load", {}, {"more": 1}))
    assert len(load_detector("mine", tmp_path, thr=0.3)(np.zeros((40, 40, 3), np.uint8))) == 2
    assert told == [(tmp_path, {"width": 368, "height": 368, "thr": 0.3, "more": 1})]


@pytest.mark.parametrize("name", FILES)
def test_missing_file_names_the_command(name, tmp_path):
    with pytest.raises(ValueError, match=f"missing; get it with: bash download_2d_pose_estimator.sh {name}"):
        load_detector(name, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_names_the_command(name, tmp_path):
    for file in FILES[name]:
        (tmp_path / f"{file}.sha256").write_text(f"sha256:{hashlib.sha256(b'whole').hexdigest()}")
        (tmp_path / file).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=f"damaged; get it with: bash download_2d_pose_estimator.sh {name}"):
        load_detector(name, tmp_path)


@pytest.mark.parametrize("algorithms", ["sha256", "md5 sha1"])
def test_the_right_file_passes_and_one_byte_more_does_not(algorithms, tmp_path):
    path, content = tmp_path / "file", bytes(range(256)) * 9000
    digest = " ".join(f"{name}:{hashlib.new(name, content).hexdigest()}" for name in algorithms.split())
    path.write_bytes(content)
    check_file(path, digest, "blazepose")
    path.write_bytes(content + b"x")
    with pytest.raises(ValueError, match="damaged"):
        check_file(path, digest, "blazepose")


@pytest.mark.parametrize("note", ["", "md5:0", "crc32:0", "nonsense"])
def test_a_note_that_is_no_sum_passes_nothing(note, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "file.sha256").write_text(note)
    with pytest.raises(ValueError, match="damaged"):
        check_file(tmp_path / "file", NOTED, "rtmpose")


def test_sums_are_those_of_the_download_script():
    script = (ROOT_FOLDER / "download_2d_pose_estimator.sh").read_text()
    for files in FILES.values():
        for name, digest in files.items():
            assert name in script
            assert digest == NOTED or digest in script
