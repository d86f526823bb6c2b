import numpy as np
import pytest

from models.detectors.grouping import find_peaks, group_people, join_limb
from models.detectors.openpose import VARIANTS
from utils.skeleton import SOURCES


def bump(height, width, x, y, value=1.0):
    rows, columns = np.mgrid[:height, :width]
    return value * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4)


def test_peaks_are_local_maxima_over_the_threshold():
    heat = np.stack([bump(30, 40, 10, 12) + bump(30, 40, 30, 5, 0.5) + bump(30, 40, 20, 25, 0.05), np.zeros((30, 40))])
    first, second = find_peaks(heat, 0.1)
    assert sorted(first[:, :2].tolist()) == [[10, 12], [30, 5]]
    assert len(second) == 0


def test_a_plateau_is_one_peak():
    heat = np.zeros((1, 10, 10))
    heat[0, 4:6, 4:7] = 1
    assert len(find_peaks(heat, 0.5)[0]) == 1


def test_peaks_at_the_border_count():
    assert len(find_peaks(bump(20, 20, 0, 19)[None], 0.5)[0]) == 1


def test_limb_needs_a_field_along_it():
    starts, ends = np.array([[5.0, 5, 1]]), np.array([[25.0, 5, 1]])
    field = np.zeros((2, 30, 30))
    assert join_limb(starts, ends, field) == []
    field[0, 4:7] = 1
    assert join_limb(starts, ends, field)[0][:2] == (0, 0)
    assert join_limb(ends, starts, field) == [], "the field points the other way"


def planted_maps(variant, people, size=(120, 160)):
    """Maps as a perfect network would give them: `people` are {name: (x, y)}."""
    names = SOURCES[variant.source]
    maps = np.zeros((variant.heat_maps + variant.fields, *size))
    rows, columns = np.mgrid[: size[0], : size[1]]
    for person in people:
        for name, (x, y) in person.items():
            maps[names.index(name)] = np.maximum(maps[names.index(name)], bump(*size, x, y))
        for first, second, channel in variant.limbs:
            if first in person and second in person:
                start, end = np.array(person[first], float), np.array(person[second], float)
                along = end - start
                share = np.clip(
                    ((columns - start[0]) * along[0] + (rows - start[1]) * along[1]) / (along @ along), 0, 1
                )
                near = np.hypot(columns - start[0] - share * along[0], rows - start[1] - share * along[1]) < 3
                maps[channel : channel + 2][:, near] = (along / np.linalg.norm(along))[:, None]
    return maps


def standing(source, x):
    places = {"nose": 10, "eye": 8, "ear": 10, "top": 5, "base": 20, "shoulder": 21, "elbow": 40, "wrist": 55,
              "chest": 40, "hip": 60, "knee": 80, "ankle": 100}  # fmt: skip
    person = {}
    for name in SOURCES[source]:
        kind = name.split("_")[-1]
        side = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        person[name] = (x + side * (3 if kind in ("eye", "ear") else 9) + side * 2 * (kind == "ear"), places[kind])
    return person


@pytest.mark.parametrize("name", ["mpi", "coco"])
def test_two_planted_people_are_found_apart(name):
    variant = VARIANTS[name]
    people = [standing(variant.source, 40), standing(variant.source, 110)]
    found = group_people(planted_maps(variant, people), SOURCES[variant.source], variant.limbs, 0.1)
    assert len(found) == 2
    for points, person in zip(sorted(found, key=lambda points: points[1, 0]), people, strict=True):
        assert points[:, :2] == pytest.approx(np.array(list(person.values())), abs=1)
        assert (points[:, 2] > 0.9).all()


def test_a_hidden_point_stays_empty():
    variant = VARIANTS["mpi"]
    person = standing(variant.source, 60)
    del person["left_ankle"]
    (points,) = group_people(planted_maps(variant, [person]), SOURCES[variant.source], variant.limbs, 0.1)
    assert points[SOURCES[variant.source].index("left_ankle"), 2] == 0


def test_nobody():
    variant = VARIANTS["coco"]
    assert group_people(planted_maps(variant, []), SOURCES[variant.source], variant.limbs, 0.1) == []
