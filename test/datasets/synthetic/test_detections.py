"""2D poses like a detector's: how large and how frequent the errors are, and what stays as it is."""

import pytest
import torch

from datasets.synthetic.detections import EXACT_POSES, MISSED, as_detected
from datasets.synthetic.people import load_synthetic
from utils.geometry import CAMERA_DISTANCE
from utils.normalization import DETECTED, EXACT, UNSEEN, pixels_to_norm
from utils.skeleton import INDEX, JOINTS, MIRROR, TRUNK

COUNT = 6000


@pytest.fixture(scope="module")
def pose_norm():
    return pixels_to_norm(load_synthetic(COUNT, seed=1).poses_px["gt"])[0]


def detected(pose_norm, errors=1.0, definitions=0.0, hide=False, seed=0):
    return as_detected(pose_norm, errors, definitions, hide, torch.Generator().manual_seed(seed))


def test_without_errors_nothing_moves_and_a_third_is_said_to_be_exact(pose_norm):
    points, confidence = detected(pose_norm, 0.0, 0.0)
    assert torch.equal(points, pose_norm) and confidence.shape == (COUNT, 17)
    assert set(confidence.unique().tolist()) == {EXACT, DETECTED}
    assert (confidence == EXACT).float().mean().item() == pytest.approx(EXACT_POSES, abs=0.02)


def test_exact_poses_keep_their_points_and_the_others_are_off_as_detectors_are(pose_norm):
    points, confidence = detected(pose_norm, 1.0, 1.0)
    exact = confidence[:, 0] == EXACT
    assert torch.equal(points[exact], pose_norm[exact])
    error = (detected(pose_norm)[0] - pose_norm).norm(dim=-1)[~exact] * CAMERA_DISTANCE
    median = error.median(dim=0).values
    assert 0.03 < median[INDEX["left_knee"]] < 0.12
    assert median[INDEX["left_wrist"]] > 1.3 * median[INDEX["thorax"]], "extremities are found worst"
    assert (error[:, INDEX["left_wrist"]] > 0.3).float().mean() > MISSED["wrist"] / 2
    assert (error.amax(dim=1) < 0.2).float().mean() > 0.15, "many poses are found well"


def test_sizes_and_rates_follow_the_factor(pose_norm):
    small, large = ((detected(pose_norm, factor)[0] - pose_norm).norm(dim=-1).mean().item() for factor in (0.25, 1.0))
    assert 3 < large / small < 6


def test_some_limbs_are_mirrored(pose_norm):
    points, _ = detected(pose_norm)
    here, there = (
        (points - order).norm(dim=-1)[:, INDEX["left_knee"]] for order in (pose_norm, pose_norm[:, list(MIRROR)])
    )
    apart = (pose_norm[:, INDEX["left_knee"]] - pose_norm[:, INDEX["right_knee"]]).norm(dim=-1) * CAMERA_DISTANCE > 0.5
    assert 0.005 < (there < here)[apart].float().mean() < 0.08


def test_other_definitions_move_both_sides_alike_and_keep_the_root_s_neighbourhood(pose_norm):
    points, confidence = detected(pose_norm, 0.0, 1.0)
    moved = confidence[:, 0] == DETECTED
    along = {}
    for side in ("left", "right"):
        knee, foot = INDEX[f"{side}_knee"], INDEX[f"{side}_foot"]
        shank, new = (pose[moved, foot] - pose_norm[moved, knee] for pose in (pose_norm, points))
        along[side] = (new * shank).sum(dim=-1) / shank.square().sum(dim=-1)
        across = shank[:, 0] * new[:, 1] - shank[:, 1] * new[:, 0]
        assert across.abs().max() * CAMERA_DISTANCE**2 < 1e-3, "on the line of the shank"
    torch.testing.assert_close(along["left"], along["right"], rtol=1e-3, atol=1e-3)
    assert 0.07 < along["left"].std() < 0.13 and abs(along["left"].mean() - 1) < 0.02


def test_the_trunk_is_always_seen_and_limbs_disappear_together(pose_norm):
    _, confidence = detected(pose_norm, hide=True)
    unseen = confidence == UNSEEN
    assert not unseen[:, [INDEX[name] for name in TRUNK]].any()
    often = unseen.float().mean(dim=0)
    assert (often[[INDEX[name] for name in JOINTS if name not in TRUNK]] > 0.002).all()
    feet = unseen[:, INDEX["left_foot"]]
    assert feet.float().mean() > 2 * unseen[:, INDEX["head"]].float().mean()
