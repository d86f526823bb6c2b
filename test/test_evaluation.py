import csv
import json
import os
from pathlib import Path

import pytest
import torch

from datasets.poseset import PoseSet
from models.lifter import Lifter
from utils.evaluation.metrics import FIGURES, HEADLINES, ORACLES, mpjpe_gt_scaled, n_mpjpe, p_mpjpe
from utils.evaluation.report import evaluate, format_actions, format_table, lift_flat, lift_standing, write_results
from utils.geometry import project, rays_to_pixels, rotate, rotation_y
from utils.normalization import flip
from utils.skeleton import INDEX, JOINTS

ACTIONS = ("Eating", "Sitting", "Walking")
KEYS = {*HEADLINES, "oracles", "baselines", "per_action", "poses", "skipped", "mean_over_poses"}


def truth(count=60):
    generator = torch.Generator().manual_seed(0)
    person = 300 * torch.randn(count, 17, 3, generator=generator)
    return person + torch.tensor([600.0, -300.0, 4500.0])


@pytest.fixture
def pose_set():
    poses = truth()
    intrinsics = torch.tensor([1145.0, 1144.0, 512.0, 515.0]).expand(60, 4)
    poses_px = rays_to_pixels(project(poses), intrinsics)
    detected = poses_px + 2 * torch.randn(poses_px.shape, generator=torch.Generator().manual_seed(1))
    detected[:7, 4] = float("nan")
    actions = torch.tensor([0] * 10 + [1] * 20 + [2] * 30)
    return PoseSet("sixty people", {"gt": poses_px, "detected": detected}, poses, intrinsics, actions, ACTIONS)


def test_the_inputs_and_keys_of_the_results(pose_set):
    results = evaluate(lift_flat, pose_set)
    assert list(results["inputs"]) == ["gt", "gt+intrinsics", "detected", "detected+intrinsics"]
    for inputs, record in results["inputs"].items():
        assert set(record) == KEYS
        assert set(record["oracles"]) == set(ORACLES)
        assert (record["poses"], record["skipped"]) == ((53, 7) if "detected" in inputs else (60, 0))
        assert list(record["per_action"]) == list(ACTIONS)
        assert set(record["baselines"]) == {"flat", "standing"}
        for name in HEADLINES:
            assert record["baselines"]["flat"][name] == record[name]


def test_the_truth_scores_zero_and_a_baseline_does_not(pose_set):
    remaining = iter(pose_set.poses_cam_mm.split(16))
    record = evaluate(lambda pose, _: 0.001 * next(remaining), without_cameras(pose_set), 16, ["gt"])["inputs"]["gt"]
    assert record["mpjpe"] < 1e-2 and record["p_mpjpe"] < 1e-2 and record["pck150"] == 100
    assert min(record["baselines"][name]["p_mpjpe"] for name in ("flat", "standing")) > 50


def without_cameras(pose_set):
    return PoseSet(pose_set.name, pose_set.poses_px, pose_set.poses_cam_mm, None, pose_set.actions, ACTIONS)


def test_without_intrinsics_there_is_one_record_a_source(pose_set):
    assert list(evaluate(lift_flat, without_cameras(pose_set))["inputs"]) == ["gt", "detected"]


def test_the_batch_size_does_not_matter(pose_set):
    whole, pieces = (evaluate(lift_flat, pose_set, batch_size=size)["inputs"]["detected"] for size in (1000, 7))
    for name in HEADLINES:
        assert whole[name] == pytest.approx(pieces[name], rel=1e-6)


def test_lift_gets_the_rows_and_cameras_of_its_source(pose_set):
    calls = []

    def lift(pose_px, intrinsics):
        calls.append((pose_px, intrinsics))
        return lift_flat(pose_px, intrinsics)

    evaluate(lift, pose_set, sources=["detected"])
    (first, none), (second, cameras) = calls
    assert none is None and torch.equal(first, pose_set.poses_px["detected"][7:])
    assert torch.equal(second, first) and torch.equal(cameras, pose_set.intrinsics_px[7:])


def test_a_lifter_is_scored_as_it_is_called(pose_set):
    lifter = Lifter(width=8, blocks=1).eval()
    record = evaluate(lifter.lift, pose_set, sources=["detected"])["inputs"]["detected+intrinsics"]
    lifted = lifter.lift(pose_set.poses_px["detected"][7:], pose_set.intrinsics_px[7:])
    errors = mpjpe_gt_scaled(lifted, pose_set.poses_cam_mm[7:])
    assert record["mean_over_poses"]["mpjpe"] == pytest.approx(errors.mean().item(), rel=1e-5)


def test_the_headline_is_the_mean_over_actions(pose_set):
    record = evaluate(lift_flat, pose_set, sources=["gt"])["inputs"]["gt"]
    errors = p_mpjpe(lift_flat(pose_set.poses_px["gt"]), pose_set.poses_cam_mm)
    means = [errors[pose_set.actions == action].mean().item() for action in range(3)]
    assert record["p_mpjpe"] == pytest.approx(sum(means) / 3, rel=1e-5)
    assert record["mean_over_poses"]["p_mpjpe"] == pytest.approx(errors.mean().item(), rel=1e-5)


