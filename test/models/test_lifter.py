"""The lifter: depths, geometry, what it refuses; made ready for inference, it lifts as the trained one does."""

import copy

import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models.lifter import Lifter
from utils.geometry import CAMERA_DISTANCE, NEAREST_DEPTH, pixels_to_rays, place_at_distance, project, rays_to_pixels
from utils.normalization import flip, pixels_to_norm, pixels_to_virtual_norm
from utils.skeleton import INDEX, MIRROR, ROOT


@pytest.fixture
def lifter():
    """A small lifter whose batch statistics have moved away from 0 and 1."""
    torch.manual_seed(0)
    lifter = Lifter(width=32, blocks=2)
    with torch.no_grad():
        for _ in range(20):
            lifter(torch.randn(64, 17, 2) * 0.2 + 0.05)
    return lifter.eval()


@pytest.mark.parametrize("blocks", [0, 2])
def test_merged_batch_norm_changes_rounding_only(lifter, blocks):
    lifter = lifter if blocks else Lifter(width=32, blocks=0).eval()
    pose_px = load_synthetic(50, seed=1).poses_px["gt"]
    fast = lifter.for_inference()
    assert not any(isinstance(module, torch.nn.BatchNorm1d) for module in fast.modules())
    torch.testing.assert_close(fast.lift(pose_px), lifter.lift(pose_px), rtol=1e-4, atol=1e-5)


def test_bfloat16_inference_stays_near_and_returns_float32(lifter):
    pose_px = load_synthetic(50, seed=1).poses_px["gt"]
    fast = lifter.for_inference(torch.bfloat16).lift(pose_px)
    assert fast.dtype == torch.float32
    assert 0 < (fast - lifter.lift(pose_px)).norm(dim=-1).mean() < 0.02


def test_the_original_is_left_as_it_was(lifter):
    before = copy.deepcopy(lifter.state_dict())
    lifter.for_inference(torch.bfloat16)
    assert lifter.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in lifter.state_dict().items())


@pytest.fixture(scope="module")
def poses_px():
    return load_synthetic(6, seed=4).poses_px["gt"]


def test_depths_keep_leading_dimensions_and_pin_the_root(lifter, poses_px):
    pose_norm = pixels_to_norm(poses_px)[0]
    pose = lifter(pose_norm.reshape(2, 3, 17, 2)).pose
    assert pose.shape == (2, 3, 17, 3)
    assert (pose[..., ROOT, :] == 0).all()
    torch.testing.assert_close(pose.reshape(6, 17, 3), lifter(pose_norm).pose)
    torch.testing.assert_close(pose[0, 1], lifter(pose_norm[1]).pose)


def test_depths_never_reach_the_camera(lifter, poses_px):
    with torch.no_grad():
        lifter.network[-1].bias[5] = -1e3
    assert lifter(pixels_to_norm(poses_px)[0]).pose[:, 5, 2].eq(NEAREST_DEPTH - CAMERA_DISTANCE).all()


def test_lift_does_not_depend_on_place_and_size_in_the_image(lifter, poses_px):
    torch.testing.assert_close(lifter.lift(poses_px), lifter.lift(poses_px * 3 + 100), atol=1e-4, rtol=0)


def test_lifting_the_mirror_image_gives_the_mirrored_person(lifter, poses_px):
    mirrored_px = flip(poses_px - poses_px[:, :1])
    torch.testing.assert_close(lifter.lift(mirrored_px), flip(lifter.lift(poses_px)), atol=1e-5, rtol=0)
    plain = lifter.lift(mirrored_px, average_flip=False)
    assert (plain - flip(lifter.lift(poses_px, average_flip=False))).abs().max() > 1e-3


def test_lift_takes_arrays_and_intrinsics(lifter, poses_px):
    size_px = float((poses_px[0] - poses_px[0, 0]).norm(dim=-1).sum() / 16)
    # Looking straight at the person, with the perspective that it takes people to be in without intrinsics.
    centred = (CAMERA_DISTANCE * size_px,) * 2 + tuple(poses_px[0, 0].tolist())
    lifted = lifter.lift(poses_px[0].numpy())
    assert lifted.shape == (17, 3) and not lifted.requires_grad and lifted[ROOT].abs().max() == 0
    torch.testing.assert_close(lifter.lift(poses_px[0], centred), lifted, atol=1e-4, rtol=0)
    assert lifter.lift(poses_px, torch.tensor(centred).expand(6, 4)).shape == (6, 17, 3)
    aside = lifter.lift(poses_px[0], (centred[0], centred[1], centred[2] + 3000, centred[3]))
    assert (aside - lifted).abs().max() > 0.1


