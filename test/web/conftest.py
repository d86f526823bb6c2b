"""The page, prepared and served on this machine, for its tests."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from models import load_lifter
from models.detectors.loading import ESTIMATOR_FOLDER, FILES, load_detector
from models.pipeline import PosePipeline
from utils.demo.images import read_picture
from web import prepare

ROOT = Path(__file__).parents[2]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Serves a folder on the loopback interface at `address`, as `python -m http.server` does."""

    daemon_threads = True

    def __init__(self, folder, port=0):
        super().__init__(("127.0.0.1", port), partial(QuietHandler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Browsers end connections whenever they like."""

    def end(self):
        self.shutdown()
        self.server_close()


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
    """What Python makes of a picture."""
    pytest.importorskip("ai_edge_litert")
    pipeline = PosePipeline(load_lifter(ROOT / "test" / "checkpoints" / "pretrained_model.ckpt"), load_detector())
    return lambda path: pipeline(read_picture(path))


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
