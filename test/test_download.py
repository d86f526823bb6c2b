"""download_2d_pose_estimator.sh against a server on this machine."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.detectors.loading import FILES, NOTED, check_file

SCRIPT = Path(__file__).resolve().parents[1] / "download_2d_pose_estimator.sh"
CONTENT = os.urandom(300_000)


def archived(content):
    """An archive as RTMPose's publisher makes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("20230831/model/end2end.onnx", content)
        archive.writestr("20230831/model/detail.json", "{}")
    return buffer.getvalue()


NAME, MPI = "pose_iter_440000.caffemodel", "pose_iter_160000.caffemodel"
ARCHIVE = archived(CONTENT)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


class Mirror(BaseHTTPRequestHandler):
    """/good serves the file and ranges of it, /breaks ends halfway, /wrong serves something else, /none nothing."""

    def do_GET(self):
        kind = self.path.split("/")[1]
        self.server.asked.append((kind, self.headers.get("Range")))
        if kind == "none":
            self.send_error(404)
            return
        content = b"something else" if kind == "wrong" else ARCHIVE if self.path.endswith(".zip") else CONTENT
        start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0]) if self.headers.get("Range") else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        breaks = kind == "breaks" and not start
        self.wfile.write(content[start : 100_000 if breaks else None])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def script(tmp_path):
    """The script, expecting the sum of CONTENT in place of the real file's."""
    text = SCRIPT.read_text()
    for digest in f"{FILES['openpose-coco'][NAME]} {FILES['openpose-mpi'][MPI]}".split():
        algorithm, published = digest.split(":")
        text = text.replace(published, hashlib.new(algorithm, CONTENT).hexdigest())
    (tmp_path / "script.sh").write_text(text)
    return tmp_path / "script.sh"


