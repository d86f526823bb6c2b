"""Scores the demo on a real, calibrated video, beside MediaPipe's own 3D from the same landmark model.

    python test/tools/real_video.py FOLDER [--ckpt CKPT] [--flags "--smooth 0.02"]

FOLDER gets the wheel of Pose2Sim 0.7.2 (24 MB from PyPI; BSD 3-Clause, Copyright (c) 2022, perfanalytics), what is
used out of it, and the demo's results. The clips show one man balancing in front of four phones, 100 frames at 60 Hz.
The truth is triangulated from the OpenPose keypoints of all four (`real_video_truth`): one man, one motion, and
OpenPose's idea of where joints are. It is a compass, not a scale to tune on.

Both 3D poses are scored over the same 12 joints: shoulders, elbows, wrists, hips, knees and ankles.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import numpy as np
import torch
from real_video_truth import CALIBRATION, LIMBS, TRIAL, make_truth

from models.detectors.blazepose import BlazePose, Finding
from utils.demo.video import VideoFrames
from utils.evaluation.metrics import pose_errors
from utils.evaluation.motion import acceleration_error, tilt_deg
from utils.skeleton import INDEX, NUM_JOINTS, SOURCES
from utils.skeleton import ROOT as HIP

WHEEL, SHA256 = "pose2sim-0.7.2-py3-none-any.whl", "9b697cae93307c75c1c16b5ffc6a633e304fced14ecd8189691cba25c0b6d85c"
LIMB_NUMBERS = tuple(INDEX[name] for name in LIMBS)
HIPS = [LIMBS.index("left_hip"), LIMBS.index("right_hip")]
BLAZEPOSE_LIMBS = [SOURCES["blazepose_33"].index(name.replace("foot", "ankle")) for name in LIMBS]
SAME_PERSON_PX = 100.0
"""Whose joints are further off in the median is somebody else, or nobody."""
FIGURES = {"p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE", "tilt": "tilt", "acceleration": "acceleration"}
LEGEND = """\
Over shoulders, elbows, wrists, hips, knees and ankles, and the frames in which all of them were found.
P-MPJPE, mm: after the best rotation, translation and scale of each frame. N-MPJPE, mm: aligned at the middle of the
hips, least-squares scale of each frame. tilt, degrees: by how much P-MPJPE's rotation turns the vertical.
acceleration, mm/frame^2: error of the second differences, aligned at the hips, one scale for the video."""


def main(argv: list[str] | None = None) -> int:
    """Prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the wheel, the clips and the results")
    parser.add_argument("--ckpt", default=str(ROOT / "test" / "checkpoints" / "pretrained_model.ckpt"))
    parser.add_argument("--flags", default="", help="more flags for demo.py, in one pair of quotes")
    options = parser.parse_args(argv)
    try:
        print(format_table(measure(options.folder, ["--ckpt", options.ckpt, *options.flags.split()])))
        return 0
    except (ValueError, OSError) as error:
        print(f"real_video.py: {error}", file=sys.stderr)
        return 2