def test_the_flat_baseline_is_exact_for_a_flat_person_facing_the_turned_camera():
    """A person in a plane across the ray to the root, far off the image's centre: the intrinsics undo the turn."""
    person = 300 * torch.randn(1, 17, 3, generator=torch.Generator().manual_seed(2)) * torch.tensor([1.0, 1.0, 0.0])
    straight = person - person[:, :1] + torch.tensor([0.0, 0.0, 4000.0])
    pose_cam = rotate(straight, rotation_y(torch.tensor([0.4])))
    intrinsics = torch.tensor([[1000.0, 1000.0, 500.0, 500.0]])
    pose_px = rays_to_pixels(project(pose_cam), intrinsics)
    assert n_mpjpe(lift_flat(pose_px, intrinsics), pose_cam).item() < 0.1
    assert n_mpjpe(lift_flat(pose_px), pose_cam).item() > 20


def test_the_standing_person_faces_the_camera_upright_and_ignores_the_image():
    poses = lift_standing(torch.rand(5, 17, 2))
    assert poses.shape == (5, 17, 3) and torch.equal(poses[0], poses[4])
    height = dict(zip(JOINTS, (-poses[0, :, 1]).tolist(), strict=True))
    assert height["head"] > height["neck"] > height["thorax"] > height["spine"] > height["hip"] == 0
    assert height["left_shoulder"] > height["left_elbow"] > height["left_wrist"] > height["left_knee"]
    assert poses[0, INDEX["left_wrist"], 0] > 0 and not poses[..., 2].any()
    torch.testing.assert_close(flip(poses), poses)


def test_data_without_actions_is_scored(pose_set):
    plain = PoseSet("plain", {"gt": pose_set.poses_px["gt"]}, pose_set.poses_cam_mm)
    results = evaluate(lift_flat, plain)
    assert results["inputs"]["gt"]["per_action"] == {}
    assert "mean" in format_actions(results) and "flat" in format_table({"lifter": results})


def test_what_cannot_be_scored_is_refused(pose_set):
    with pytest.raises(ValueError, match="no 3D poses"):
        evaluate(lift_flat, PoseSet("pictures", pose_set.poses_px))
    with pytest.raises(ValueError, match="no 2D source guessed; known: gt, detected"):
        evaluate(lift_flat, pose_set, sources=["guessed"])
    with pytest.raises(ValueError, match="NaN or infinity"):
        evaluate(lambda pose, _: lift_flat(pose) * float("nan"), pose_set)
    with pytest.raises(ValueError, match=r"it gave \(60, 17, 2\)"):
        evaluate(lambda pose, _: pose, pose_set)
    pose_set.poses_px["detected"][:] = float("nan")
    with pytest.raises(ValueError, match="no complete 2D pose from the source detected"):
        evaluate(lift_flat, pose_set)


def test_people_of_no_size_are_skipped(pose_set):
    pose_set.poses_px["gt"][3] = 100.0
    assert evaluate(lift_flat, pose_set, sources=["gt"])["inputs"]["gt"]["skipped"] == 1


@pytest.fixture
def results(pose_set):
    return evaluate(lift_flat, pose_set)


def test_results_survive_json_and_csv(results, tmp_path):
    path = tmp_path / "new" / "results.json"
    write_results(results, path)
    assert json.loads(path.read_text()) == results
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    assert len(rows) == 4 * (len(ACTIONS) + 1)
    eating = results["inputs"]["gt"]["per_action"]["Eating"]
    assert (rows[0]["inputs"], rows[0]["action"], rows[0]["poses"]) == ("gt", "Eating", "10")
    assert float(rows[0]["p_mpjpe"]) == pytest.approx(eating["p_mpjpe"], abs=1e-3)
    assert float(rows[0]["oracle_mpjpe_flip"]) == pytest.approx(eating["oracles"]["mpjpe_flip"], abs=1e-3)
    assert sorted(file.name for file in path.parent.iterdir()) == ["results.csv", "results.json"]


def test_a_failed_write_leaves_the_old_file_and_no_litter(results, tmp_path, monkeypatch):
    path = tmp_path / "results.json"
    path.write_text("old")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(ValueError, match=r"cannot be written to .*results\.json: No space left"):
        write_results(results, path)
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said(results, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot be written"):
        write_results(results, tmp_path / "results.json")


def test_a_path_that_cannot_be_a_file_is_said(results, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ValueError, match="cannot be written"):
        write_results(results, tmp_path / "file" / "results.json")
    with pytest.raises(ValueError, match=r"must end in \.json"):
        write_results(results, tmp_path / "results.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_table_has_every_figure_in_its_column(results):
    lines = format_table({"lifter": results, "other": results}).splitlines()
    rows = [line.replace("|", "").split() for line in lines if line.startswith("  lifter")]
    assert len(rows) == 4 == sum(line.startswith("  other") for line in lines)
    record = results["inputs"]["gt"]
    values = [record["oracles"][name] if name in ORACLES else record[name] for name in FIGURES]
    assert rows[0] == ["lifter", *(f"{value:.1f}" for value in values)]
    assert sum(line.startswith("  standing") for line in lines) == sum(line.startswith("  flat") for line in lines) == 4
    assert "detected: 53 poses, 7 without key points skipped" in lines
    assert max(len(line) for line in lines) <= 120


def test_the_table_of_actions(results):
    lines = format_actions(results).splitlines()
    sitting = results["inputs"]["gt"]["per_action"]["Sitting"]
    row = next(line for line in lines if line.startswith("Sitting"))
    assert row.split()[1:4] == [f"{sitting['mpjpe']:.1f}", "/", f"{sitting['p_mpjpe']:.1f}"]
    assert lines[-1].startswith("mean") and len(lines) == len(ACTIONS) + 4
