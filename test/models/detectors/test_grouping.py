import numpy as np
import pytest
from samples_openpose import bump, planted_maps, standing

from models.detectors.grouping import find_peaks, group_people, join_limb
from models.detectors.openpose import VARIANTS
from utils.skeleton import SOURCES


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
    assert join_limb(starts, ends, field) == {}
    field[0, 4:7] = 1
    assert join_limb(starts, ends, field) == {0: 0}
    assert join_limb(ends, starts, field) == {}, "the field points the other way"


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
    assert len(group_people(planted_maps(variant, []), SOURCES[variant.source], variant.limbs, 0.1)) == 0
