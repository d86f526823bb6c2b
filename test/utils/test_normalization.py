import torch

from utils import normalization as t
from utils.geometry import CAMERA_DISTANCE, project, rays_to_pixels, root_relative, rotate
from utils.skeleton import INDEX, MIRROR, ROOT


def random_pixels(*batch: int) -> torch.Tensor:
    return torch.randn(*batch, 17, 2, dtype=torch.float64) * 100 + 500


def test_normalised_pose_is_root_centred_and_one_cth_large():
    pose, _, _ = t.pixels_to_norm(random_pixels(3, 2))
    torch.testing.assert_close(pose[..., ROOT, :], torch.zeros(3, 2, 2, dtype=torch.float64))
    size = t.mean_root_distance(pose)
    torch.testing.assert_close(size, torch.full_like(size, 1 / CAMERA_DISTANCE))


def test_root_and_scale_lead_back_to_pixels():
    pose_px = random_pixels(4)
    pose_norm, root_px, scale_px = t.pixels_to_norm(pose_px)
    torch.testing.assert_close(root_px[:, None] + scale_px[:, None, None] * pose_norm, pose_px)


def test_normalising_ignores_place_and_size_in_the_picture():
    pose_px = random_pixels(4)
    moved = pose_px * 3.7 + torch.tensor([20.0, -300.0])
    torch.testing.assert_close(t.pixels_to_norm(moved)[0], t.pixels_to_norm(pose_px)[0])


def test_flip_is_its_own_inverse_and_swaps_sides():
    pose = t.pixels_to_norm(random_pixels(5))[0]
    torch.testing.assert_close(t.flip(t.flip(pose)), pose)
    left, right = INDEX["left_knee"], INDEX["right_knee"]
    torch.testing.assert_close(t.flip(pose)[:, left], pose[:, right] * torch.tensor([-1.0, 1.0]))
    assert MIRROR[left] == right


def test_virtual_camera_sees_the_pose_as_if_it_looked_at_the_root():
    pose_cam = root_relative(torch.randn(6, 17, 3, dtype=torch.float64)) * 0.3 + torch.tensor([1.0, -0.5, 5.0])
    intrinsics = torch.tensor([1100.0, 1100.0, 500.0, 500.0], dtype=torch.float64).expand(6, 4)
    pose_norm, rotation, nearness = t.pixels_to_virtual_norm(rays_to_pixels(project(pose_cam), intrinsics), intrinsics)
    expected, _, size = t.pixels_to_norm(project(rotate(pose_cam, rotation.mT)))
    torch.testing.assert_close(pose_norm, expected)
    torch.testing.assert_close(nearness, size)
