"""Every figure against a second computation in plain NumPy, and the means over a data set."""

import numpy as np
import pytest
import torch

from utils.evaluation.metrics import FIGURES, HEADLINES, ORACLES, PoseErrors, pose_errors
from utils.skeleton import JOINTS

IN_MM = [name for name in FIGURES if name not in ("pck150", "auc")]
MIRROR_X = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
FLIP_Z = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
NAMES = ("Eating", "Sitting", "Walking")


@pytest.fixture
def target():
    generator = torch.Generator().manual_seed(0)
    return 300 * torch.randn(40, 17, 3, generator=generator, dtype=torch.float64) + 4000


@pytest.fixture
def pred(target):
    """Half of the poses are rough guesses, half are rough guesses of the mirror image."""
    generator = torch.Generator().manual_seed(1)
    noisy = (target - target[:, :1]) / 400 + 0.3 * torch.randn(40, 17, 3, generator=generator, dtype=torch.float64)
    return torch.cat([noisy[:20], noisy[20:] * MIRROR_X]) + 0.7


@pytest.fixture
def actions():
    return torch.tensor([0] * 5 + [1] * 12 + [2] * 23)


def rotations(count):
    q, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(count, 3, 3)))
    return torch.from_numpy(q * np.sign(np.linalg.det(q))[:, None, None])


def mean_distance(pose, other):
    return np.mean([np.sqrt(((a - b) ** 2).sum()) for a, b in zip(pose, other, strict=True)])


def reference(pred, target):
    """One pose in plain NumPy, from the definitions: least squares by lstsq, Procrustes by Kabsch."""
    p, t = pred - pred[0], target - target[0]
    in_plane = sum(np.hypot(x, y) for x, y, _ in t) / sum(np.hypot(x, y) for x, y, _ in p)

    def least_squares(pose):
        return max(0.0, np.linalg.lstsq(pose.reshape(-1, 1), t.reshape(-1), rcond=None)[0][0]) * pose

    def procrustes(reflect):
        a, b = pred - pred.mean(axis=0), target - target.mean(axis=0)
        u, s, vh = np.linalg.svd(b.T @ a)
        signs = np.array([1, 1, 1.0 if reflect else np.sign(np.linalg.det(u @ vh))])
        moved = (s * signs).sum() / (a**2).sum() * a @ (u @ np.diag(signs) @ vh).T
        return mean_distance(moved, b)

    joint_errors = np.linalg.norm(least_squares(p) - t, axis=1)
    return {
        "mpjpe": mean_distance(p * in_plane, t),
        "n_mpjpe": joint_errors.mean(),
        "mpjpe_norm_scaled": mean_distance(p * np.linalg.norm(t) / np.linalg.norm(p), t),
        "p_mpjpe": procrustes(reflect=False),
        "pck150": 100 * np.mean(joint_errors < 150),
        "auc": 100 * np.mean([np.mean(joint_errors < threshold) for threshold in range(0, 151, 5)]),
        "p_mpjpe_reflected": procrustes(reflect=True),
        "mpjpe_flip": min(joint_errors.mean(), mean_distance(least_squares(p * [1, 1, -1]), t)),
    }


def test_every_figure_equals_a_plain_recomputation_in_any_leading_shape(pred, target):
    expected = [reference(p, t) for p, t in zip(pred.numpy(), target.numpy(), strict=True)]
    errors = pose_errors(pred.reshape(4, 10, 17, 3), target.reshape(4, 10, 17, 3))
    assert tuple(errors) == FIGURES == HEADLINES + ORACLES
    for name in FIGURES:
        values = torch.tensor([pose[name] for pose in expected], dtype=torch.float64)
        torch.testing.assert_close(errors[name], values.reshape(4, 10), rtol=1e-9, atol=1e-7)
    assert (errors["p_mpjpe"] > errors["p_mpjpe_reflected"] + 1).any()


