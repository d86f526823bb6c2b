import math

import pytest
import torch

from datasets.synthetic.body import SEGMENTS, SHAPE_STD, Bodies, bend_arm
from datasets.synthetic.people import SyntheticPeople, as_detected, as_mpii, depth_target, load_synthetic
from datasets.synthetic.postures import POSTURES
from utils.geometry import CAMERA_DISTANCE, lift_to_camera, pixels_to_rays, project, root_relative
from utils.normalization import flip, mean_root_distance
from utils.skeleton import INDEX, joint_weights

SIDES = (("right", 1.0), ("left", -1.0))


@pytest.fixture(scope="module")
def bodies():
    return Bodies().sample(20_000, torch.Generator().manual_seed(0))


def joint(pose, name):
    return pose[..., INDEX[name], :]


def length(pose, one, other):
    return (joint(pose, one) - joint(pose, other)).norm(dim=-1)


def seen_straight(people, n, generator):
    """Inputs and targets as the teacher makes them."""
    return depth_target(people.view(people.bodies.sample(n, generator)[0], generator))


def doing(bodies, *names):
    poses, posture = bodies
    return poses[torch.isin(posture, torch.tensor([list(POSTURES).index(name) for name in names]))]


def test_every_posture_appears_about_as_often_as_its_share(bodies):
    share = torch.bincount(bodies[1], minlength=len(POSTURES)) / len(bodies[1])
    wanted = torch.tensor([posture.weight for posture in POSTURES.values()])
    assert (share - wanted / wanted.sum()).abs().max() < 0.01


def test_bones_have_published_lengths(bodies):
    poses = bodies[0]
    thigh = length(poses, "right_hip", "right_knee")
    assert thigh.mean() == pytest.approx(1700 * SEGMENTS["thigh"], rel=0.01)
    for one, other, segment in (("right_knee", "right_foot", "shank"), ("left_elbow", "left_wrist", "forearm")):
        ratio = length(poses, one, other) / thigh * SEGMENTS["thigh"] / SEGMENTS[segment]
        assert ratio.min() > (1 - 2.5 * SHAPE_STD) / (1 + 2.5 * SHAPE_STD) - 1e-3
        assert ratio.max() < (1 + 2.5 * SHAPE_STD) / (1 - 2.5 * SHAPE_STD) + 1e-3
    for bone in (("hip", "knee"), ("knee", "foot"), ("shoulder", "elbow"), ("elbow", "wrist")):
        right, left = (length(poses, *(f"{side}_{name}" for name in bone)) for side in ("right", "left"))
        torch.testing.assert_close(right, left, rtol=1e-3, atol=0.1)


def test_joints_are_human36m_s(bodies):
    poses = doing(bodies, "standing")
    torso = length(poses, "hip", "spine") + length(poses, "spine", "thorax")
    assert (length(poses, "hip", "spine") / torso).median() == pytest.approx(0.485, abs=0.005)
    assert (length(poses, "right_hip", "left_hip") / torso).median() == pytest.approx(0.54, abs=0.02)
    assert (length(poses, "thorax", "head") / torso).median() == pytest.approx(0.37, abs=0.02)
    # The neck point lies in front of the line from thorax to head.
    middle = (joint(poses, "thorax") + joint(poses, "head")) / 2
    assert ((joint(poses, "neck") - middle)[:, 2] > 0).float().mean() > 0.95


def test_left_is_left(bodies):
    poses = bodies[0]
    across = joint(poses, "right_hip") - joint(poses, "left_hip")
    up = joint(poses, "spine") - joint(poses, "hip")
    neck = joint(poses, "neck") - (joint(poses, "thorax") + joint(poses, "head")) / 2
    # x right, y down, z forward is right-handed: right x up = right x (-down) = -forward.
    facing_away = -torch.linalg.cross(across, up)
    assert ((facing_away * neck).sum(dim=-1) > 0).float().mean() > 0.97
    standing = doing(bodies, "standing", "walking")
    assert (joint(standing, "left_shoulder")[:, 0] < joint(standing, "right_shoulder")[:, 0]).float().mean() > 0.99