@pytest.fixture
def start(server, script, tmp_path):
    def start_script(*mirrors, estimator="openpose-coco"):
        addresses = " ".join(f"http://127.0.0.1:{server.server_port}/{mirror}" for mirror in mirrors)
        environment = {
            **os.environ,
            "OPENPOSE_MIRRORS": addresses,
            "RTMPOSE_MIRROR": addresses,
            "PYTHON": sys.executable,
            "no_proxy": "127.0.0.1",
        }
        return subprocess.Popen(
            ["bash", str(script), estimator, str(tmp_path / "estimators")],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start_script


def finish(process):
    output, error = process.communicate(timeout=60)
    return process.returncode, output, error


def visible(tmp_path):
    return [path.name for path in (tmp_path / "estimators").iterdir() if not path.name.startswith(".")]


def test_mirrors_in_turn_and_the_licence_first(start, server, tmp_path):
    status, output, _ = finish(start("none", "wrong", "good"))
    assert status == 0
    assert output.index("not for commercial use") < output.index("fetching")
    assert [kind for kind, _ in server.asked] == ["none", "wrong", "good"]
    assert (tmp_path / "estimators" / NAME).read_bytes() == CONTENT
    assert visible(tmp_path) == [NAME]


def test_twice_downloads_once(start, server):
    assert finish(start("good"))[0] == 0
    assert finish(start("good"))[0] == 0
    assert len(server.asked) == 1


def test_twice_at_once_downloads_once(start, server, tmp_path):
    processes = [start("good") for _ in range(3)]
    assert [finish(process)[0] for process in processes] == [0, 0, 0]
    assert len(server.asked) == 1
    assert visible(tmp_path) == [NAME]


def test_a_wrong_file_is_not_put_in_place(start, tmp_path):
    status, _, error = finish(start("wrong"))
    assert status == 1
    assert "no mirror gave" in error
    assert visible(tmp_path) == []


def test_mpi_weights_are_not_fetched_but_taken_where_both_sums_agree(start, script, server, tmp_path):
    status, _, error = finish(start("good", estimator="openpose-mpi"))
    assert status == 1 and "nobody publishes their SHA-256" in error and not server.asked
    (tmp_path / "estimators" / MPI).write_bytes(CONTENT)
    assert finish(start("good", estimator="openpose-mpi"))[0] == 0
    right = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()
    script.write_text(script.read_text().replace(right, hashlib.sha1(b"else", usedforsecurity=False).hexdigest()))
    assert finish(start("good", estimator="openpose-mpi"))[0] == 1


def test_a_damaged_file_is_replaced(start, tmp_path):
    (tmp_path / "estimators").mkdir()
    (tmp_path / "estimators" / NAME).write_bytes(CONTENT[:5000])
    assert finish(start("good"))[0] == 0
    assert (tmp_path / "estimators" / NAME).read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_next_run_goes_on_where_the_connection_broke(start, server, tmp_path):
    assert finish(start("breaks"))[0] == 1
    assert visible(tmp_path) == []
    assert finish(start("breaks"))[0] == 0
    assert server.asked == [("breaks", None), ("breaks", "bytes=100000-")]
    assert (tmp_path / "estimators" / NAME).read_bytes() == CONTENT


def test_unknown_estimator(start):
    status, _, error = finish(start("good", estimator="alphapose"))
    assert status == 1
    assert "unknown estimator 'alphapose'" in error


def test_blazepose_that_is_there_is_left_alone(tmp_path):
    """With the sums of stand-ins, no package is fetched."""
    text = SCRIPT.read_text()
    (tmp_path / "estimators").mkdir()
    for name, digest in FILES["blazepose"].items():
        (tmp_path / "estimators" / name).write_text(name)
        text = text.replace(digest, f"sha256:{hashlib.sha256(name.encode()).hexdigest()}")
    (tmp_path / "script.sh").write_text(text)
    command = ["bash", str(tmp_path / "script.sh"), "blazepose", str(tmp_path / "estimators")]
    environment = {**os.environ, "PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "fetching" not in done.stdout


def test_blazepose_without_a_package_index_says_so_and_leaves_nothing(tmp_path):
    environment = {**os.environ, "PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    command = ["bash", str(SCRIPT), "blazepose", str(tmp_path / "estimators")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip could not fetch mediapipe==0.10.21" in done.stderr
    assert [path.name for path in (tmp_path / "estimators").iterdir()] == [".lock-blazepose"]


def test_a_wheel_writes_nothing_but_the_models(tmp_path):
    """A wheel from a stranger, with members whose names lead out of any folder."""
    text, folder = SCRIPT.read_text(), tmp_path / "deep" / "deeper" / "estimators"
    with zipfile.ZipFile(tmp_path / "wheel", "w") as wheel:
        for name in ("../escaped", "../../escaped", "mediapipe/modules/../../../escaped", f"{tmp_path}/escaped", "a/b"):
            wheel.writestr(name, "escaped")
        for name, digest in FILES["blazepose"].items():
            wheel.writestr(f"mediapipe/modules/{name.removesuffix('.tflite').removesuffix('_full')}/{name}", name)
            text = text.replace(digest, f"sha256:{hashlib.sha256(name.encode()).hexdigest()}")
    (tmp_path / "script.sh").write_text(text)
    (tmp_path / "python").write_text(
        f"""#!/usr/bin/env bash
if [ "$3" = download ]; then
    while [ "$1" != --dest ]; do shift; done
    exec cp "{tmp_path}/wheel" "$2/mediapipe-0.10.21-any.whl"
fi
[ "$2" = pip ] || exec "{sys.executable}" "$@"
"""
    )
    (tmp_path / "python").chmod(0o755)
    before = set(tmp_path.rglob("*"))
    command = ["bash", str(tmp_path / "script.sh"), "blazepose", str(folder)]
    environment = {**os.environ, "PYTHON": str(tmp_path / "python")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert written == {*FILES["blazepose"], ".lock-blazepose"}


def test_rtmpose_notes_its_own_sums_and_is_fetched_once(start, server, tmp_path):
    assert finish(start("good", estimator="rtmpose"))[0] == 0
    assert finish(start("good", estimator="rtmpose"))[0] == 0
    assert len(server.asked) == 2
    for name in FILES["rtmpose"]:
        assert (tmp_path / "estimators" / name).read_bytes() == CONTENT
        check_file(tmp_path / "estimators" / name, NOTED, "rtmpose")


def test_a_damaged_archive_of_rtmpose_is_not_put_in_place(start, tmp_path):
    status, _, error = finish(start("wrong", estimator="rtmpose"))
    assert status == 1
    assert "is damaged; nothing was put in place" in error
    assert visible(tmp_path) == []
