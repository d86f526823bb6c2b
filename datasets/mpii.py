"""MPII Human Pose (Andriluka et al. 2014): the 2D poses that the lifter learns from."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import arrays, cache, matrices
from .arrays import as_numbers, existing_file, read_json, read_npy
from .keypoints import people_to_poseset
from .matrices import NUM_MPII_POINTS
from .poseset import PoseSet

MATRIX_PATTERN = "mpii_human_pose_v1_u12_*.mat"
READ_MATRIX = """\
import sys
sys.path[:] = sys.argv[2:]
from datasets.matrices import print_points
print_points(sys.argv[1])
"""
"""For a process of its own; the current folder, and what it holds, stays out of its imports."""
LONGEST_S = 600
"""The official file takes 15 s."""


def load_mpii(data_dir: str | Path, joint_definitions: str = "h36m") -> PoseSet:
    """The people of MPII's training images whose joints are all annotated.

    Takes the first of these that `data_dir` holds: `mpii_poses.npy` (N, 34), 17 joints in Human3.6M's order; the
    official `mpii_human_pose_v1_u12_*.mat`; `mpii_annotations.json`, its people one by one as training code for
    stacked hourglasses shares them.

    Args:
        data_dir: the folder, or one of these files.
        joint_definitions: "h36m" moves joints to where Human3.6M has them, "raw" keeps MPII's own.

    Returns:
        `poses_px["gt"]` (N, 17, 2). People with missing joints are left out and counted.

    Raises:
        ValueError: one sentence, if there is no such file or nothing usable in it.
    """
    path = _find(Path(data_dir))
    if path.suffix == ".npy":
        points, skeleton = _read_poses(path), "mpii_17"
    else:
        parse = _read_matrix if path.suffix == ".mat" else _read_annotations
        key = cache.fingerprint([existing_file(path)], "MPII", [__file__, arrays.__file__, matrices.__file__])
        points, skeleton = cache.cached(key, lambda: {"points": parse(path)}, path.parent)["points"], "mpii_16"
    # Every layout has zeros where an annotator set no point. A visibility of 0 only means an occluded joint.
    seen = (points != 0).any(axis=2)
    poses = people_to_poseset(points, seen, skeleton, joint_definitions, str(path))
    return replace(poses, name=f"MPII, {poses.name}")


def _find(data_dir: Path) -> Path:
    if data_dir.is_file():
        return data_dir
    for pattern in ("mpii_poses.npy", MATRIX_PATTERN, f"*/{MATRIX_PATTERN}", "mpii_annotations.json"):
        for path in sorted(data_dir.glob(pattern)):
            return path
    raise ValueError(f"no mpii_poses.npy, {MATRIX_PATTERN} or mpii_annotations.json in {data_dir}; put one there")


def _read_poses(path: Path) -> np.ndarray:
    """(N, 17, 2) from rows of 34 numbers."""
    poses = as_numbers(read_npy(path), str(path))
    if poses.shape[1:] not in ((34,), (17, 2)):
        raise ValueError(f"{path} has shape {poses.shape}; wanted is (people, 34), 17 joints of x and y")
    return poses.reshape(len(poses), 17, 2)


def _read_matrix(path: Path) -> np.ndarray:
    """(N, 16, 2) from the official annotations; see `matrix_points`."""
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", READ_MATRIX, str(path), *map(str, (root, *sys.path))]
    # Each thread of a library for linear algebra would take its share of the memory allowed.
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False
        )
        if done.returncode == 0:
            return np.frombuffer(done.stdout).reshape(-1, NUM_MPII_POINTS, 2)
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no word"]
        reason = said[-1][:200] if done.returncode > 0 else f"reading it ended with signal {-done.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"reading it takes longer than {LONGEST_S // 60} minutes"
    raise ValueError(f"{path} is not MPII's annotation file or is damaged ({reason}); get it again")


def _read_annotations(path: Path) -> np.ndarray:
    """(N, 16, 2) from a list of people with `joint_self` [[x, y, visible], ...].

    `isValidation` divides MPII's training images, so both halves count. `joint_others` repeats people who have an
    entry of their own.
    """
    content = read_json(path)
    people = content.get("root") if isinstance(content, dict) else content
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ValueError(f"{path} is not a list of annotated people")
    rows = [
        as_numbers(person.get("joint_self", ()), f"a 'joint_self' in {path}")
        for person in people
        if str(person.get("dataset", "MPI")).upper().startswith("MPI")
    ]
    points = np.zeros((len(rows), NUM_MPII_POINTS, 2))
    for place, row in zip(points, rows, strict=True):
        if row.ndim != 2 or row.shape[1] < 2 or len(row) > NUM_MPII_POINTS:
            raise ValueError(f"a 'joint_self' in {path} has shape {row.shape}; wanted is ({NUM_MPII_POINTS}, 3)")
        # Trailing joints that nobody annotated may be absent.
        place[: len(row)] = row[:, :2]
    return points
