"""MPII's own annotation file, read by SciPy: run in a process of its own, which a damaged file may end or fill."""

import contextlib
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

NUM_MPII_POINTS = 16
MEMORY, MEMORY_PER_BYTE = 2 << 30, 64
"""What the process may take, and how much more for each byte of the file; the official one's people take 0.5 GB."""


def print_points(path: str) -> None:
    """Limits its process, then writes `matrix_points` to standard output as plain float64 numbers.

    Whatever goes wrong ends the process with a status other than 0, where it can with one line on standard error.
    """
    most = MEMORY + MEMORY_PER_BYTE * Path(path).stat().st_size
    for kind, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0)):
        # macOS refuses limits of memory; a lower one may be set already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    try:
        content = matrix_points(path).tobytes()
    # SciPy reports damaged files with half a dozen unrelated exceptions.
    except Exception as problem:
        sys.exit(f"{type(problem).__name__}: {' '.join(str(problem).split())}")
    sys.stdout.buffer.write(content)


def matrix_points(path: str) -> np.ndarray:
    """(N, 16, 2) pixels: everybody with annotated points in a training image; zeros where there is no point."""
    # Here, since whoever imports this module elsewhere does not need it.
    from scipy.io import loadmat

    release = loadmat(path, variable_names=["RELEASE"], squeeze_me=True, struct_as_record=False)["RELEASE"]
    images, in_training = np.atleast_1d(release.annolist), np.atleast_1d(release.img_train)
    people = [
        _points_of(person)
        for image, training in zip(images, in_training, strict=True)
        for person in np.atleast_1d(image.annorect)
        if training and _has(person, "annopoints")
    ]
    return np.array(people, np.float64).reshape(-1, NUM_MPII_POINTS, 2)


def _has(struct: Any, field: str) -> bool:
    """Whether a MATLAB struct has a field that is not empty."""
    return np.size(getattr(struct, field, ())) > 0


def _points_of(person: Any) -> np.ndarray:
    points = np.zeros((NUM_MPII_POINTS, 2))
    if _has(person.annopoints, "point"):
        for point in np.atleast_1d(person.annopoints.point):
            if not 0 <= point.id < NUM_MPII_POINTS:
                raise ValueError(f"a joint has the number {point.id}")
            points[int(point.id)] = float(point.x), float(point.y)
    return points
