"""The page, prepared and served on this machine, for its tests."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from visits import Page, Server

from models import load_lifter
from models.detectors.loading import ESTIMATOR_FOLDER, FILES, load_detector
from models.pipeline import PosePipeline
from utils.demo.images import read_picture
from web import prepare

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory):
    """A folder with the page and all it needs."""
    runtime = prepare.WEB / "vendor" / "litert"
    if not all((runtime / name).is_file() for name in prepare.MEMBERS):
        pytest.skip("needs LiteRT.js: python web/prepare.py")
    if not all((ESTIMATOR_FOLDER / name).is_file() for name in FILES["blazepose"]):
        pytest.skip("needs BlazePose's files: bash download_2d_pose_estimator.sh")
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(prepare.WEB, folder, ignore=shutil.ignore_patterns("generated", "vendor"), dirs_exist_ok=True)
    shutil.copytree(runtime, folder / "vendor" / "litert")
    prepare.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def server(page_folder):
    running = Server(page_folder)
    yield running
    running.end()


@pytest.fixture(scope="session")
def pipeline():
    """Python's, with the lifter that is the page's default."""
    pytest.importorskip("ai_edge_litert")
    return PosePipeline(load_lifter(prepare.CHECKPOINTS / f"{next(iter(prepare.LIFTERS))}.ckpt"), load_detector())


@pytest.fixture(scope="session")
def sample():
    return read_picture(ROOT / "test" / "input_sample.png").rgb


@pytest.fixture(scope="session")
def two_and_a_half(tmp_path_factory, sample):
    """A picture of two people and, without legs, a third."""
    from PIL import Image

    path = tmp_path_factory.mktemp("pictures") / "people.png"
    half = np.full_like(sample, 128)
    half[:250] = sample[:250]
    Image.fromarray(np.hstack([sample, sample[:, ::-1], half])).save(path)
    return path


@pytest.fixture(scope="session")
def visitor(chromium, server):
    """One page for tests that leave it as it was; afterwards nothing has left the machine, and no script has failed."""
    page = Page(chromium, server.address).ready()
    yield page
    assert {url for url in page.requests if not url.startswith(("blob:", server.address))} == set()
    assert page.errors == []
    page.context.close()


@pytest.fixture
def visit(chromium, server):
    """Opens pages of the test's own."""
    with contextlib.ExitStack() as ends:

        def open_page(script="", **options):
            page = Page(chromium, server.address, script, **options)
            ends.callback(page.context.close)
            return page

        yield open_page
