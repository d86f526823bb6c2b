"""The lifter: depths, geometry, what it refuses; made ready for inference, it lifts as the trained one does."""

import copy

import pytest
import torch

from datasets.synthetic.people import load_synthetic
from models.lifter import Lifter
from utils.geometry import CAMERA_DISTANCE, NEAREST_DEPTH
from utils.normalization import flip, pixels_to_norm
from utils.skeleton import ROOT


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
    depth = lifter(pose_norm.reshape(2, 3, 17, 2))
    assert depth.shape == (2, 3, 17)
    torch.testing.assert_close(depth[..., ROOT], torch.full((2, 3), CAMERA_DISTANCE))
    torch.testing.assert_close(depth.reshape(6, 17), lifter(pose_norm))
    torch.testing.assert_close(depth[0, 1], lifter(pose_norm[1]))


def test_depths_never_reach_the_camera(lifter, poses_px):
    with torch.no_grad():
        lifter.network[-1].bias[5] = -1e3
    assert lifter(pixels_to_norm(poses_px)[0])[:, 5].eq(NEAREST_DEPTH).all()


def test_lift_does_not_depend_on_place_and_size_in_the_image(lifter, poses_px):
    torch.testing.assert_close(lifter.lift(poses_px), lifter.lift(poses_px * 3 + 100), atol=1e-4, rtol=0)


def test_lifting_the_mirror_image_gives_the_mirrored_person(lifter, poses_px):
    mirrored_px = flip(poses_px - poses_px[:, :1])
    torch.testing.assert_close(lifter.lift(mirrored_px), flip(lifter.lift(poses_px)), atol=1e-5, rtol=0)
    plain = lifter.lift(mirrored_px, average_flip=False)
    assert (plain - flip(lifter.lift(poses_px, average_flip=False))).abs().max() > 1e-3


def test_lift_takes_arrays_and_intrinsics(lifter, poses_px):
    centred = (500.0, 500.0, float(poses_px[0, 0, 0]), float(poses_px[0, 0, 1]))
    lifted = lifter.lift(poses_px[0].numpy())
    assert lifted.shape == (17, 3) and not lifted.requires_grad and lifted[ROOT].abs().max() == 0
    torch.testing.assert_close(lifter.lift(poses_px[0], centred), lifted, atol=1e-4, rtol=0)
    assert lifter.lift(poses_px, torch.tensor(centred).expand(6, 4)).shape == (6, 17, 3)
    aside = lifter.lift(poses_px[0], (500.0, 500.0, centred[2] + 300, centred[3]))
    assert (aside - lifted).abs().max() > 0.1


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
