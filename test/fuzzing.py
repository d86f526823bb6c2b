"""What every fuzzed reader must keep to, and how often it is tried."""

import os
import re
import signal
import sys
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from datasets import cache
from utils.demo.images import LARGEST_PIXELS
from utils.geometry import CAMERA_DISTANCE
from utils.normalization import mean_root_distance, pixels_to_norm
from utils.skeleton import NUM_JOINTS

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's alarms, pipes and counts of memory")
TIMES = int(os.environ.get("FUZZ", "1"))
"""`make fuzz` sets it: so many times the inputs, and others in each run."""
INPUTS = {
    "npy": 120, "npy_damaged": 100, "npz": 100, "npz_damaged": 100, "json": 325, "mat": 25, "pickles": 150,
    "videopose3d": 40, "h5": 120, "h5_damaged": 100, "beginnings": 150,
    "key_points": 200, "pictures": 150, "pictures_damaged": 150, "videos": 50, "checkpoints": 90,
    "checkpoints_damaged": 90, "estimators": 20,
    "options": 150, "notes": 60, "training": 50, "evaluation": 50, "demo": 100, "demo_flags": 60,
}  # fmt: skip
"""How many a test, in the ordinary run."""
SECONDS, LARGEST_GROWTH = 5, 300 << 20
PROCESS_SECONDS = 60
"""For MATLAB files: SciPy reads them in a process of its own, which may come to its limit of memory slowly."""
MESSAGE_LENGTH = 600

tried, accepted = Counter(), Counter()


class TooSlow(BaseException):
    """Not an Exception, so that no reader takes it for a damaged file."""


def fuzz(**strategies):
    """Decorates a test: tries INPUTS[its name] inputs, the same in each run unless FUZZ is set."""

    def decorate(test):
        options = settings(
            max_examples=TIMES * INPUTS[test.__name__.removeprefix("test_")],
            derandomize=TIMES == 1,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        return options(given(**strategies)(test))

    return decorate


@contextmanager
def time_limit(seconds=SECONDS):
    def stop(*_):
        raise TooSlow(f"no answer after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def one_sentence(text):
    return len(text) < MESSAGE_LENGTH and len(text.splitlines()) == 1


class Attempts:
    """Calls readers with bad input and holds them to their promise.

    Args:
        kind: key of INPUTS.
    """

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, read, path):
        """What the reader returns, or None if it refuses the file in one sentence that names it."""
        tried[self.kind] += 1
        seconds = PROCESS_SECONDS if Path(path).suffix == ".mat" else SECONDS
        with time_limit(seconds), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                result = read(path)
            except (ValueError, OSError) as error:
                assert one_sentence(str(error)), str(error)
                assert Path(path).name in str(error) or "no usable frame" in str(error), str(error)
                result = None
        assert not warned, [str(warning.message) for warning in warned]
        accepted[self.kind] += result is not None
        return result

    def command(self, main, flags, capfd, silent=True):
        """A command line's exit status. Unless it is 0, the command must have said one sentence; silent: no more."""
        tried[self.kind] += 1
        capfd.readouterr()
        with time_limit(20), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                status = main([*map(str, flags)])
            except SystemExit as stop:
                status = stop.code
        assert not warned, [str(warning.message) for warning in warned]
        shown = capfd.readouterr()
        assert "Traceback" not in shown.err
        if status:
            assert re.fullmatch(r"(main|demo)\.py: [^\n]+\n", shown.err), shown.err
            assert shown.out == "" or not silent
        accepted[self.kind] += not status
        return status


def peak_bytes(reset=False):
    """Most memory that this process has held since the last reset, or at all where the system allows none."""
    if reset:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10


@pytest.fixture
def attempt(request, capfd, monkeypatch):
    """An `Attempts`; afterwards nothing may have been said or taken, and nothing left out."""
    monkeypatch.setattr(cache, "cached", lambda key, build, folder: build())
    kind = request.node.name.removeprefix("test_")
    before = peak_bytes(reset=True)
    yield Attempts(kind)
    assert peak_bytes() - before < LARGEST_GROWTH
    assert capfd.readouterr().err == ""
    if TIMES > 1:
        with capfd.disabled():
            print(f"  {kind:<20} {tried[kind]:>8,} tried {accepted[kind]:>8,} read {tried.total():>9,} so far")
    assert tried[kind] >= INPUTS[kind] * TIMES


def is_poseset(poses, people=None):
    """2D poses that training can use, and everybody accounted for."""
    px = poses.poses_px["gt"]
    assert px.shape == (len(poses), NUM_JOINTS, 2) and px.dtype == torch.float32 and len(poses) > 0
    pose_norm = pixels_to_norm(px)[0]
    torch.testing.assert_close(mean_root_distance(pose_norm), torch.full((len(poses),), 1 / CAMERA_DISTANCE))
    assert people is None or len(poses) + poses.left_out == people
    return True


def is_picture(picture):
    if picture is not None:
        height, width, channels = picture.rgb.shape
        assert 0 < height * width <= LARGEST_PIXELS and channels == 3 and picture.rgb.dtype == np.uint8
        assert picture.focal_px is None or 0 < picture.focal_px < np.inf