def measure(folder: Path, flags: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Camera -> "demo" or "MediaPipe" -> figures."""
    unpack(fetch(folder), folder)
    cameras, world_mm, off_px = make_truth(folder)
    print(f"triangulated, {off_px:.1f} px of mean reprojection error", file=sys.stderr)
    results = {}
    for camera in cameras:
        video = folder / TRIAL / "videos" / f"{camera.name}.mp4"
        true_mm, true_px = camera.to_camera(world_mm), camera.project(world_mm)
        both = {
            "demo": demo_people(video, folder / "demo" / camera.name, flags),
            "MediaPipe": mediapipe_people(video),
        }
        results[camera.name] = {name: score(followed(people, true_px), true_mm) for name, people in both.items()}
    return results


def fetch(folder: Path) -> Path:
    """The wheel in the folder, downloaded by pip if it is not there.

    Raises:
        ValueError: if it cannot be had, or is another file than it should be.
    """
    wheel = folder / WHEEL
    if not wheel.is_file():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "pose2sim==0.7.2"]
        if subprocess.run([*command, "-d", str(folder)]).returncode or not wheel.is_file():
            raise ValueError(f"pip could not download {WHEEL}; put it into {folder} yourself")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{wheel} is not the file that this tool knows; delete it and run again")
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    """The calibration, the keypoints, the videos and the licence out of the wheel."""
    wanted = (CALIBRATION, f"{TRIAL}/pose/", f"{TRIAL}/videos/")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(wanted) or "LICENSE" in name]
        archive.extractall(folder, names)


People = list[tuple[np.ndarray, np.ndarray]]
"""The people of a frame: limbs (12, 2) in pixels of the video, and (12, 3)."""


def demo_people(video: Path, out: Path, flags: list[str]) -> list[People]:
    """What demo.py finds in each frame.

    Raises:
        ValueError: if it fails.
    """
    command = [sys.executable, str(ROOT / "demo.py"), str(video), "--out", str(out), *flags]
    if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode:
        raise ValueError(f"demo.py failed on {video}")
    return read_people(out / "pose.json")


def read_people(path: Path) -> list[People]:
    """The people of each frame in the demo's pose.json."""
    content = json.loads(path.read_text(encoding="utf-8"))
    limbs = [content["joints"].index(name) for name in LIMBS]

    def table(rows: list[list[float] | None], width: int) -> np.ndarray:
        # Joints that are not in the picture are left out.
        return np.array([rows[limb] or [np.nan] * width for limb in limbs], dtype=float)

    return [
        [(table(person["joints_2d_px"], 2), table(person["joints_3d"], 3)) for person in frame["people"]]
        for frame in content["frames"]
    ]


class WorldLandmarks(BlazePose):
    """BlazePose that also keeps the landmark model's own 3D, which the demo does not use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._worlds: dict[int, np.ndarray] = {}

    def people(self, rgb: np.ndarray, seconds: float) -> People:
        """Limbs in the picture's pixels, and in metres from the middle of the hips."""
        self._worlds.clear()
        found = self.follow(rgb, seconds)
        worlds = [self._worlds[id(finding.person)] for finding in self._followed]
        return [(person.points_px[BLAZEPOSE_LIMBS], world) for person, world in zip(found, worlds, strict=True)]

    def _landmarks(self, image: np.ndarray, crop: np.ndarray) -> Finding:
        finding = super()._landmarks(image, crop)
        output = self._landmarker.get_output_details()[-1]["index"]
        world = self._landmarker.get_tensor(output).reshape(-1, 3)[BLAZEPOSE_LIMBS].astype(float)
        # The crop is upright for the person; the picture may not be. Depth is the same in both.
        world[:, :2] = world[:, :2] @ crop[:, :2].T / np.linalg.norm(crop[:, 0])
        self._worlds[id(finding.person)] = world
        return finding


def mediapipe_people(video: Path) -> list[People]:
    """What MediaPipe's landmark model makes of each frame: world landmarks, not smoothed, as the demo's are not."""
    detector, frames = WorldLandmarks(ROOT / "estimators"), []
    for frame in VideoFrames(str(video), 0):
        picture = frame.picture()
        people = detector.people(picture.rgb, frame.seconds)
        frames.append([((limbs_px + 0.5) * picture.scale - 0.5, world) for limbs_px, world in people])
    return frames


def followed(frames: list[People], true_px: np.ndarray) -> np.ndarray:
    """The 3D (T, 12, 3) of whoever is nearest to the true limbs (T, 12, 2), NaN where nobody is near."""
    poses = np.full((*true_px.shape[:2], 3), np.nan)
    for number, people in enumerate(frames[: len(true_px)]):
        off_px = [np.nanmedian(np.linalg.norm(limbs_px - true_px[number], axis=-1)) for limbs_px, _ in people]
        if off_px and min(off_px) < SAME_PERSON_PX:
            poses[number] = people[int(np.argmin(off_px))][1]
    return poses


def score(pred: np.ndarray, true_mm: np.ndarray) -> dict[str, float]:
    """The figures of a video.

    Args:
        pred: (T, 12, 3) in the camera's axes at any scale, NaN in frames without.
        true_mm: (T, 12, 3).

    Raises:
        ValueError: if there is no prediction at all.
    """
    found = np.isfinite(pred).all(axis=(1, 2))
    if not found.any():
        raise ValueError("the person was not found in any frame")
    pred, true = torch.from_numpy(from_hips(pred)), torch.from_numpy(from_hips(true_mm))
    seen = torch.from_numpy(found)
    errors = pose_errors(as_joints(pred[seen]), as_joints(true[seen]), LIMB_NUMBERS)
    return {
        "frames": int(found.sum()),
        "p_mpjpe": float(errors["p_mpjpe"].mean()),
        "n_mpjpe": float(errors["n_mpjpe"].mean()),
        "tilt": float(tilt_deg(pred[seen], true[seen]).mean()),
        "acceleration": acceleration_error(pred, true),
    }


def from_hips(limbs: np.ndarray) -> np.ndarray:
    """Limbs (T, 12, 3) relative to the middle of the hips."""
    return limbs - limbs[:, HIPS].mean(axis=1, keepdims=True)


def as_joints(limbs: torch.Tensor) -> torch.Tensor:
    """Hip-relative limbs (T, 12, 3) as our joints (T, 17, 3), NaN where they say nothing."""
    joints = limbs.new_full((len(limbs), NUM_JOINTS, 3), torch.nan)
    joints[:, HIP] = 0
    joints[:, list(LIMB_NUMBERS)] = limbs
    return joints


def format_table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown table, the demo's figure / MediaPipe's, for each camera and their mean."""
    names = list(next(iter(results.values())))

    def cell(rows: list[dict[str, dict[str, float]]], figure: str, digits: int = 1) -> str:
        return " / ".join(f"{np.mean([row[name][figure] for row in rows]):.{digits}f}" for name in names)

    lines = [f"{' / '.join(names)}", "", f"| camera | frames | {' | '.join(FIGURES.values())} |", "|---" * 6 + "|"]
    for camera, rows in [*((camera, [row]) for camera, row in results.items()), ("mean", list(results.values()))]:
        cells = [cell(rows, "frames", 0), *(cell(rows, figure) for figure in FIGURES)]
        lines.append(f"| {camera} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", LEGEND])


if __name__ == "__main__":
    sys.exit(main())