def test_the_scale_and_place_of_a_prediction_do_not_matter(pred, target):
    expected = pose_errors(pred, target)
    for scale in (1e-12, 3.0, 1e12):
        torch.testing.assert_close(pose_errors(scale * pred, target), expected)
    torch.testing.assert_close(pose_errors(pred + 5, target - 800), expected)


def test_what_each_figure_forgives(target):
    turned, mirrored = 0.002 * target @ rotations(40), target * MIRROR_X @ rotations(40)
    for pose, forgiving in (
        (0.001 * target, set(IN_MM)),
        (turned, {"p_mpjpe", "p_mpjpe_reflected"}),
        (mirrored, {"p_mpjpe_reflected"}),
        (target * FLIP_Z, {"p_mpjpe_reflected", "mpjpe_flip"}),
    ):
        errors = pose_errors(pose, target)
        assert {name for name in IN_MM if errors[name].max() < 1e-6} == forgiving
        assert all(errors[name].min() > 10 for name in set(IN_MM) - forgiving)


def test_inside_out_is_scored_as_no_better_than_a_point(target):
    inside_out, point = (pose_errors(pose, target)["n_mpjpe"] for pose in (-target, torch.zeros_like(target)))
    torch.testing.assert_close(inside_out, point)


def test_predictions_without_any_size_have_large_finite_errors(target):
    for pose in (torch.full_like(target, 2.0), target * torch.tensor([0.0, 0.0, 1.0])):
        errors = pose_errors(pose, target)
        assert all(torch.isfinite(error).all() for error in errors.values())
        assert errors["mpjpe"].min() > 200 and errors["pck150"].max() < 50


def test_half_precision_is_scored_in_single_precision(pred, target):
    half, truth = pred.bfloat16(), target.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        errors = pose_errors(half, truth)
    expected = pose_errors(half.double(), truth.double())
    for name in IN_MM:
        assert errors[name].dtype == torch.float32
        torch.testing.assert_close(errors[name].double(), expected[name], rtol=1e-4, atol=1e-2)


def test_pck_and_auc_by_hand():
    """Two far joints give the person its size; of the others three are off by 12, 149.9 and 150.1 mm."""
    target = torch.zeros(17, 3, dtype=torch.float64)
    target[1], target[4] = torch.tensor([1e6, 0, 0]), torch.tensor([-1e6, 0, 0])
    pred = target.clone()
    for joint, offset in ((7, 12.0), (8, 149.9), (9, 150.1)):
        pred[joint, 1] = offset
    errors = pose_errors(pred, target)
    assert errors["pck150"].item() == pytest.approx(100 * 16 / 17)
    # Thresholds passed, of 31: the 14 exact joints 30 each, 12 mm those from 15 to 150, 149.9 mm only 150.
    assert errors["auc"].item() == pytest.approx(100 * (14 * 30 + 28 + 1 + 0) / (17 * 31))


def test_wrong_joints_are_refused():
    with pytest.raises(ValueError, match=r"\(\.\.\., 17, 3\)"):
        pose_errors(torch.zeros(2, 16, 3), torch.zeros(2, 16, 3))


def filled(pred, target, actions, pieces, names=NAMES):
    metric = PoseErrors(names)
    for p, t, a in zip(pred.split(pieces), target.split(pieces), actions.split(pieces), strict=True):
        metric.update(p, t, a)
    return metric


def assert_same(left, right):
    assert left.keys() == right.keys()
    for key in left:
        if isinstance(left[key], dict):
            assert_same(left[key], right[key])
        else:
            assert left[key] == pytest.approx(right[key], rel=1e-12)


def test_however_the_set_is_split_the_means_are_the_same(pred, target, actions):
    whole = filled(pred, target, actions, 40).compute()
    assert_same(filled(pred, target, actions, 7).compute(), whole)
    first, second = filled(pred[:13], target[:13], actions[:13], 13), filled(pred[13:], target[13:], actions[13:], 4)
    first.merge_state(second)
    assert_same(first.compute(), whole)


