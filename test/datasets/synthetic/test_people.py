"""People in front of cameras: their places, and what a lifter should make of them."""

import math

import pytest
import torch

from datasets.synthetic.people import (
    FURTHEST_M,
    NEAREST_M,
    NEAREST_POINT_MM,
    SyntheticPeople,
    lifter_target,
    load_synthetic,
    nearest_on_rays,
)
from utils.geometry import CAMERA_DISTANCE, pixels_to_rays, place_at_distance, project, root_relative
from utils.normalization import flip, mean_root_distance
from utils.skeleton import INDEX


def seen_straight(count, seed, people=None):
    """Poses whose root is on the optical axis."""
    people, generator = people or SyntheticPeople(), torch.Generator().manual_seed(seed)
    return people.view(people.bodies.sample(count, generator)[0], generator)


def test_people_are_in_front_of_the_camera_at_its_distance():
    poses, _ = SyntheticPeople().sample(3000, torch.Generator().manual_seed(1))
    assert poses[..., 2].min() > 0.7 * NEAREST_POINT_MM
    distance = poses[:, 0].norm(dim=-1)
    assert distance.min() > 1000 * NEAREST_M - 1 and distance.max() < 1000 * FURTHEST_M + 1


def test_cameras_look_down_by_the_elevation_asked_for():
    body = torch.zeros(5000, 17, 3)
    body[..., 1] = torch.arange(17.0)
    seen = root_relative(SyntheticPeople(elevation_deg=(30.0, 0.0)).view(body, torch.Generator().manual_seed(0)))
    # A camera above the person sees the head nearer than the feet.
    angle = torch.atan2(seen[:, 16, 2], seen[:, 16, 1]).rad2deg()
    assert angle.mean().item() == pytest.approx(30, abs=0.1)


def test_some_cameras_are_held_at_unusual_angles():
    body = torch.zeros(20_000, 17, 3)
    body[..., 1] = torch.arange(17.0)

    def angles(unusual_views):
        people = SyntheticPeople(elevation_deg=(8.0, 6.0), unusual_views=unusual_views)
        seen = root_relative(people.view(body, torch.Generator().manual_seed(0)))[:, 16]
        elevation = torch.atan2(seen[:, 2], seen[:, :2].norm(dim=-1)).rad2deg()
        roll = torch.atan2(seen[:, 0], seen[:, 1]).rad2deg()
        return elevation.std().item(), roll.std().item()

    assert angles(0.0) == pytest.approx((6.0, 2.0), rel=0.03)
    # Variances of a mixture: (1 - u) s^2 + u (factor s)^2.
    assert angles(0.25) == pytest.approx((6 * math.sqrt(0.75 + 0.25 * 2.5**2), 2.0), rel=0.05)


def test_the_target_is_the_person_in_the_lifter_s_unit():
    pose_mm = seen_straight(2000, seed=2)
    pose_norm, target = lifter_target(pose_mm)
    torch.testing.assert_close(mean_root_distance(pose_norm), torch.full((2000,), 1 / CAMERA_DISTANCE))
    true = root_relative(pose_mm)
    unit_mm = (true.norm(dim=-1).sum(dim=-1) / target.norm(dim=-1).sum(dim=-1))[:, None, None]
    torch.testing.assert_close(target * unit_mm, true, rtol=1e-4, atol=0.01)
    assert mean_root_distance(target[..., :2]).median().item() == pytest.approx(1, abs=0.05)


def test_the_nearest_pose_on_the_rays_is_a_few_mm_off():
    pose_mm = seen_straight(2000, seed=2)
    pose_norm, target = lifter_target(pose_mm)
    nearest = nearest_on_rays(pose_norm, target)
    torch.testing.assert_close(project(place_at_distance(nearest)), pose_norm, atol=1e-5, rtol=0)
    mm = root_relative(pose_mm).norm(dim=-1).mean() / target.norm(dim=-1).mean()
    flipped = nearest_on_rays(pose_norm, target * torch.tensor([1.0, 1.0, -1.0]))
    assert (nearest - target).norm(dim=-1).mean() * mm < 12 and (flipped - target).norm(dim=-1).mean() * mm > 100


def test_the_nearest_pose_is_exact_at_the_lifter_s_distance():
    pose_mm = seen_straight(200, seed=3)
    relative = root_relative(pose_mm)
    for _ in range(50):
        size = mean_root_distance(project(pose_mm)) * CAMERA_DISTANCE
        pose_mm = relative + torch.tensor([0.0, 0.0, 1.0]) * (pose_mm[:, :1, 2:] * size[:, None, None])
    pose_norm, target = lifter_target(pose_mm)
    torch.testing.assert_close(nearest_on_rays(pose_norm, target), target, rtol=1e-3, atol=1e-3)


def test_targets_of_mirrored_people_are_mirrored():
    pose_mm = seen_straight(50, seed=4)
    for of_mirrored, original in zip(lifter_target(flip(pose_mm)), lifter_target(pose_mm), strict=True):
        torch.testing.assert_close(of_mirrored, flip(original))


def test_a_set_depends_on_its_seed_alone():
    first, again, other = (load_synthetic(64, seed) for seed in (5, 5, 6))
    assert torch.equal(first.poses_px["gt"], again.poses_px["gt"])
    assert torch.equal(first.poses_cam_mm, again.poses_cam_mm)
    assert not torch.equal(first.poses_cam_mm, other.poses_cam_mm)


def test_a_set_s_pixels_are_its_poses_projected_and_its_actions_their_postures():
    people = load_synthetic(2000, 0)
    rays = pixels_to_rays(people.poses_px["gt"], people.intrinsics_px)
    torch.testing.assert_close(rays, project(people.poses_cam_mm), rtol=1e-4, atol=1e-5)
    assert list(people.action_names) == sorted(people.action_names)
    standing = people.select(people.actions == people.action_names.index("standing"))
    feet = root_relative(standing.poses_cam_mm)[:, INDEX["right_foot"]]
    assert (feet[:, 1] > 500).all() and math.isclose(len(standing) / 2000, 0.2 / 1.16, abs_tol=0.03)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_people_are_made_on_the_gpu():
    poses, posture = SyntheticPeople("cuda").sample(64, torch.Generator("cuda").manual_seed(0))
    assert poses.is_cuda and posture.is_cuda
