"""MPII's annotations: the official MATLAB file, and the JSON files that many repositories share."""

import json

import numpy as np
from scipy.io import savemat


def make_people(count, num_points, seed=0):
    return np.random.default_rng(seed).uniform(1, 1000, (count, num_points, 2))


def structs(rows):
    """A MATLAB struct array (1, N), which SciPy writes from records."""
    array = np.empty((1, len(rows)), dtype=[(field, object) for field in rows[0]])
    for number, row in enumerate(rows):
        array[0, number] = tuple(row.values())
    return array


def annotated(points, missing=(), visible=True):
    """A person as the official file has them; without points only the head's rectangle is known."""
    if points is None:
        return {"x1": 1.0, "annopoints": np.zeros((0, 0))}
    rows = [
        {"x": x, "y": y, "id": float(number), "is_visible": np.array(["1"]) if visible else np.zeros((0, 0))}
        for number, (x, y) in enumerate(points)
        if number not in missing
    ]
    return {"x1": 1.0, "annopoints": structs([{"point": structs(rows[::-1])}])}


def write_matrix(path, people):
    """Images: two people; one with a missing joint; a test image; a head alone; nobody; no points at all."""
    images = [
        {"annorect": structs([annotated(people[0]), annotated(people[1], visible=False)])},
        {"annorect": structs([annotated(people[2], missing=[9])])},
        {"annorect": structs([annotated(people[3])])},
        {"annorect": structs([annotated(None)])},
        {"annorect": np.zeros((0, 0))},
        {"annorect": structs([{"scale": 1.0}])},
    ]
    release = {"annolist": structs(images), "img_train": np.array([[1, 1, 0, 1, 1, 1]], dtype=np.uint8)}
    path.parent.mkdir(exist_ok=True)
    savemat(path, {"RELEASE": release}, do_compression=True)


def write_annotations(path, people):
    def entry(points, validation=0.0, visible=1.0, dataset="MPI"):
        return {
            "dataset": dataset,
            "isValidation": validation,
            "img_paths": "015601864.jpg",
            "joint_self": [[x, y, visible] for x, y in points],
            "joint_others": [[[1.0, 1.0, 1.0]] * 16],
        }

    missing = people[2].copy()
    missing[9] = 0
    entries = [
        entry(people[0]),
        entry(people[1], validation=1.0, visible=0.0),
        entry(missing),
        entry(people[2][:9]),
        entry(people[3], dataset="LEEDS"),
    ]
    path.write_text(json.dumps(entries))


def write_hrnet(path, people, with_visibility=True, unseen=()):
    """One entry a person; `unseen` is a person and a joint that is marked as not annotated."""
    entries = []
    for number, points in enumerate(people):
        seen = ~np.isnan(points).any(axis=1) & (points > 0).any(axis=1)
        if unseen and number == unseen[0]:
            seen[unseen[1]] = False
        entry = {"image": "015601864.jpg", "scale": 3.0, "center": [594.0, 257.0], "joints": points.tolist()}
        entries.append(entry | ({"joints_vis": [int(one) for one in seen]} if with_visibility else {}))
    path.write_text(json.dumps(entries))