def test_each_action_weighs_the_same(pred, target, actions):
    errors = pose_errors(pred, target)["n_mpjpe"]
    means = [errors[actions == action].mean().item() for action in range(3)]
    result = filled(pred, target, actions, 9).compute()
    assert result["n_mpjpe"] == pytest.approx(np.mean(means))
    assert result["mean_over_poses"]["n_mpjpe"] == pytest.approx(errors.mean().item())
    assert [row["n_mpjpe"] for row in result["per_action"].values()] == pytest.approx(means)
    assert {name: row["poses"] for name, row in result["per_action"].items()} == dict(
        zip(NAMES, (5, 12, 23), strict=True)
    )
    assert set(result["oracles"]) == set(ORACLES)


def test_an_action_without_poses_does_not_count(pred, target, actions):
    two = filled(pred[:17], target[:17], actions[:17], 17).compute()
    assert list(two["per_action"]) == ["Eating", "Sitting"]
    assert two["mpjpe"] == pytest.approx(np.mean([row["mpjpe"] for row in two["per_action"].values()]))


def test_poses_with_nan_are_skipped_and_counted(pred, target, actions):
    expected = filled(pred[2:], target[2:], actions[2:], 38).compute()
    pred[0, 3], target[1, 0, 2] = float("nan"), float("inf")
    result = filled(pred, target, actions, 11).compute()
    assert result.pop("skipped") == 2 and expected.pop("skipped") == 0
    assert_same(result, expected)


def test_joints_have_figures_of_their_own_whose_mean_is_that_of_the_poses(pred, target, actions):
    target[0, 0, 0] = torch.nan
    result = filled(pred, target, actions, 11).compute()
    for name in ("n_mpjpe", "p_mpjpe"):
        of_joints = np.mean([row[name] for row in result["per_joint"].values()])
        assert of_joints == pytest.approx(result["mean_over_poses"][name])
    p, t = (poses[1:].numpy() - poses[1:, :1].numpy() for poses in (pred, target))
    scaled = (p * t).sum(axis=(1, 2), keepdims=True).clip(0) / (p**2).sum(axis=(1, 2), keepdims=True) * p
    wrist = np.linalg.norm(scaled - t, axis=-1)[:, JOINTS.index("left_wrist")].mean()
    assert result["per_joint"]["left_wrist"]["n_mpjpe"] == pytest.approx(wrist)
    assert tuple(result["per_joint"]) == tuple(JOINTS)


def test_nothing_to_score_is_said(pred, target):
    metric = PoseErrors()
    metric.update(pred * float("nan"), target)
    with pytest.raises(ValueError, match="nothing to score: of 40 poses none"):
        metric.compute()


def test_unknown_or_missing_actions_are_refused(pred, target, actions):
    with pytest.raises(ValueError, match="outside 0 to 2"):
        filled(pred, target, actions + 1, 40)
    with pytest.raises(ValueError, match="each pose needs its action"):
        PoseErrors(("Eating", "Sitting")).update(pred, target)


def test_joints_that_are_not_scored_change_nothing(pred, target):
    scored = (1, 2, 3, 4, 5, 6, 11, 12, 13)
    spoilt, unknown = pred.clone(), target.clone()
    others = [joint for joint in range(1, 17) if joint not in scored]
    spoilt[:, others], unknown[:, others] = 1e3, torch.nan
    expected = pose_errors(pred, target, scored)
    for name, error in pose_errors(spoilt, unknown, scored).items():
        torch.testing.assert_close(error, expected[name])
    assert pose_errors(target, target, scored)["n_mpjpe"].max() < 1e-9
    metric = PoseErrors(scored=scored)
    metric.update(spoilt, unknown)
    result = metric.compute()
    assert result["n_mpjpe"] == pytest.approx(float(expected["n_mpjpe"].mean()))
    assert list(result["per_joint"]) == [JOINTS[joint] for joint in scored]
