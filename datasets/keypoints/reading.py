"""Files of keypoints, for training and for the demo.

COCO's annotations and results, COCO-WholeBody, CrowdPose, PoseTrack, OpenPose, Halpe, AlphaPose, MMPose, Ultralytics,
MediaPipe, MPII of HRNet and of stacked hourglasses (.json); VideoPose3D's `data_2d_*.npz`; DeepLabCut's .csv; bare
.npy, .npz, .json and .csv; a folder of `*_keypoints.json`. One that cannot be read, has no usable person or is of an
unknown skeleton is a `ValueError` of one sentence.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from utils.keypoints import Keypoints
from utils.messages import print_note

from ..files import read_json
from ..poseset import PoseSet
from . import units
from .choosing import choose
from .joints import people_to_poseset
from .layouts import records_in
from .records import People, Record, gather
from .skeletons import with_skeleton
from .tables import csv_records, npy_records, npz_records

OPENPOSE_ENDING = "_keypoints"


def load_keypoints(path: str | Path, skeleton: str | None = None, joint_definitions: str = "h36m") -> PoseSet:
    """One's own 2D poses for training, from a file or folder.

    Args:
        skeleton: a name in `utils.skeleton.SOURCES`; by default what the file, its number of points or anatomy says.
        joint_definitions: "h36m" moves joints to where Human3.6M has them, "raw" takes them as they are.

    Returns:
        `poses_px["gt"]` (N, 17, 2). People with a missing point that the mapping needs, or of no size, are left
        out and counted.
    """
    groups, left_out = read_people(path, skeleton)
    sets, skeletons, faults = [], [], []
    for people in groups:
        try:
            sets.append(_poses_of(people, joint_definitions, str(path)))
            skeletons.append(people.skeleton or "")
        except ValueError as error:
            faults.append(str(error))
            left_out += len(people)
    if not sets:
        raise ValueError(faults[0])
    for fault in faults:
        print_note(f"{fault}; the others are read")
    poses, name = sets[0].poses_px["gt"], sets[0].name
    if len(sets) > 1:
        poses = torch.cat([poses.poses_px["gt"] for poses in sets])
        name = f"{Path(path).name}: {len(poses):,} people ({', '.join(skeletons)})"
    return PoseSet(name, {"gt": poses}, left_out=left_out + sum(poses.left_out for poses in sets))


def _poses_of(people: People, joint_definitions: str, where: str) -> PoseSet:
    people = units.in_pixels(people, None, where)
    units.check_axes(people, where)
    return people_to_poseset(people.points_px, people.confidence > 0, people.skeleton or "", joint_definitions, where)


def read_keypoints(
    path: str | Path,
    image_name: str | None = None,
    image_size: tuple[int, int] | None = None,
    skeleton: str | None = None,
) -> list[Keypoints]:
    """The people of one picture, largest first, from a file or folder.

    Args:
        image_name: the picture's name or path, which picks its people where the file names pictures.
        image_size: its width and height in pixels.
        skeleton: as for `load_keypoints`.
    """
    where, found = str(path), []
    for people in read_people(path, skeleton, image_name)[0]:
        people = units.in_pixels(people, image_size, where)
        units.check_axes(people, where)
        if image_size:
            units.check_inside(people, image_size, where)
        found += [
            Keypoints(people.skeleton or "", points_px, confidence, float(score))
            for points_px, confidence, score in zip(
                np.nan_to_num(people.points_px), people.confidence, people.scores, strict=True
            )
        ]
    return sorted(found, key=lambda person: -person.size_px)


def read_people(path: str | Path, skeleton: str | None = None, picture: str | None = None) -> tuple[list[People], int]:
    """People with at least one point that is seen, grouped by skeleton, and how many records were no points.

    A picture's name leaves its people alone, where the file names pictures.
    """
    path = Path(path)
    groups, faults = gather(_records(path))
    total = len(faults) + sum(map(len, groups))
    images = {image for people in groups for image in people.images.tolist() if image is not None}
    if picture and images:
        images = choose(images, picture, str(path))
    groups, more_faults = _with_skeletons(groups, skeleton, path)
    faults += more_faults
    if faults and not groups:
        raise ValueError(f"{path}: {faults[0]}")
    if faults:
        print_note(f"{path}: {len(faults)} of {total} records are left out; {faults[0]}")
    # The skeleton is told from all people, and only then are those of one picture taken.
    if picture and images:
        groups = [people.select(np.array([image in images for image in people.images], bool)) for people in groups]
    if not any(map(len, groups)):
        raise ValueError(f"there are no people in {path}")
    return [people for people in groups if len(people)], total - sum(map(len, groups))


def _with_skeletons(groups: list[People], skeleton: str | None, path: Path) -> tuple[list[People], list[str]]:
    """Those people of whom something is seen and whose skeleton is known, and why others are left out."""
    known, faults = [], []
    for people in groups:
        people = people.select(np.any(people.confidence > 0, axis=1))
        try:
            known += [with_skeleton(people, skeleton, str(path))] if len(people) else []
        except ValueError as error:
            faults += [str(error).removeprefix(f"{path}: ")] * len(people)
    return known, faults


def _records(path: Path) -> Iterator[Record]:
    """What the file holds, whatever its layout."""
    if path.is_dir():
        return _folder_records(path)
    readers = {".json": json_records, ".npy": npy_records, ".npz": npz_records, ".csv": csv_records}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: unknown kind of file; known: {', '.join(readers)} and folders of OpenPose's .json")
    return readers[path.suffix.lower()](path)


def json_records(path: Path) -> Iterator[Record]:
    """The records of a JSON file, by the first layout that fits."""
    records = records_in(read_json(path))
    if records is None:
        raise ValueError(f"{path} is of no layout that is known here, such as COCO's or OpenPose's; see docs/data.md")
    return records


def _folder_records(folder: Path) -> Iterator[Record]:
    """OpenPose's files of a folder, one a picture; those that cannot be read count as one record each."""
    files = sorted(path for path in folder.iterdir() if path.name.lower().endswith(f"{OPENPOSE_ENDING}.json"))
    if not files:
        raise ValueError(f"{folder} has no OpenPose file '*{OPENPOSE_ENDING}.json'")
    for path in files:
        try:
            records = list(json_records(path))
        except ValueError:
            records = [Record(None)]
        yield from (replace(record, image=path.stem[: -len(OPENPOSE_ENDING)]) for record in records)
