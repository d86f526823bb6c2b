"""2D pose estimators: a picture in, the keypoints of each person out. Training never imports this."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name

import numpy as np

from utils.demo.images import read_picture
from utils.demo.registry import ESTIMATORS, NOTED
from utils.keypoints import Keypoints

ESTIMATOR_FOLDER = Path(__file__).resolve().parents[2] / "estimators"
"""Where download_2d_pose_estimator.sh puts the files."""
FILES = {name: estimator.files for name, estimator in ESTIMATORS.items()}
"""The files of each estimator and their published sums."""


class Detector:
    """A 2D pose estimator with its pictures checked and its people sorted.

    Args:
        estimate: (height, width, 3) uint8 RGB to the keypoints of each person. If it has a method `follow` of a
            picture and its time in seconds, this is used for videos, and `forget` before each.
    """

    def __init__(self, estimate: Callable[[np.ndarray], list[Keypoints]]) -> None:
        self._estimate = estimate

    def __call__(self, image: np.ndarray | str | Path) -> list[Keypoints]:
        """The people in a picture (height, width, 3) uint8 RGB, or in an image file, largest first.

        Raises:
            ValueError: for another shape or type, or a file that cannot be read.
        """
        rgb = image if isinstance(image, np.ndarray) else read_picture(image).rgb
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or rgb.size == 0:
            raise ValueError(f"expected a picture (height, width, 3) of uint8, got {rgb.shape} of {rgb.dtype}")
        return largest_first(self._estimate(rgb), rgb)

    def forget(self) -> None:
        """Begins anew: the next picture to `follow` is of another video."""
        getattr(self._estimate, "forget", lambda: None)()

    def follow(self, image: np.ndarray, seconds: float) -> list[Keypoints]:
        """The people in the next picture (height, width, 3) uint8 RGB of a video, largest first."""
        follow = getattr(self._estimate, "follow", None)
        return largest_first(follow(image, seconds) if follow else self._estimate(image), image)


def largest_first(people: list[Keypoints], image: np.ndarray) -> list[Keypoints]:
    """People sorted by size. What an estimator supposes outside of the picture was not seen: it gets confidence 0."""
    seen = []
    for person in people:
        inside = ((person.points_px >= -0.5) & (person.points_px <= np.array(image.shape[1::-1]) - 0.5)).all(axis=1)
        seen.append(replace(person, confidence=np.where(inside, person.confidence, 0.0)))
    return sorted(seen, key=lambda person: -person.size_px)


def load_detector(
    name: str = "blazepose",
    folder: str | Path = ESTIMATOR_FOLDER,
    width: int = 368,
    height: int = 368,
    thr: float = 0.1,
) -> Detector:
    """A detector ready for pictures.

    Args:
        name: a key of `ESTIMATORS`.
        folder: where its files are.
        width, height, thr: see `OpenPose`; the others need none of them.

    Raises:
        ValueError: one sentence, for an unknown name, a missing or damaged file or a missing package.
    """
    if name not in ESTIMATORS:
        raise ValueError(f"unknown estimator {name!r}; known: {', '.join(ESTIMATORS)}")
    estimator = ESTIMATORS[name]
    for file, digest in estimator.files.items():
        check_file(Path(folder) / file, digest, name)
    maker = resolve_name(f"{__package__}.{estimator.maker}")
    return Detector(maker(folder, width=width, height=height, thr=thr, **estimator.settings))


def check_file(path: Path, digest: str, name: str) -> None:
    """Compares a file with its published sums, "algorithm:hex" and a space between, or the one noted at its download.

    Raises:
        ValueError: one sentence with the command that gets the file.
    """
    mend = f"get it with: bash download_2d_pose_estimator.sh {name}"
    note = path.with_name(path.name + ".sha256")
    if not path.is_file() or (digest == NOTED and not note.is_file()):
        raise ValueError(f"the pose estimator's file {path} is missing; {mend}")
    if digest == NOTED:
        digest = note.read_text(encoding="ascii", errors="replace").strip()
    content, known = path.read_bytes(), [name for name in ("sha256", "sha1", "md5") if name in digest]
    sums = {f"{name}:{hashlib.new(name, content).hexdigest()}" for name in known}
    if not digest or not sums.issuperset(digest.split()):
        raise ValueError(f"the pose estimator's file {path} is damaged; {mend}")
