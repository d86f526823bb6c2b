"""Keypoint files: one reader for training and for the demo."""

from .joints import people_to_poseset, points_to_joints
from .reading import load_keypoints, read_keypoints

__all__ = ["load_keypoints", "people_to_poseset", "points_to_joints", "read_keypoints"]
