"""A person who walks on the spot, made of sines, for tests of what is exported."""

import numpy as np
import torch

from datasets.poseset import PoseSet
from utils.export3d.motion import Motion, Track, motion_of
from utils.geometry import place_at_distance, project, rotate
from utils.skeleton import INDEX, JOINTS

RATE = 25.0
THIGH, SHANK, UPPER_ARM, FOREARM, HALF_HIPS, HALF_SHOULDERS = 0.245, 0.246, 0.186, 0.146, 0.07, 0.129
HEIGHTS = {"hip": 0.0, "spine": 0.16, "thorax": 0.324, "neck": 0.38, "head": 0.433}


def forwards_and_down(angle, length):
    """(T, 3) in the camera's axes for a limb of somebody who faces the camera: 0 hangs, positive swings forwards."""
    return length * np.stack([np.zeros_like(angle), np.cos(angle), -np.sin(angle)], axis=-1)


def walking(frames=50, turned_deg=0.0):
    """Poses (T, 17, 3) in body heights and the camera's axes: x right, y down, z away; bones of constant length.

    The left leg and the right arm begin; the left elbow is bent by 60 degrees, the right one by 20 all the time.
    """
    swing = 0.5 * np.sin(2 * np.pi * np.arange(frames) / RATE)
    joint = {name: np.tile([0.0, -height, 0.0], (frames, 1)) for name, height in HEIGHTS.items()}
    for side, sign, bent in (("left", 1, 60), ("right", -1, 20)):
        hip = joint[f"{side}_hip"] = np.tile([sign * HALF_HIPS, 0.0, 0.0], (frames, 1))
        knee = joint[f"{side}_knee"] = hip + forwards_and_down(sign * swing, THIGH)
        joint[f"{side}_foot"] = knee + forwards_and_down(sign * swing - 0.6 + 0.4 * np.cos(sign * swing), SHANK)
        shoulder = joint[f"{side}_shoulder"] = joint["thorax"] + [sign * HALF_SHOULDERS, 0.03, 0.0]
        elbow = joint[f"{side}_elbow"] = shoulder + forwards_and_down(-sign * swing, UPPER_ARM)
        joint[f"{side}_wrist"] = elbow + forwards_and_down(-sign * swing + np.radians(bent), FOREARM)
    poses = np.stack([joint[name] for name in JOINTS], axis=1)
    cosine, sine = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    return poses @ np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]).T


def track(poses, start_s=0.0):
    """The poses as they come from a video at `RATE`."""
    seconds = [start_s + number / RATE for number in range(len(poses))]
    return Track(seconds, list(poses), [np.zeros(len(JOINTS), bool)] * len(poses))


def walker(frames=50, height_m=1.8, start_s=0.0) -> Motion:
    """The motion of that person."""
    return motion_of(track(walking(frames), start_s), RATE, height_m)


def videos(poses, rotations):
    """Poses (T, 17, 3) of one person as videos of some cameras (V, 3, 3) ten units away: V times T frames in order."""
    seen = [rotate(poses, rotation.expand(len(poses), 3, 3)) for rotation in rotations]
    number = torch.arange(len(poses) * len(seen))
    next_frame = torch.where((number + 1) % len(poses) == 0, -1, number + 1)
    poses_px = 1000 * torch.cat([project(place_at_distance(pose)) for pose in seen])
    return PoseSet("videos", {"gt": poses_px}, torch.cat(seen), next_frame=next_frame)


def on_the_floor_m(poses, height_m=1.8):
    """Poses of `walking` as they are exported: metres, Y up, the lower ankle 0.039 heights above the floor."""
    places = height_m * poses * [1, -1, -1]
    lowest = places[:, [INDEX["left_foot"], INDEX["right_foot"]], 1].min(axis=1)
    places[..., 1] += 0.039 * height_m - lowest[:, None]
    return places
