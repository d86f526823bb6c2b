"""Cameras and rotations by their properties, and points computed by hand."""

import math

import pytest
import torch

from utils import geometry as g
from utils.skeleton import ROOT


def random_pose(*batch: int, dtype=torch.float64) -> torch.Tensor:
    return g.place_at_distance(g.root_relative(torch.randn(*batch, 17, 3, dtype=dtype)))


@pytest.mark.parametrize("rotation", [g.rotation_x, g.rotation_y, g.rotation_z])
def test_rotations_are_proper_and_inverted_by_their_transpose(rotation):
    matrix = rotation(torch.randn(2, 3, dtype=torch.float64))
    assert matrix.shape == (2, 3, 3, 3)
    torch.testing.assert_close(matrix @ matrix.mT, torch.eye(3, dtype=torch.float64).expand(2, 3, 3, 3))
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(2, 3, dtype=torch.float64))


def test_positive_elevation_brings_the_head_nearer():
    head = torch.tensor([[0.0, -1.0, 0.0]])
    turned = g.rotate(head, g.rotation_x(torch.tensor(math.radians(30))))
    torch.testing.assert_close(turned, torch.tensor([[0.0, -math.cos(math.pi / 6), -0.5]]))


def test_quarter_turn_about_the_vertical_takes_forward_to_the_right():
    turned = g.rotate(torch.tensor([[0.0, 0.0, 1.0]]), g.rotation_y(torch.tensor(math.pi / 2)))
    torch.testing.assert_close(turned, torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-6, rtol=0)


def test_rotate_is_the_matrix_product_for_each_point():
    points, matrix = torch.randn(5, 17, 3), g.rotation_y(torch.randn(5)) @ g.rotation_x(torch.randn(5))
    torch.testing.assert_close(g.rotate(points, matrix), torch.einsum("bij,bpj->bpi", matrix, points))


def test_lifting_and_projecting_are_inverse():
    pose = random_pose(4, 2)
    torch.testing.assert_close(g.lift_to_camera(g.project(pose), pose[..., 2]), pose)


def test_a_point_is_lifted_by_hand():
    pose = g.lift_to_camera(torch.tensor([[0.1, -0.2]]), torch.tensor([10.0]))
    torch.testing.assert_close(pose, torch.tensor([[1.0, -2.0, 10.0]]))


def test_place_at_distance_clips_depth_and_puts_the_root_on_the_axis():
    pose = torch.zeros(17, 3)
    pose[5, 2] = -20.0
    placed = g.place_at_distance(pose)
    assert placed[ROOT].tolist() == [0.0, 0.0, g.CAMERA_DISTANCE]
    assert placed[5, 2] == g.NEAREST_DEPTH


def test_turn_to_ray_takes_the_axis_to_the_ray_by_the_smallest_angle():
    ray = torch.randn(6, 2, dtype=torch.float64)
    rotation = g.turn_to_ray(ray)
    direction = torch.cat([ray, torch.ones(6, 1, dtype=torch.float64)], dim=-1)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(rotation[..., 2], direction)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand(6, 3, 3))
    cosine = (rotation.diagonal(dim1=-2, dim2=-1).sum(dim=-1) - 1) / 2
    torch.testing.assert_close(cosine, direction[:, 2])


def test_turned_camera_sees_the_root_in_the_middle_and_is_undone_by_its_rotation():
    pose = random_pose(8) + torch.tensor([2.0, -1.0, 0.0])
    rays, rotation = g.turn_camera_to_root(g.project(pose))
    torch.testing.assert_close(rays[:, ROOT], torch.zeros(8, 2, dtype=torch.float64))
    torch.testing.assert_close(g.project(g.rotate(pose, rotation.mT)), rays)


def test_pixels_and_rays_round_trip():
    points, intrinsics = (
        torch.rand(3, 17, 2).double() * 1000,
        torch.tensor([1145.0, 1143.0, 512.0, 515.0]).double().expand(3, 4),
    )
    torch.testing.assert_close(g.rays_to_pixels(g.pixels_to_rays(points, intrinsics), intrinsics), points)


def test_distortion_by_hand():
    point = torch.tensor([0.5, 0.0])
    distorted = g.distort(point, torch.tensor([0.2, 0.0, 0.0]), torch.tensor([0.0, 0.01]))
    # x (1 + k1 r^2 + 2 p2 x) + p2 r^2 with r^2 = 0.25
    torch.testing.assert_close(distorted, torch.tensor([0.5 * (1 + 0.05 + 0.01) + 0.0025, 0.0]))


def test_lift_cycle_has_the_right_gradient():
    pose = random_pose(2).requires_grad_()
    matrix = g.rotation_y(torch.tensor([0.3, -1.0], dtype=torch.float64))

    def cycle(points):
        return g.project(g.place_at_distance(g.rotate(g.root_relative(points), matrix)))

    assert torch.autograd.gradcheck(cycle, pose)


def test_world_to_camera_puts_the_camera_at_the_origin():
    centre, rotation = torch.tensor([1.0, 2.0, 3.0]), g.rotation_y(torch.tensor(0.7))
    torch.testing.assert_close(g.world_to_camera(centre, rotation, centre), torch.zeros(3))


def test_poses_with_holes_or_without_size_are_not_usable():
    poses_px = torch.rand(5, 17, 2)
    poses_px[1, 3, 0], poses_px[2, 5, 1], poses_px[3], poses_px[4, ROOT] = torch.nan, torch.inf, 7.0, torch.inf
    assert g.usable(poses_px).tolist() == [True, False, False, False, False]
    assert g.usable(poses_px[0]) and not g.usable(poses_px[1])


def test_exporting_a_network_leaves_nothing_behind_that_spoils_later_calls():
    class Bones(torch.nn.Module):
        def forward(self, pose):
            return g.bone_vectors(pose)

    pose = torch.randn(2, 17, 3)
    expected = g.bone_vectors(pose)
    g._INDICES.clear()
    exported = torch.export.export(Bones(), (pose,)).module()
    assert torch.equal(g.bone_vectors(pose), expected) and torch.equal(exported(pose), expected)
