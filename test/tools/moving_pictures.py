"""Draws the README's two moving pictures from what the demo has written.

    python demo.py
    python test/tools/real_video.py real_video
    python test/tools/moving_pictures.py demo_out real_video/demo/cam02 --out docs/images

sample.gif: the sample picture with its keypoints, beside the lifted person, who turns. video.gif: the keypoints of a
video, without its picture, beside the lifted person, who moves and turns.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import numpy as np
from PIL import Image

from utils.demo.outputs import square_around, write_gif
from utils.drawing.poses import draw_pose_2d, draw_pose_3d, turntable

SIDE_PX = 240
TURN_FRAMES = 48
"""Pictures of one turn of the sample."""
EVERY = 2
"""Frames of the video for one of the animation, which takes longer: the motion is shown a little slowed down."""
PAPER = 247
"""Grey behind the video's keypoints."""


def main(argv: list[str] | None = None) -> int:
    """Writes both animations; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", type=Path, help="the demo's results for the sample picture")
    parser.add_argument("video", type=Path, help="the demo's results for a video")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the animations")
    options = parser.parse_args(argv)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        write_gif(options.out / "sample.gif", sample_frames(options.sample))
        write_gif(options.out / "video.gif", video_frames(options.video))
        return 0
    except (ValueError, OSError) as error:
        print(f"moving_pictures.py: {error}", file=sys.stderr)
        return 2


def sample_frames(folder: Path) -> list[np.ndarray]:
    """The picture beside each side of the first person in it."""
    person = json.loads((folder / "pose.json").read_text(encoding="utf-8"))["people"][0]
    with Image.open(folder / "pose_2d.png") as picture:
        photo = square_around(np.asarray(picture.convert("RGB")), np.array(person["joints_2d_px"]), SIDE_PX)
    views = turntable(np.array(person["joints_3d"]), TURN_FRAMES, SIDE_PX)
    return [np.hstack([np.asarray(photo), view]) for view in views]


def video_frames(folder: Path) -> list[np.ndarray]:
    """The keypoints beside the pose, of the first person in every second frame."""
    frames = json.loads((folder / "pose.json").read_text(encoding="utf-8"))["frames"]
    people = [frame["people"][0] for frame in frames[::EVERY] if frame["people"]]
    if not people:
        raise ValueError(f"{folder} shows nobody")
    everywhere = np.concatenate([np.array(person["joints_2d_px"]) for person in people])
    pictures = []
    for number, person in enumerate(people):
        points_px = (
            (np.array(person["joints_2d_px"]) - everywhere.mean(axis=0)) * 0.8 * SIDE_PX / np.ptp(everywhere[:, 1])
        )
        paper = np.full((SIDE_PX, SIDE_PX, 3), PAPER, np.uint8)
        view = draw_pose_3d(np.array(person["joints_3d"]), 360 * number / len(people), SIDE_PX)
        pictures.append(np.hstack([draw_pose_2d(paper, points_px + SIDE_PX / 2), view]))
    return pictures


if __name__ == "__main__":
    sys.exit(main())
