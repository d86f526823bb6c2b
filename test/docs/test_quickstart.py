"""The README's Python and the notebook run as they stand, with the files of this clone alone."""

import re
from pathlib import Path

import numpy as np
import pytest

from models.detectors.loading import ESTIMATOR_FOLDER, FILES

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


@pytest.fixture(scope="module", autouse=True)
def _needs_blazepose():
    if not all((ESTIMATOR_FOLDER / name).is_file() for name in FILES["blazepose"]):
        pytest.skip("needs BlazePose: bash download_2d_pose_estimator.sh blazepose")


def test_the_readmes_python_lifts_a_photo(monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(example.replace("photo.jpg", "test/input_sample.png"), names)
    assert names["pose_3d"].shape == (17, 3)


@pytest.fixture(scope="module")
def executed():
    """The notebook after a run in docs/, where Jupyter would open it, with shell commands refused."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    refuse = "get_ipython().system = lambda command: exit(f'a clone needs no {command}')"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(refuse))
    return nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()


def outputs_of(notebook, word):
    """The outputs of the code cell with this word in it."""
    (cell,) = [cell for cell in notebook.cells if cell.cell_type == "code" and word in cell.source]
    return cell.outputs


def test_a_photo_and_keypoints_become_pictures(executed):
    (summary,) = outputs_of(executed, "scene = pose(photo)")
    assert summary["text"] == "1 person\n"
    assert ["image/png" in output["data"] for output in outputs_of(executed, "draw_pose_2d(")] == [True, True]
    assert ["image/png" in output["data"] for output in outputs_of(executed, "load_lifter(")] == [True]
    (turning,) = outputs_of(executed, "turntable(person")
    assert "image/gif" in turning["data"]


def test_its_figures_are_a_walking_persons(executed):
    (joints,) = outputs_of(executed, "in zip(JOINTS")
    rows = [line.split() for line in joints["text"].splitlines()]
    assert len(rows) == 17 and rows[0] == ["hip", "0.00", "0.00", "0.00"]
    pose = np.array([row[1:] for row in rows], float)
    assert 0.8 < np.linalg.norm(pose[1:], axis=1).mean() < 1.2
    (angles,) = outputs_of(executed, "def angle_deg")
    shown = np.array([re.findall(r"\d+", line) for line in angles["text"].splitlines()], float)
    assert shown.shape == (4, 2) and (shown > 90).all() and (shown <= 180).all()
    assert np.abs(np.subtract(*shown.T)).max() < 25


def test_nothing_of_a_run_is_kept_in_the_file():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
