"""Whole files of every kind that the project reads, and accidents that happen to them."""

import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples_h36m import write_baseline, write_videopose3d
from samples_keypoints import flat, make_points, openpose, rows, standing
from samples_mpii import make_people, write_annotations, write_matrix

from datasets.keypoints import load_keypoints, read_keypoints
from datasets.mpii import load_mpii
from models import Lifter, load_lifter, save_lifter
from utils.demo.images import read_picture
from utils.demo.video import VideoFrames

JUNK = (None, True, "", "a", "nan", "two\nlines", [], {}, [[]], [None], 0, -1, 0.5, 2**63, 1e300, 10**400, float("nan"))


def write_clip(path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for shade in (50, 150, 250):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()


def write_checkpoint(path: Path) -> None:
    state = {f"lifter_ema.{name}": value for name, value in Lifter(8, 1).state_dict().items()}
    torch.save({"state_dict": state, "hyper_parameters": {"width": 8, "lifter_blocks": 1}, "epoch": 3}, path)


def write_json(content: object):
    return lambda path: path.write_text(json.dumps(content))


PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8))
COCO = [{"image_id": 1, "keypoints": row, "score": 0.5} for row in rows(make_points(3, "coco_17"))]
KINDS = {
    "mpii_poses.npy": (lambda path: np.save(path, make_people(5, 17).reshape(5, 34)), load_mpii),
    "mpii_human_pose_v1_u12_1.mat": (lambda path: write_matrix(path, make_people(4, 16)), load_mpii),
    "mpii_annotations.json": (lambda path: write_annotations(path, make_people(4, 16)), load_mpii),
    "poses.npz": (lambda path: np.savez(path, keypoints=make_points(3, "coco_17"), skeleton="coco_17"), load_keypoints),
    "coco.json": (write_json(COCO), load_keypoints),
    "openpose.json": (write_json(openpose(make_points(3, "openpose_body_25"))), load_keypoints),
    "people.json": (write_json([{"image_id": 7, "keypoints": flat(standing()), "score": 0.8}]), read_keypoints),
    "picture.png": (lambda path: PICTURE.save(path), read_picture),
    "picture.jpg": (lambda path: PICTURE.save(path), read_picture),
    "clip.avi": (write_clip, lambda path: list(VideoFrames(path, 20))),
    "run.ckpt": (write_checkpoint, load_lifter),
    "small.pt": (lambda path: save_lifter(Lifter(8, 1), path), load_lifter),
}
"""Name -> how a whole one is written, how it is read."""
FOLDERS = {
    "cameras.h5": write_baseline,
    "S9/MyPoses/3D_positions/Walking.h5": write_baseline,
    "S9/StackedHourglass/Walking.54138969.h5": write_baseline,
    "data_3d_h36m.npz": write_videopose3d,
    "data_2d_h36m_sh_pt_mpii.npz": write_videopose3d,
}
"""A file of a Human3.6M folder -> how the folder is written."""


def damaged(content: bytes, generator: random.Random) -> bytes:
    """The content after one to three accidents."""
    content = bytearray(content)
    for _ in range(generator.randint(1, 3)):
        at, length = generator.randrange(len(content) + 1), generator.choice((1, 4, 16, 512))
        match generator.choice(("bits", "zeros", "number", "repeat", "delete", "cut")):
            case "bits":
                content[at : at + 1] = bytes([generator.randrange(256)])
            case "zeros":
                content[at : at + length] = bytes(length)
            case "number":
                content[at : at + 4] = generator.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"))
            case "repeat":
                content[at:at] = content[at : at + length]
            case "delete":
                del content[at : at + length]
            case "cut":
                del content[at:]
    return bytes(content)


def with_junk(tree: object, generator: random.Random) -> object:
    """A nest of lists and dictionaries with one node replaced, repeated or gone."""
    node = tree = copy.deepcopy(tree)
    while True:
        keys = list(node if isinstance(node, dict) else range(len(node)))
        if not keys:
            return tree
        key = generator.choice(keys)
        if not isinstance(node[key], dict | list) or not node[key] or generator.random() < 0.3:
            break
        node = node[key]
    action = generator.choice(("replace", "replace", "delete", "repeat"))
    if action == "delete":
        del node[key]
    elif action == "repeat" and isinstance(node, list):
        node.insert(key, node[key])
    else:
        node[key] = generator.choice(JUNK)
    return tree
