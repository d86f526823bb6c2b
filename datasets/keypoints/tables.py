"""Arrays and tables with keypoints: .npy, .npz, VideoPose3D's .npz, .csv."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..files import existing_file, read_npy, read_pickled_npz
from .records import Record, size_of

VIDEOPOSE3D_NAMES = {"h36m": "h36m_17", "mpii": "mpii_16", "coco": "coco_17"}
"""`layout_name` in the metadata of VideoPose3D's 2D files -> our name."""


def npy_records(path: Path) -> Iterator[Record]:
    """(N, K, 2 or 3), (N, 2 K), or one person's (K, 2 or 3)."""
    return iter([Record(read_npy(path))])


def npz_records(path: Path) -> Iterator[Record]:
    """`keypoints` as in a .npy, with a text `skeleton` if wished, or VideoPose3D's `positions_2d`."""
    content = read_pickled_npz(path)
    if isinstance(content.get("positions_2d"), dict):
        return _videopose3d(content["positions_2d"], content.get("metadata"))
    if "keypoints" not in content:
        raise ValueError(f"{path} has no 'keypoints', only {', '.join(map(repr, content)) or 'nothing'}")
    skeleton = content.get("skeleton")
    return iter([Record(content["keypoints"], skeleton=None if skeleton is None else str(skeleton))])


def _videopose3d(videos: dict[str, Any], metadata: Any) -> Iterator[Record]:
    """VideoPose3D's {video: {action: [(frames, K, 2) of each camera]}} and the name of its skeleton."""
    metadata = metadata if isinstance(metadata, dict) else {}
    layout, sizes = metadata.get("layout_name"), metadata.get("video_metadata")
    skeleton = VIDEOPOSE3D_NAMES.get(layout, layout) if isinstance(layout, str) else None
    for video, actions in videos.items():
        size = sizes.get(video) if isinstance(sizes, dict) else None
        size = size_of(size.get("w"), size.get("h")) if isinstance(size, dict) else None
        for cameras in actions.values() if isinstance(actions, dict) else [actions]:
            for points in cameras if isinstance(cameras, list | tuple) else [cameras]:
                if points is not None:
                    yield Record(points, image=str(video), size_px=size, skeleton=skeleton)


def csv_records(path: Path) -> Iterator[Record]:
    """Rows of x, y, x, y ... or x, y, score ...; DeepLabCut's and other tables with named columns."""
    try:
        text = existing_file(path).read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path} is not a table of comma-separated values") from None
    # DeepLabCut's names of individuals and points may be numbers themselves.
    names = next((number + 1 for number, row in enumerate(rows[:5]) if row[0].strip() == "coords"), 0)
    first = next((n for n in range(names, len(rows)) if 2 * sum(map(_is_number, rows[n])) > len(rows[n])), len(rows))
    heads, body = rows[:first], rows[first:]
    if not body:
        raise ValueError(f"{path} has no row of numbers")
    if not heads:
        return (Record([_number(cell) for cell in row]) for row in body)
    return _named_columns(heads, body, path)


def _named_columns(heads: list[list[str]], body: list[list[str]], path: Path) -> Iterator[Record]:
    """The columns are named nose_x, nose_y or, over several lines, nose and x. One person a row, or several people
    whom a line "individuals" tells apart."""
    whose = next((row for row in heads if row[0].strip() == "individuals"), [""])
    people: dict[str, dict[str, dict[str, int]]] = {}
    for number in range(len(heads[-1])):
        words = [row[number].strip() for row in heads if number < len(row)]
        name, _, axis = words[0].rpartition("_") if len(words) == 1 else ("_".join(words[-2:-1]), "", words[-1])
        axis = {"likelihood": "score", "confidence": "score", "visibility": "score", "v": "score"}.get(axis, axis)
        if axis.lower() in ("x", "y", "score"):
            axes = people.setdefault(whose[number] if number < len(whose) else "", {}).setdefault(name, {})
            if axis.lower() in axes:
                raise ValueError(f"{path} has several columns of {axis.lower()} of {name or 'a point without a name'}")
            axes[axis.lower()] = number
    whole = [{name: axes for name, axes in points.items() if {"x", "y"} <= axes.keys()} for points in people.values()]
    several = [points for points in whole if points]
    if not several:
        raise ValueError(f"{path} has no columns of x and y of named points")
    start = min(number for points in several for axes in points.values() for number in axes.values())
    return (_named_row(row, points, start) for row in body for points in several)


def _named_row(row: list[str], points: dict[str, dict[str, int]], start: int) -> Record:
    def cell(axes: dict[str, int], axis: str) -> float | None:
        return _number(row[axes[axis]]) if axis in axes and axes[axis] < len(row) else None

    values = [[cell(axes, "x"), cell(axes, "y")] for axes in points.values()]
    scores = [cell(axes, "score") if "score" in axes else 1.0 for axes in points.values()]
    image = "/".join(filter(None, (part.strip() for part in row[:start]))) or None
    return Record(values, scores, image=image, names=tuple(points))


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _number(cell: Any) -> float:
    return float(cell or "nan") if _is_number(cell) else np.nan
