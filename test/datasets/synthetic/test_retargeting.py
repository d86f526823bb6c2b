import pytest
import torch

from datasets.synthetic.body import SEGMENTS, Bodies
from datasets.synthetic.people import SyntheticPeople
from datasets.synthetic.retargeting import retarget_to_body
from utils.geometry import root_relative, rotate, rotation_x
from utils.skeleton import INDEX


@pytest.fixture(scope="module")
def bodies():
    return Bodies()


@pytest.fixture(scope="module")
def upright(bodies):
    return bodies.sample(4000, torch.Generator().manual_seed(0))[0]


def seen_from_above(pose, degrees):
    return rotate(pose, rotation_x(torch.full(pose.shape[:1], degrees).deg2rad()))


def test_a_person_keeps_its_posture(bodies, upright):
    retargeted = retarget_to_body(
        seen_from_above(upright, 8.0) / 500, bodies, torch.Generator().manual_seed(1), elevation_deg=8.0
    )
    kept = [INDEX[name] for name in ("thorax", "head", "right_knee", "left_foot", "right_wrist", "left_elbow")]
    error = (retargeted - upright)[:, kept].norm(dim=-1)
    assert error.mean() < 130
    # The other way round it would be somebody else.
    assert (retargeted.flip(0) - upright)[:, kept].norm(dim=-1).mean() > 300


def test_bones_get_published_lengths_whatever_the_lift(bodies, upright):
    flat = upright * torch.tensor([1.0, 1.0, 0.3])
    retargeted = retarget_to_body(flat, bodies, torch.Generator().manual_seed(2), elevation_deg=0.0)
    for one, other, segment in (("right_hip", "right_knee", "thigh"), ("left_elbow", "left_wrist", "forearm"),
                                ("hip", "thorax", "torso"), ("thorax", "head", "head")):  # fmt: skip
        length = (retargeted[:, INDEX[one]] - retargeted[:, INDEX[other]]).norm(dim=-1)
        assert length.mean() == pytest.approx(1700 * SEGMENTS[segment], rel=0.02)
    assert (retargeted[:, INDEX["right_hip"]] + retargeted[:, INDEX["left_hip"]]).abs().max() < 1e-3


def test_the_neck_point_looks_forward(bodies, upright):
    retargeted = retarget_to_body(upright, bodies, torch.Generator().manual_seed(3), elevation_deg=0.0)
    across = retargeted[:, INDEX["right_shoulder"]] - retargeted[:, INDEX["left_shoulder"]]
    front = -torch.linalg.cross(across, retargeted[:, INDEX["thorax"]])
    neck = retargeted[:, INDEX["neck"]] - (retargeted[:, INDEX["thorax"]] + retargeted[:, INDEX["head"]]) / 2
    assert ((neck * front).sum(dim=-1) > 0).float().mean() > 0.97
    spine = retargeted[:, INDEX["spine"]] - retargeted[:, INDEX["thorax"]] / 2
    assert (spine * front).sum(dim=-1).mean() < 0


def test_the_data_s_elevation_is_taken_out(bodies, upright):
    generators = (torch.Generator().manual_seed(4) for _ in range(2))
    level, tilted = (retarget_to_body(seen_from_above(upright, degrees), bodies, generator, degrees)
                     for degrees, generator in zip((0.0, 20.0), generators, strict=True))  # fmt: skip
    torch.testing.assert_close(level, tilted, rtol=1e-3, atol=0.5)


def test_retargeted_people_can_be_seen_again(bodies, upright):
    generator = torch.Generator().manual_seed(5)
    people = SyntheticPeople()
    seen = people.view(retarget_to_body(upright[:64], bodies, generator, elevation_deg=8.0), generator)
    assert seen[..., 2].min() > 300
    assert root_relative(seen).isfinite().all()
