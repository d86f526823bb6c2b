import math
from typing import get_args

import pytest
import torch
from samples_motions import videos, walking

from datasets.datamodule import frame_pairs
from datasets.synthetic.people import load_synthetic
from losses import adversarial, priors, self_supervision
from models.lifter import Lifter
from utils.anthropometry import bone_ratios
from utils.config import LossConfig, ViewConfig
from utils.geometry import CAMERA_DISTANCE, lift_to_camera, root_relative, rotate, rotation_x, rotation_y
from utils.normalization import pixels_to_norm
from utils.skeleton import BONES, INDEX


def person() -> torch.Tensor:
    """A pose (17, 3) whose bones have exactly the published ratios, in random directions."""
    pose, directions = torch.zeros(17, 3), torch.randn(17, 3)
    for (parent, child), length in zip(BONES, bone_ratios(), strict=True):
        pose[child] = pose[parent] + length * directions[child] / directions[child].norm()
    return pose


def test_logit_zero_costs_log_two_on_each_side():
    zero = torch.zeros(8)
    assert adversarial.discriminator_loss(zero, zero, "non_saturating").item() == pytest.approx(2 * math.log(2))
    assert adversarial.generator_loss(zero, "non_saturating").item() == pytest.approx(math.log(2))


def test_least_squares_is_zero_at_its_targets_only():
    one = torch.ones(8)
    assert adversarial.discriminator_loss(one, -one, "least_squares").item() == 0
    assert adversarial.generator_loss(one, "least_squares").item() == 0
    assert adversarial.discriminator_loss(-one, one, "least_squares").item() == pytest.approx(2)
    # At logit 0 the 0-1 coding has (1/2)^2 on each side.
    assert adversarial.discriminator_loss(0 * one, 0 * one, "least_squares").item() == pytest.approx(0.5)


@pytest.mark.parametrize("kind", get_args(adversarial.Kind))
def test_lifter_and_discriminator_pull_in_opposite_directions(kind):
    logit = torch.zeros(4, requires_grad=True)
    (up,) = torch.autograd.grad(adversarial.generator_loss(logit, kind), logit)
    (down,) = torch.autograd.grad(adversarial.discriminator_loss(torch.zeros(4), logit, kind), logit)
    assert (up < 0).all()
    assert (down > 0).all()


def test_accuracy_counts_both_halves():
    real, fake = torch.tensor([1.0, 1.0, -1.0, 1.0]), torch.tensor([-1.0, 2.0])
    assert adversarial.discriminator_accuracy(real, fake).item() == pytest.approx((0.75 + 0.5) / 2)


def test_consistency_is_zero_at_equality_and_the_squared_distance_off_it():
    pose = torch.randn(3, 17, 3)
    assert self_supervision.pose_distance(pose, pose).item() == 0
    moved = pose + torch.tensor([0.0, 3.0, 4.0])
    assert self_supervision.pose_distance(pose, moved).item() == pytest.approx(25, rel=1e-5)


def test_bone_prior_is_zero_for_the_published_body_at_any_size_and_view():
    pose = torch.stack([person() for _ in range(4)])
    turned = 7 * rotate(pose, rotation_y(torch.randn(4)) @ rotation_x(torch.randn(4)))
    assert priors.bone_ratio_loss(turned, bone_ratios()).item() == pytest.approx(0, abs=1e-9)
    stretched = turned * torch.tensor([1.0, 1.5, 1.0])
    assert priors.bone_ratio_loss(stretched, bone_ratios()).item() > 1e-3


def test_bone_prior_survives_a_bone_of_no_length():
    pose = torch.zeros(1, 17, 3, requires_grad=True)
    priors.bone_ratio_loss(pose, bone_ratios()).backward()
    assert torch.isfinite(pose.grad).all()


def test_knees_that_bend_backward_are_free_from_any_view_and_their_mirror_is_not():
    """A person facing along z: thighs lifted forward, shanks hanging down."""
    pose = torch.zeros(17, 3)
    for side, x in (("right", 0.3), ("left", -0.3)):
        pose[INDEX[f"{side}_hip"]] = torch.tensor([x, 0.0, 0.0])
        pose[INDEX[f"{side}_knee"]] = torch.tensor([x, 0.3, 1.0])
        pose[INDEX[f"{side}_foot"]] = torch.tensor([x, 1.3, 0.8])
    turned = rotate(pose.expand(6, 17, 3), rotation_y(torch.randn(6)) @ rotation_x(torch.randn(6)))
    assert priors.knee_loss(turned).item() == 0
    assert priors.knee_loss(turned * torch.tensor([1.0, 1.0, -1.0])).item() > 0.5


def test_pose_loss_is_the_sum_of_the_mean_absolute_errors():
    assert priors.pose_loss(torch.zeros(2, 17, 3), torch.tensor([0.5, -0.25, 1.0]).expand(2, 17, 3)).item() == 1.75