@pytest.mark.parametrize("focal_px", [500.0, 1100.0, 4000.0])
def test_with_intrinsics_the_pose_projects_to_its_points_from_some_place(lifter, poses_px, focal_px):
    intrinsics = torch.tensor([focal_px, focal_px, 450.0, 520.0]).expand(6, 4)
    ray = torch.nn.functional.pad(pixels_to_rays(poses_px, intrinsics)[:, ROOT], (0, 1), value=1)
    nearness = pixels_to_virtual_norm(poses_px, intrinsics)[2]
    placed = (
        lifter.lift(poses_px, intrinsics)
        + (ray / ray.norm(dim=-1, keepdim=True) * (CAMERA_DISTANCE / nearness)[:, None])[:, None]
    )
    torch.testing.assert_close(rays_to_pixels(project(placed), intrinsics), poses_px, atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("pose_px", "intrinsics", "words"),
    [
        (torch.rand(16, 2), None, r"shape \(..., 17, 2\)"),
        (torch.full((17, 2), torch.nan), None, "NaN or infinity"),
        (torch.ones(17, 2), None, "no size"),
        (torch.rand(17, 2), (0.0, 1.0, 0.0, 0.0), "positive focal lengths"),
        (torch.rand(17, 2), (1.0, 1.0, 0.0), "intrinsics must be"),
    ],
)
def test_what_cannot_be_lifted_is_refused(lifter, pose_px, intrinsics, words):
    with pytest.raises(ValueError, match=words):
        lifter.lift(pose_px, intrinsics)


@pytest.fixture
def correcting():
    """A small lifter that corrects points, with outputs that matter."""
    torch.manual_seed(1)
    lifter = Lifter(width=32, blocks=2, corrects_points=True)
    with torch.no_grad():
        lifter.network[-1].weight.mul_(50)
        for _ in range(20):
            lifter(torch.randn(64, 17, 2) * 0.1)
    return lifter.eval()


def test_a_correcting_lifter_moves_points_but_not_on_rays(correcting, poses_px):
    pose_norm = pixels_to_norm(poses_px)[0]
    moved = project(place_at_distance(correcting(pose_norm).pose))
    assert (moved - pose_norm).abs().max() > 1e-3
    torch.testing.assert_close(project(place_at_distance(correcting.on_rays(pose_norm))), pose_norm, atol=1e-5, rtol=0)


def test_none_means_detected_and_confidence_matters(correcting, poses_px):
    assert torch.equal(correcting.lift(poses_px), correcting.lift(poses_px, confidence=0.5))
    assert (correcting.lift(poses_px) - correcting.lift(poses_px, confidence=1.0)).abs().max() > 1e-3


def test_where_an_unseen_joint_is_said_to_be_does_not_matter(correcting, poses_px):
    confidence = torch.full((6, 17), 0.5)
    confidence[:, INDEX["left_foot"]] = 0
    elsewhere = poses_px.clone()
    elsewhere[:, INDEX["left_foot"]] += 321.0
    for intrinsics in (None, (1100.0, 1100.0, 500.0, 500.0)):
        first, radius = correcting.lift_with_uncertainty(poses_px, intrinsics, confidence)
        second = correcting.lift(elsewhere, intrinsics, confidence)
        torch.testing.assert_close(first, second, atol=1e-4, rtol=0)
        assert radius.shape == (6, 17) and (radius > 0).all()


def test_uncertainty_is_mirrored_with_the_person(correcting, poses_px):
    radius = correcting.lift_with_uncertainty(poses_px)[1]
    mirrored = correcting.lift_with_uncertainty(flip(poses_px - poses_px[:, :1]))[1]
    torch.testing.assert_close(mirrored, radius[:, list(MIRROR)], atol=1e-4, rtol=1e-4)


def test_a_lifter_of_depths_alone_has_no_uncertainty_and_takes_any_confidence(lifter, poses_px):
    pose, radius = lifter.lift_with_uncertainty(poses_px, confidence=torch.zeros(6, 17))
    assert radius is None and torch.equal(pose, lifter.lift(poses_px))


@pytest.mark.parametrize("confidence", [2.0, -0.1, float("nan"), [0.5, 0.5]])
def test_a_confidence_that_is_none_is_refused(correcting, poses_px, confidence):
    with pytest.raises(ValueError, match="confidence"):
        correcting.lift(poses_px, confidence=confidence)