def test_limbs_bend_the_right_way(bodies):
    poses = bodies[0]
    for side, sign in SIDES:
        hip, knee, foot = (joint(poses, f"{side}_{name}") for name in ("hip", "knee", "foot"))
        thigh, shin = knee - hip, foot - knee
        cosine = torch.nn.functional.cosine_similarity(thigh, shin, dim=-1)
        assert cosine.min() > math.cos(math.radians(156))
        shoulder, elbow, wrist = (joint(poses, f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        cosine = torch.nn.functional.cosine_similarity(elbow - shoulder, wrist - elbow, dim=-1)
        assert cosine.min() > math.cos(math.radians(151))
        # In front of an upright chest, elbows hang below or stand outside the line from shoulder to wrist.
        upright = joint(poses, "thorax")[:, 1] < -0.97 * poses[:, INDEX["thorax"]].norm(dim=-1)
        outward_down = torch.tensor([sign, 1.0, 0.0])
        offset = ((elbow - (shoulder + wrist) / 2) * outward_down).sum(dim=-1)
        assert (offset[upright] > -30).float().mean() > 0.97


def test_knees_bend_backward_only(bodies):
    for poses in (doing(bodies, "standing", "walking"), doing(bodies, "squatting", "kneeling", "sitting")):
        for side in ("right", "left"):
            hip, knee, foot = (joint(poses, f"{side}_{name}") for name in ("hip", "knee", "foot"))
            # With the knee in front of the line from hip to foot, the shin is bent backward.
            line = (foot - hip) / (foot - hip).norm(dim=-1, keepdim=True)
            kneecap = (knee - hip) - ((knee - hip) * line).sum(dim=-1, keepdim=True) * line
            bent = kneecap.norm(dim=-1) > 40
            assert (kneecap[bent][:, 2] > -20).float().mean() > 0.97


def test_who_stands_has_feet_below(bodies):
    poses = doing(bodies, "standing", "walking")
    for side in ("right", "left"):
        feet = joint(poses, f"{side}_foot")[:, 1]
        assert feet.min() > 100
        assert (feet > 500).float().mean() > 0.99
    assert joint(poses, "head")[:, 1].max() < -300


def test_arms_reach_their_place_or_stop_short():
    wrist = torch.tensor([[0.0, 0.9, 0.1], [0.1, -0.7, 0.3], [0.0, 0.0, 3.0], [0.0, 0.01, 0.01]])
    upper = torch.full((4, 1), 0.54)
    elbow, reached = bend_arm(wrist, upper, torch.zeros(4, 3))
    torch.testing.assert_close(reached[:2], wrist[:2])
    assert reached.norm(dim=-1).max() <= 0.9951
    torch.testing.assert_close(elbow.norm(dim=-1, keepdim=True), upper)
    torch.testing.assert_close((reached - elbow).norm(dim=-1, keepdim=True), 1 - upper)


def test_people_are_in_front_of_the_camera_at_its_distance():
    poses, _ = SyntheticPeople(distance_m=(2.0, 3.0)).sample(3000, torch.Generator().manual_seed(1))
    assert poses[..., 2].min() > 300
    distance = poses[:, 0].norm(dim=-1)
    assert distance.min() > 1999
    assert (distance < 3001).float().mean() > 0.99


def test_the_elevation_is_the_one_asked_for():
    camera = SyntheticPeople(elevation_deg=(30.0, 0.0), roll_deg=0.0)
    body = torch.zeros(1, 17, 3)
    body[0, :, 1] = torch.arange(17.0)
    seen = root_relative(camera.view(body, torch.Generator().manual_seed(0)))
    # A camera above the person sees the head nearer than the feet.
    assert math.degrees(math.atan2(seen[0, 16, 2], seen[0, 16, 1])) == pytest.approx(30, abs=1e-3)


def test_the_depth_target_lifts_to_the_person():
    people = SyntheticPeople(off_axis_deg=0.0)
    pose_mm, _ = people.sample(2000, torch.Generator().manual_seed(2))
    pose_norm, offset = depth_target(pose_mm)
    torch.testing.assert_close(mean_root_distance(pose_norm), torch.full((2000,), 1 / CAMERA_DISTANCE))
    lifted = root_relative(lift_to_camera(pose_norm, CAMERA_DISTANCE + offset))
    true = root_relative(pose_mm)
    scale = mean_root_distance(true[..., :2])[:, None, None]
    assert (lifted * scale - true).norm(dim=-1).mean() < 12
    worse = root_relative(lift_to_camera(pose_norm, CAMERA_DISTANCE - offset))
    assert (worse * scale - true).norm(dim=-1).mean() > 100


def test_the_depth_target_is_exact_at_the_lifter_s_distance():
    pose_mm = SyntheticPeople().view(Bodies().sample(200, g := torch.Generator().manual_seed(3))[0], g)
    relative = root_relative(pose_mm)
    for _ in range(50):
        size = mean_root_distance(project(pose_mm)) * CAMERA_DISTANCE
        pose_mm = relative + torch.tensor([0.0, 0.0, 1.0]) * (pose_mm[:, :1, 2:] * size[:, None, None])
    pose_norm, offset = depth_target(pose_mm)
    lifted = root_relative(lift_to_camera(pose_norm, CAMERA_DISTANCE + offset))
    torch.testing.assert_close(lifted * pose_mm[:, :1, 2:] / CAMERA_DISTANCE, relative, rtol=1e-3, atol=0.1)


def test_depth_targets_of_mirrored_people_are_mirrored():
    pose_mm = SyntheticPeople(off_axis_deg=0.0).sample(50, torch.Generator().manual_seed(4))[0]
    pose_norm, offset = depth_target(pose_mm)
    mirrored_norm, mirrored_offset = depth_target(flip(pose_mm))
    torch.testing.assert_close(mirrored_norm, flip(pose_norm))
    torch.testing.assert_close(
        mirrored_offset[..., None], flip(torch.nn.functional.pad(offset[..., None], (1, 0)))[..., 1:]
    )


def test_detector_noise_is_normalised_and_keeps_the_depth_to_width():
    generator = torch.Generator().manual_seed(5)
    pose_norm, offset = seen_straight(SyntheticPeople(), 4000, generator)
    noisy, moved = as_detected(pose_norm, offset, 0.03, generator)
    torch.testing.assert_close(mean_root_distance(noisy), torch.full((4000,), 1 / CAMERA_DISTANCE))
    error = (noisy - pose_norm).norm(dim=-1) * CAMERA_DISTANCE
    assert 0.005 < error[:, INDEX["right_knee"]].median() < 0.05
    assert (error.amax(dim=1) > 0.3).float().mean() > 0.05
    # The jittered joints change the scale of a pose, by which its depths are divided as well.
    ratio = (moved / offset)[:, INDEX["right_foot"]]
    torch.testing.assert_close(moved, offset * ratio[:, None], rtol=1e-3, atol=1e-4)
    on_line = (noisy[:, INDEX["thorax"]] + noisy[:, INDEX["head"]]) / 2
    share = ((noisy[:, INDEX["neck"]] - on_line).norm(dim=-1) < 1e-5).float().mean()
    assert share == pytest.approx(0.5, abs=0.05)


def test_a_set_depends_on_its_seed_alone():
    first, again, other = (load_synthetic(64, seed) for seed in (5, 5, 6))
    assert torch.equal(first.poses_px["gt"], again.poses_px["gt"])
    assert torch.equal(first.poses_cam_mm, again.poses_cam_mm)
    assert not torch.equal(first.poses_cam_mm, other.poses_cam_mm)


def test_a_set_s_pixels_are_its_poses_projected():
    people = load_synthetic(256, 0)
    rays = pixels_to_rays(people.poses_px["gt"], people.intrinsics_px)
    torch.testing.assert_close(rays, project(people.poses_cam_mm), rtol=1e-4, atol=1e-5)
    assert people.poses_px["gt"].shape == (256, 17, 2)
    assert [people.action_names[i] for i in people.actions.unique()] == sorted(
        people.action_names[i] for i in people.actions.unique()
    )
    assert "detected" not in people.poses_px


def test_a_set_s_postures_keep_their_names():
    people = load_synthetic(2000, 0, elevation_deg=(0.0, 0.0))
    standing = people.select(people.actions == people.action_names.index("standing"))
    pose = root_relative(standing.poses_cam_mm)
    assert (joint(pose, "right_foot")[:, 1] > 500).all()


def test_noise_and_mpii_s_joints_are_options():
    clean, noisy = load_synthetic(500, 1), load_synthetic(500, 1, noise_px=5.0)
    assert torch.equal(clean.poses_px["gt"], noisy.poses_px["gt"])
    assert (noisy.poses_px["detected"] - noisy.poses_px["gt"]).std() == pytest.approx(5.0, rel=0.05)
    mpii = load_synthetic(500, 1, joints="mpii_17")
    harmonised = torch.tensor(joint_weights("mpii_17"), dtype=torch.float32) @ mpii.poses_px["gt"]
    difference = (harmonised - clean.poses_px["gt"]).norm(dim=-1)
    same = [INDEX[name] for name in ("right_hip", "left_hip", "thorax", "head", "left_wrist")]
    assert difference[:, same].max() < 5


def test_mpii_s_points_become_human36m_s_again():
    pose = Bodies().sample(10, torch.Generator().manual_seed(0))[0]
    again = torch.tensor(joint_weights("mpii_17"), dtype=torch.float32) @ as_mpii(pose)
    kept = [index for name, index in INDEX.items() if name not in ("spine", "neck")]
    torch.testing.assert_close(again[:, kept], pose[:, kept], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    "options", [{"count": 0}, {"joints": "coco_17"}, {"distance_m": (3.0, 2.0)}, {"distance_m": (0.1, 2.0)}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="got"):
        load_synthetic(**({"count": 4, "seed": 0} | options))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_people_are_made_on_the_gpu():
    pose_norm, offset = seen_straight(SyntheticPeople("cuda"), 64, torch.Generator("cuda").manual_seed(0))
    assert pose_norm.is_cuda
    assert offset.shape == (64, 17)