def test_scale_loss_is_a_likelihood():
    """The density exp(-e / b) / (8 pi b^3) integrates to 1 over space, and b = e / 3 is likeliest."""
    radius = torch.linspace(0, 12, 400)
    density = torch.tensor([math.exp(-priors.scale_loss(e[None], torch.tensor([0.4]))) for e in radius]) / (8 * math.pi)
    assert torch.trapezoid(4 * math.pi * radius**2 * density, radius).item() == pytest.approx(1, abs=0.01)
    losses = {b: priors.scale_loss(torch.tensor([0.6]), torch.tensor([b])).item() for b in (0.1, 0.2, 0.4)}
    assert min(losses, key=losses.get) == 0.2


def test_a_lifter_that_knows_the_depths_has_no_self_supervised_loss():
    """If the second lift finds the rotated person, L2D and L3D vanish."""
    criterion = self_supervision.SelfSupervision(LossConfig(renormalise=False), ViewConfig(), bone_ratios())
    pose_norm = pixels_to_norm(load_synthetic(8, seed=5).poses_px["gt"])[0]
    depth = CAMERA_DISTANCE + 0.3 * torch.randn(8, 17)
    depth[:, 0] = CAMERA_DISTANCE
    pose = root_relative(lift_to_camera(pose_norm, depth))
    rotation = self_supervision.random_views(8, ViewConfig(), torch.Generator().manual_seed(0))

    def run(*poses):
        answers = iter(poses)
        cycle, terms = criterion(lambda pose: next(answers), pose_norm, rotation)
        return cycle, {term.name: term.value.item() for term in terms}

    cycle, wrong = run(pose, pose)
    _, right = run(pose, cycle.rotated)
    assert right["3d"] < 1e-9 < wrong["3d"]
    assert right["2d"] < 1e-9 < wrong["2d"]


def motions(lift, pairs, rotation):
    """What the temporal discriminator is to tell apart, of pairs of frames seen in one view."""
    rotation = rotation.expand(len(pairs), 3, 3)
    cycle = self_supervision.lift_cycle(lift, pairs[:, 0], rotation, renormalise=True)
    return adversarial.comparisons(lift, pairs, cycle, rotation, LossConfig(weight_temporal=1.0))[
        "temporal_discriminator"
    ]


def test_motion_lifted_rightly_is_the_motion_that_another_camera_sees():
    poses, turn = torch.from_numpy(walking(30)).float(), rotation_y(torch.tensor([0.9]))
    here, there = (videos(poses, rotation) for rotation in (torch.eye(3)[None], turn))
    pairs, pose = frame_pairs(here, 5), here.poses_cam_mm
    truth = {pairs[:, 0].sum().item(): pose[:25], pairs[:, 1].sum().item(): pose[5:]}

    def knowing(pose_norm):
        """The true poses, of those frames; of projections no matter."""
        return truth.get(pose_norm.sum().item(), pose[:25])

    seen_there = frame_pairs(there, 5)
    motion_there = seen_there[:, 1] - seen_there[:, 0]
    comparison = motions(knowing, pairs, turn)
    assert comparison.loss_name == "temporal" and motion_there.abs().max() > 0.01
    torch.testing.assert_close(comparison.real_norm, pairs[:, 1] - pairs[:, 0])
    torch.testing.assert_close(comparison.fake_norm, motion_there, atol=1e-5, rtol=0)
    truth = {norm: flat * torch.tensor([1.0, 1.0, 0.0]) for norm, flat in truth.items()}
    assert (motions(knowing, pairs, turn).fake_norm - motion_there).abs().max() > 0.01


def test_motion_is_real_whatever_the_depths_in_the_view_that_it_was_seen_from():
    pairs = frame_pairs(videos(torch.from_numpy(walking(30)).float(), torch.eye(3)[None]), 5)
    comparison = motions(Lifter(16, 1).eval().on_rays, pairs, torch.eye(3))
    torch.testing.assert_close(comparison.fake_norm, comparison.real_norm, atol=1e-6, rtol=0)
    still = pairs[:, :1].expand(-1, 2, -1, -1)
    comparison = motions(Lifter(16, 1).train().on_rays, still, rotation_y(torch.tensor([0.9])))
    assert comparison.real_norm.abs().max() == 0
    torch.testing.assert_close(comparison.fake_norm, comparison.real_norm, atol=1e-6, rtol=0)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_random_views_turn_upright_people_about_the_vertical(distribution):
    """Seen by a camera that looks down by the mean elevation, an upright person stays upright but for the spread."""
    views = ViewConfig(elevation_distribution=distribution, elevation_mean=30.0, elevation_std=0.0)
    rotation = self_supervision.random_views(50, views, torch.Generator().manual_seed(0))
    up_seen = rotation_x(torch.tensor(math.radians(30.0))) @ torch.tensor([0.0, -1.0, 0.0])
    torch.testing.assert_close(rotation @ up_seen, up_seen.expand(50, 3), atol=1e-5, rtol=0)
    assert (rotation @ torch.tensor([1.0, 0.0, 0.0])).std(dim=0).norm() > 0.5
