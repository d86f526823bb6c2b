"""What torch.hub offers, from a clone elsewhere, in a program of somebody else's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import hubconf
from models import load_lifter
from models.detectors.loading import ESTIMATOR_FOLDER, FILES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "test" / "input_sample.png"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The project's files, and nothing that git leaves out, in another folder."""
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("the source is not in a git repository")
    folder = tmp_path_factory.mktemp("hub") / "clone"
    for name in filter(lambda name: (ROOT / name).is_file(), listing.stdout.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def pose_px():
    return np.random.default_rng(0).random((17, 2), np.float32)


@pytest.fixture(scope="module")
def said(clone, pose_px):
    """What a program prints that lifts a pose by three lifters, into lifted.npy, and cannot fetch the detector."""
    np.save(clone.parent / "pose_px.npy", pose_px)
    return run(clone, f"""
pose_px = numpy.load("../pose_px.npy")
lifted = [hub("lifter").lift(pose_px), hub("lifter", "generated_people_only").lift(pose_px)]
lifted.append(hub("lifter", {str(ROOT / "test/checkpoints/mpii_2d_only.ckpt")!r}).lift(pose_px))
numpy.save("../lifted.npy", numpy.stack(lifted))
try:
    hub("pose")
except ValueError as error:
    print(error)""", PIP_NO_INDEX="1", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)  # fmt: skip


def run(clone, code, **environment):
    """Runs a program in a folder beside the clone; returns what it prints."""
    place = clone.parent / "elsewhere"
    place.mkdir(exist_ok=True)
    code = f"import os, numpy, torch\nhub = lambda *a, **k: torch.hub.load('../clone', *a, source='local', **k)\n{code}"
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True,
                          env={**os.environ, **environment})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_names_are_offered_and_explained():
    offered = {name for name, value in vars(hubconf).items() if callable(value) and not name.startswith("_")}
    assert offered == {"lifter", "pose"}
    assert all(getattr(hubconf, name).__doc__ for name in offered)


def test_a_lifter_by_name_or_path_is_the_checkpoints(clone, said, pose_px):
    names = ("pretrained_model", "generated_people_only", "mpii_2d_only")
    wanted = [load_lifter(ROOT / f"test/checkpoints/{name}.ckpt").lift(pose_px) for name in names]
    np.testing.assert_allclose(np.load(clone.parent / "lifted.npy"), wanted, atol=1e-5)


def test_an_unknown_checkpoint_is_named_beside_those_shipped():
    with pytest.raises(ValueError, match=r"no checkpoint new: give coco_and_synthetic, .*, or the path"):
        hubconf.lifter("new")


def test_another_projects_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "utils", ModuleType("utils"))
    with pytest.raises(ImportError, match="another project's package 'utils' is loaded already"):
        hubconf.lifter()


def test_a_detector_that_cannot_be_fetched_is_one_sentence(said):
    assert "BlazePose's files could not be fetched; try again with: bash " in said


@pytest.mark.skipif(
    not all((ESTIMATOR_FOLDER / file).is_file() for file in FILES["blazepose"]),
    reason="needs BlazePose: bash download_2d_pose_estimator.sh blazepose",
)
def test_a_photo_becomes_people_though_the_program_moves_on(clone, said):
    shutil.copytree(ESTIMATOR_FOLDER, clone / "estimators", dirs_exist_ok=True)
    shown = run(clone, f"""
pose = hub("pose", fov=0.0)
os.chdir("/")
scene = pose({str(SAMPLE)!r})
print(scene.summary())
numpy.save({str(clone.parent / "pose.npy")!r}, scene.people[0].pose)""")  # fmt: skip
    assert shown == "1 person\n"
    here = hubconf.pose(fov=0.0)(np.array(Image.open(SAMPLE).convert("RGB"))).people[0].pose
    assert here.shape == (17, 3) and np.ptp(here, axis=0).min() > 0.3
    np.testing.assert_allclose(np.load(clone.parent / "pose.npy"), here, atol=1e-4)
