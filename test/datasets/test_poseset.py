"""Pose sets: selecting."""

import torch

from datasets.poseset import PoseSet
from datasets.synthetic.people import load_synthetic


def test_selecting_keeps_all_that_belongs_to_a_pose():
    people = load_synthetic(10, seed=1)
    people.poses_px["detected"] = people.poses_px["gt"] + torch.arange(10.0)[:, None, None]
    some = people.select(torch.tensor([7, 2]))
    assert len(some) == 2 and some.action_names == people.action_names
    pairs = [
        (some.poses_cam_mm, people.poses_cam_mm),
        (some.intrinsics_px, people.intrinsics_px),
        (some.actions, people.actions),
        (some.poses_px["detected"], people.poses_px["detected"]),
    ]
    for one, whole in pairs:
        assert torch.equal(one, whole[[7, 2]])
    assert PoseSet("2D alone", people.poses_px).select(torch.arange(10) < 3).to("cpu").poses_cam_mm is None


def test_selecting_leaves_gaps_in_videos_and_leads_nowhere_else():
    poses_px = torch.arange(7.0)[:, None, None].expand(7, 17, 2)
    videos = PoseSet("two videos", {"gt": poses_px}, next_frame=torch.tensor([1, 2, 3, -1, 5, 6, -1]))
    some = videos.select(torch.tensor([6, 1, 0, 5, 3]))
    assert some.next_frame.tolist() == [-1, -1, 1, 0, -1]
    assert videos.select(videos.poses_px["gt"][:, 0, 0] != 1).next_frame.tolist() == [-1, 2, -1, 4, 5, -1]
    assert some.to("cpu").next_frame.tolist() == some.next_frame.tolist()
