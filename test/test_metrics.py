import numpy as np
import pytest
import torch

from utils.evaluation.metrics import (
    FIGURES,
    HEADLINES,
    ORACLES,
    PoseErrors,
    auc,
    mpjpe_flip_oracle,
    mpjpe_gt_scaled,
    mpjpe_norm_scaled,
    n_mpjpe,
    p_mpjpe,
    p_mpjpe_reflected,
    pck,
    pose_errors,
)

FUNCTIONS = {
    "mpjpe": mpjpe_gt_scaled,
    "n_mpjpe": n_mpjpe,
    "mpjpe_norm_scaled": mpjpe_norm_scaled,
    "p_mpjpe": p_mpjpe,
    "pck150": pck,
    "auc": auc,
    "p_mpjpe_reflected": p_mpjpe_reflected,
    "mpjpe_flip": mpjpe_flip_oracle,
}
IN_MM = [name for name in FIGURES if name not in ("pck150", "auc")]
MIRROR_X = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
FLIP_Z = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)


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


def test_every_figure_equals_a_plain_recomputation(pred, target):
    expected = [reference(p, t) for p, t in zip(pred.numpy(), target.numpy(), strict=True)]
    together = pose_errors(pred, target)
    assert tuple(together) == FIGURES == HEADLINES + ORACLES
    for name in FIGURES:
        values = torch.tensor([pose[name] for pose in expected], dtype=torch.float64)
        torch.testing.assert_close(together[name], values, rtol=1e-9, atol=1e-7)
        torch.testing.assert_close(FUNCTIONS[name](pred, target), values, rtol=1e-9, atol=1e-7)
    assert (together["p_mpjpe"] > together["p_mpjpe_reflected"] + 1).any()


def test_many_poses_in_any_leading_shape_equal_one_at_a_time(pred, target, monkeypatch):
    monkeypatch.setattr("utils.evaluation.metrics._CHUNK", 7)
    grid = pose_errors(pred.reshape(4, 10, 17, 3), target.reshape(4, 10, 17, 3))
    single = [pose_errors(p, t) for p, t in zip(pred, target, strict=True)]
    for name in FIGURES:
        assert grid[name].shape == (4, 10)
        torch.testing.assert_close(grid[name].flatten(), torch.stack([pose[name] for pose in single]))


@pytest.mark.parametrize("name", FIGURES)
def test_the_scale_and_place_of_a_prediction_do_not_matter(name, pred, target):
    expected = FUNCTIONS[name](pred, target)
    for scale in (1e-12, 0.01, 3.0, 1e12):
        torch.testing.assert_close(FUNCTIONS[name](scale * pred, target), expected)
    torch.testing.assert_close(FUNCTIONS[name](pred + 5, target - 800), expected)


def test_zero_for_the_truth_at_any_scale(target):
    for name in IN_MM:
        assert FUNCTIONS[name](0.001 * target, target).max() < 1e-9
    assert (pck(target, target) == 100).all()
    torch.testing.assert_close(auc(target, target), torch.full((40,), 100 * 30 / 31, dtype=torch.float64))


def test_only_procrustes_forgives_a_rotation(target):
    turned = 0.002 * target @ rotations(40)
    for name in ("p_mpjpe", "p_mpjpe_reflected"):
        assert FUNCTIONS[name](turned, target).max() < 1e-6
    for name in ("mpjpe", "n_mpjpe", "mpjpe_norm_scaled"):
        assert FUNCTIONS[name](turned, target).min() > 10


def test_only_the_oracles_forgive_mirrors(target):
    mirrored, flipped = target * MIRROR_X, target * FLIP_Z
    assert p_mpjpe_reflected(mirrored @ rotations(40), target).max() < 1e-6
    assert p_mpjpe(mirrored, target).min() > 10
    assert mpjpe_flip_oracle(flipped, target).max() < 1e-6
    assert mpjpe_flip_oracle(mirrored, target).min() > 10
    assert n_mpjpe(flipped, target).min() > 10


def test_inside_out_is_scored_as_no_better_than_a_point(target):
    point = torch.zeros_like(target)
    torch.testing.assert_close(n_mpjpe(-target, target), n_mpjpe(point, target))


@pytest.mark.parametrize("name", FIGURES)
def test_a_prediction_of_no_size_has_a_large_finite_error(name, target):
    errors = FUNCTIONS[name](torch.full_like(target, 2.0), target)
    assert torch.isfinite(errors).all()
    assert (errors > 200).all() if name in IN_MM else (errors < 50).all()


