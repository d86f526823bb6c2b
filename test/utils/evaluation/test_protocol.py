"""Which inputs are scored, with which rows and cameras, and what the baselines know."""

from dataclasses import replace

import pytest
import torch
from samples_poses import ACTIONS, sixty_people

from datasets.poseset import PoseSet
from models.lifter import Lifter
from utils.evaluation.metrics import HEADLINES, ORACLES, pose_errors
from utils.evaluation.protocol import evaluate, lift_standing, lift_zero_depth
from utils.geometry import project, rays_to_pixels, rotate, rotation_y
from utils.normalization import DETECTED, EXACT, flip
from utils.skeleton import INDEX, JOINTS

KEYS = {*HEADLINES, "oracles", "baselines", "per_action", "per_joint", "poses", "skipped", "mean_over_poses"}


@pytest.fixture
def pose_set():
    return sixty_people()


def test_the_inputs_and_keys_of_the_results(pose_set):
    results = evaluate(lift_zero_depth, pose_set)
    assert list(results["inputs"]) == ["gt", "gt+intrinsics", "detected", "detected+intrinsics"]
    for inputs, record in results["inputs"].items():
        assert set(record) == KEYS
        assert set(record["oracles"]) == set(ORACLES)
        assert (record["poses"], record["skipped"]) == ((53, 7) if "detected" in inputs else (60, 0))
        assert list(record["per_action"]) == list(ACTIONS)
        for name in HEADLINES:
            assert record["baselines"]["zero_depth"][name] == record[name]


def test_the_truth_scores_zero_and_a_baseline_does_not(pose_set):
    remaining = iter(pose_set.poses_cam_mm.split(16))
    without_cameras = replace(pose_set, intrinsics_px=None, poses_px={"gt": pose_set.poses_px["gt"]})
    results = evaluate(lambda pose, *_: 0.001 * next(remaining), without_cameras, 16)
    assert list(results["inputs"]) == ["gt"]
    record = results["inputs"]["gt"]
    assert record["mpjpe"] < 1e-2 and record["p_mpjpe"] < 1e-2 and record["pck150"] == 100
    assert min(record["baselines"][name]["p_mpjpe"] for name in ("zero_depth", "standing")) > 50


def test_the_batch_size_does_not_matter(pose_set):
    whole, pieces = (evaluate(lift_zero_depth, pose_set, size)["inputs"]["detected"] for size in (1000, 7))
    for name in HEADLINES:
        assert whole[name] == pytest.approx(pieces[name], rel=1e-6)


def test_lift_gets_the_complete_rows_of_its_source_and_their_cameras(pose_set):
    calls = []

    def lift(pose_px, intrinsics, confidence):
        calls.append((pose_px, intrinsics))
        assert confidence == (EXACT if len(calls) < 3 else DETECTED)
        return lift_zero_depth(pose_px, intrinsics)

    evaluate(lift, pose_set)
    (first, none), (second, cameras) = calls[2:]
    assert none is None and torch.equal(first, pose_set.poses_px["detected"][7:])
    assert torch.equal(second, first) and torch.equal(cameras, pose_set.intrinsics_px[7:])


def test_a_lifter_is_scored_as_it_is_called_and_the_headline_is_the_mean_over_actions(pose_set):
    lifter = Lifter(width=8, blocks=1).eval()
    record = evaluate(lifter.lift, pose_set)["inputs"]["gt+intrinsics"]
    lifted = lifter.lift(pose_set.poses_px["gt"], pose_set.intrinsics_px)
    errors = pose_errors(lifted, pose_set.poses_cam_mm)["p_mpjpe"]
    means = [errors[pose_set.actions == action].mean().item() for action in range(3)]
    assert record["p_mpjpe"] == pytest.approx(sum(means) / 3, rel=1e-5)
    assert record["mean_over_poses"]["p_mpjpe"] == pytest.approx(errors.mean().item(), rel=1e-5)


def test_zero_depth_is_exact_for_a_person_in_the_plane_across_the_ray_to_the_root():
    """Far off the image's centre: the intrinsics undo the turn."""
    person = 300 * torch.randn(1, 17, 3, generator=torch.Generator().manual_seed(2)) * torch.tensor([1.0, 1.0, 0.0])
    straight = person - person[:, :1] + torch.tensor([0.0, 0.0, 4000.0])
    pose_cam = rotate(straight, rotation_y(torch.tensor([0.4])))
    intrinsics = torch.tensor([[1000.0, 1000.0, 500.0, 500.0]])
    pose_px = rays_to_pixels(project(pose_cam), intrinsics)
    assert pose_errors(lift_zero_depth(pose_px, intrinsics), pose_cam)["n_mpjpe"].item() < 0.1
    assert pose_errors(lift_zero_depth(pose_px), pose_cam)["n_mpjpe"].item() > 20


def test_the_standing_person_faces_the_camera_upright_and_ignores_the_image():
    poses = lift_standing(torch.rand(5, 17, 2))
    assert poses.shape == (5, 17, 3) and torch.equal(poses[0], poses[4])
    height = dict(zip(JOINTS, (-poses[0, :, 1]).tolist(), strict=True))
    assert height["head"] > height["neck"] > height["thorax"] > height["spine"] > height["hip"] == 0
    assert height["left_shoulder"] > height["left_elbow"] > height["left_wrist"] > height["left_knee"]
    assert poses[0, INDEX["left_wrist"], 0] > 0 and not poses[..., 2].any()
    torch.testing.assert_close(flip(poses), poses)


def test_what_cannot_be_scored_is_refused(pose_set):
    with pytest.raises(ValueError, match="no 3D poses"):
        evaluate(lift_zero_depth, PoseSet("pictures", pose_set.poses_px))
    with pytest.raises(ValueError, match="NaN or infinity"):
        evaluate(lambda pose, *_: lift_zero_depth(pose) * float("nan"), pose_set)
    with pytest.raises(ValueError, match=r"it gave \(60, 17, 2\)"):
        evaluate(lambda pose, *_: pose, pose_set)
    pose_set.poses_px["detected"][:] = float("nan")
    with pytest.raises(ValueError, match="no complete 2D pose from the source detected"):
        evaluate(lift_zero_depth, pose_set)
