import numpy as np
import pytest

from utils import skeleton as s


def test_mirror_is_an_involution_that_commutes_with_parents():
    for joint, mirrored in enumerate(s.MIRROR):
        assert s.MIRROR[mirrored] == joint
        parent = s.PARENTS[joint]
        assert s.PARENTS[mirrored] == (s.MIRROR[parent] if parent >= 0 else -1)


def test_mirror_swaps_sides():
    swapped = {"left": "right", "right": "left", "middle": "middle"}
    assert [swapped[side] for side in s.SIDES] == [s.SIDES[mirrored] for mirrored in s.MIRROR]


def test_every_joint_but_the_root_ends_one_bone():
    assert sorted(child for _, child in s.BONES) == list(range(1, s.NUM_JOINTS))


@pytest.mark.parametrize(
    ("source", "raw"), [(source, False) for source in s.JOINTS_FROM] + [(source, True) for source in s.JOINTS_FROM_RAW]
)
def test_mapping_rows_sum_to_one_so_that_poses_move_with_the_person(source, raw):
    np.testing.assert_allclose(s.joint_weights(source, raw).sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("source", s.SOURCES)
def test_left_stays_left(source):
    """A joint depends on its own side more than on the other, and its mirror in the mirrored way."""
    names, weights = s.SOURCES[source], s.joint_weights(source)
    mirrored_points = [names.index(_mirror(name)) for name in names]
    np.testing.assert_allclose(weights[list(s.MIRROR)][:, mirrored_points], weights, atol=1e-12)
    for joint, name in enumerate(s.JOINTS):
        side = name.split("_")[0]
        if side in ("left", "right"):
            heaviest = names[int(weights[joint].argmax())]
            assert side in heaviest


def _mirror(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(part, part) for part in name.split("_"))


def test_a_standing_person_maps_to_the_same_pose_from_every_detector():
    """Points of one front-facing person, by name, in each source's own order."""
    points = {
        "pelvis": (0, 0), "hip": (0, 0), "mpii_thorax": (0, -44.5), "upper_neck": (0, -50), "neck_base": (0, -44.5),
        "head_top": (0, -76), "mpii_neck": (0, -63), "chest": (0, -22), "spine": (0, -25), "thorax": (0, -50),
        "neck": (0, -60), "head": (0, -69.5), "nose": (0, -62), "left_ear": (5, -63), "right_ear": (-5, -63),
    }  # fmt: skip
    for side, sign in (("left", 1), ("right", -1)):
        limbs = {"shoulder": (17, -44.5), "elbow": (20, -20), "wrist": (22, 0), "hip": (8, 0), "knee": (9, 42),
                 "ankle": (9, 84), "foot": (9, 84)}  # fmt: skip
        points |= {f"{side}_{limb}": (sign * x, y) for limb, (x, y) in limbs.items()}
    mapped = {
        source: s.joint_weights(source) @ np.array([points.get(name, (0.0, 0.0)) for name in names], dtype=float)
        for source, names in s.SOURCES.items()
        if source != "h36m_17"
    }
    reference = mapped["coco_17"]
    assert reference[s.INDEX["left_hip"]][0] == pytest.approx(8 * s.HIP_SPREAD, abs=0.3)
    for source, joints in mapped.items():
        np.testing.assert_allclose(joints, reference, atol=1.0, err_msg=source)


def test_unknown_source_is_named():
    with pytest.raises(ValueError, match="unknown skeleton 'kinect'; known: "):
        s.joint_weights("kinect")