def test_a_prediction_seen_end_on_has_a_finite_error(target):
    assert torch.isfinite(mpjpe_gt_scaled(target * torch.tensor([0.0, 0.0, 1.0]), target)).all()


def test_a_flat_prediction_has_the_same_procrustes_error_either_way(target):
    flat = target * torch.tensor([1.0, 1.0, 0.0])
    torch.testing.assert_close(p_mpjpe(flat, target), p_mpjpe_reflected(flat, target))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", FIGURES)
def test_nan_and_infinity_are_refused(name, bad, pred, target):
    pred[3, 5, 1] = bad
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40 poses"):
        FUNCTIONS[name](pred, target)
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40 poses"):
        FUNCTIONS[name](target, pred)


def test_wrong_joints_are_refused():
    with pytest.raises(ValueError, match=r"\(\.\.\., 17, 3\)"):
        pose_errors(torch.zeros(2, 0, 3), torch.zeros(2, 0, 3))
    with pytest.raises(ValueError, match=r"\(\.\.\., 17, 3\)"):
        PoseErrors().update(torch.zeros(2, 16, 3), torch.zeros(2, 16, 3))


def test_no_poses_give_no_errors():
    errors = pose_errors(torch.zeros(0, 17, 3), torch.zeros(0, 17, 3))
    assert all(values.shape == (0,) for values in errors.values())


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
    assert pck(pred, target).item() == pytest.approx(100 * 16 / 17)
    # Thresholds passed, of 31: the 14 exact joints 30 each, 12 mm those from 15 to 150, 149.9 mm only 150.
    assert auc(pred, target).item() == pytest.approx(100 * (14 * 30 + 28 + 1 + 0) / (17 * 31))


def filled(pred, target, actions, pieces, names=("Eating", "Sitting", "Walking")):
    metric = PoseErrors(names)
    for p, t, a in zip(pred.split(pieces), target.split(pieces), actions.split(pieces), strict=True):
        metric.update(p, t, a)
    return metric


@pytest.fixture
def actions():
    return torch.tensor([0] * 5 + [1] * 12 + [2] * 23)


def assert_same(left, right):
    assert left.keys() == right.keys()
    for key in left:
        if isinstance(left[key], dict):
            assert_same(left[key], right[key])
        else:
            assert left[key] == pytest.approx(right[key], rel=1e-12)


def test_uneven_batches_equal_one_batch(pred, target, actions):
    assert_same(filled(pred, target, actions, 7).compute(), filled(pred, target, actions, 40).compute())


def test_merged_states_equal_one_state(pred, target, actions):
    first, second = filled(pred[:13], target[:13], actions[:13], 13), filled(pred[13:], target[13:], actions[13:], 4)
    first.merge_state(second)
    assert_same(first.compute(), filled(pred, target, actions, 40).compute())


def test_each_action_weighs_the_same(pred, target, actions):
    errors = n_mpjpe(pred, target)
    means = [errors[actions == action].mean().item() for action in range(3)]
    result = filled(pred, target, actions, 9).compute()
    assert result["n_mpjpe"] == pytest.approx(np.mean(means))
    assert result["mean_over_poses"]["n_mpjpe"] == pytest.approx(errors.mean().item())
    assert [row["n_mpjpe"] for row in result["per_action"].values()] == pytest.approx(means)
    assert [row["poses"] for row in result["per_action"].values()] == [5, 12, 23]
    assert list(result["per_action"]) == ["Eating", "Sitting", "Walking"]
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


def test_nothing_to_score_is_said(pred, target):
    metric = PoseErrors()
    metric.update(pred * float("nan"), target)
    with pytest.raises(ValueError, match="nothing to score: no finite pose came, and 40"):
        metric.compute()


def test_data_without_actions(pred, target):
    metric = PoseErrors()
    metric.update(pred[:1], target[:1])
    result = metric.compute()
    assert result["per_action"] == {} and result["poses"] == 1
    assert result["p_mpjpe"] == pytest.approx(p_mpjpe(pred[0], target[0]).item())


def test_unknown_or_missing_actions_are_refused(pred, target, actions):
    with pytest.raises(ValueError, match="outside 0 to 2"):
        filled(pred, target, actions + 1, 40)
    with pytest.raises(ValueError, match="each pose needs its action"):
        PoseErrors(("Eating", "Sitting")).update(pred, target)
