"""The 3D truth of Pose2Sim's demo video, triangulated from what its wheel brings: four cameras and 2D keypoints."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy.signal import butter, filtfilt

from utils.skeleton import SOURCES

SESSION = "Pose2Sim/S00_Demo_Session"
TRIAL = f"{SESSION}/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial"
CALIBRATION = f"{SESSION}/S00_Calibration/Calib.qca.txt"
FRAME_RATE_HZ, CUT_OFF_HZ = 60.0, 6.0
"""The cut-off is the one that Pose2Sim itself smooths this trial with."""
SUBPIXELS = 64
"""Qualisys writes focal lengths and centres in 64ths of a pixel."""
LIMBS = tuple(
    f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "foot")
)
"""The joints that are scored, by our names."""
OPENPOSE_LIMBS = [SOURCES["openpose_body_25b"].index(name.replace("foot", "ankle")) for name in LIMBS]
UNDISTORTION_STEPS = 20
AGREED_PX = 10.0
"""Stricter than Pose2Sim's 15, which lets one bad camera of two pass."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera; a point of the world is at `rotation @ point + translation_mm` in its frame.

    Attributes:
        name: as the video's, cam01.
        focal_px, centre_px: (2,).
        radial, tangential: (2,), OpenCV's k1, k2 and p1, p2.
    """

    name: str
    rotation: np.ndarray
    translation_mm: np.ndarray
    focal_px: np.ndarray
    centre_px: np.ndarray
    radial: np.ndarray
    tangential: np.ndarray

    def to_camera(self, world_mm: np.ndarray) -> np.ndarray:
        """Points (..., 3) in this camera's frame: x right, y down, z forward."""
        return world_mm @ self.rotation.T + self.translation_mm

    def project(self, world_mm: np.ndarray) -> np.ndarray:
        """Points (..., 3) to pixels (..., 2), lens distortion included."""
        cam = self.to_camera(world_mm)
        return self._distorted(cam[..., :2] / cam[..., 2:]) * self.focal_px + self.centre_px

    def rays(self, points_px: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) to x / z and y / z, lens distortion undone."""
        distorted = (points_px - self.centre_px) / self.focal_px
        rays = distorted
        for _ in range(UNDISTORTION_STEPS):
            rays = rays + distorted - self._distorted(rays)
        return rays

    def _distorted(self, rays: np.ndarray) -> np.ndarray:
        (k1, k2), (p1, p2), (x, y) = self.radial, self.tangential, (rays[..., 0], rays[..., 1])
        square = x**2 + y**2
        stretch = 1 + k1 * square + k2 * square**2
        return np.stack([x * stretch + 2 * p1 * x * y + p2 * (square + 2 * x**2),
                         y * stretch + p1 * (square + 2 * y**2) + 2 * p2 * x * y], axis=-1)  # fmt: skip


def read_cameras(path: Path) -> list[Camera]:
    """The cameras of a Qualisys calibration file. Its cameras look along -z with y up; ours along z with y down."""
    cameras = []
    for element in ElementTree.parse(path).getroot().iter("camera"):
        pose, lens = element.find("transform").attrib, element.find("intrinsic").attrib
        rotation = np.array([[float(pose[f"r{row}{column}"]) for column in "123"] for row in "123"])
        rotation = np.diag([1.0, -1.0, -1.0]) @ rotation

        def values(*names: str, lens=lens) -> np.ndarray:
            return np.array([float(lens[name]) for name in names])

        cameras.append(Camera(
            element.get("serial").replace("_", ""),
            rotation,
            -rotation @ np.array([float(pose[axis]) for axis in "xyz"]),
            values("focalLengthU", "focalLengthV") / SUBPIXELS,
            values("centerPointU", "centerPointV") / SUBPIXELS,
            values("radialDistortion1", "radialDistortion2"),
            values("tangentalDistortion1", "tangentalDistortion2"),
        ))  # fmt: skip
    return cameras


def read_keypoints(folder: Path) -> list[np.ndarray]:
    """OpenPose's JSON files of one camera: for each frame the people's limbs (P, 12, 3), x, y and confidence."""
    frames = []
    for path in sorted(folder.glob("*.json")):
        people = json.loads(path.read_text(encoding="utf-8"))["people"]
        points = np.array([person["pose_keypoints_2d"] for person in people], dtype=float).reshape(len(people), -1, 3)
        frames.append(points[:, OPENPOSE_LIMBS])
    return frames


def triangulate(cameras: list[Camera], points: np.ndarray) -> np.ndarray:
    """The points of the world (J, 3) that some cameras see at (C, J, 3) pixels and confidences, by least squares."""
    rows = []
    for camera, seen in zip(cameras, points, strict=True):
        rays, weight = camera.rays(seen[:, :2]), seen[:, 2:]
        matrix = np.column_stack([camera.rotation, camera.translation_mm / 1000])
        rows += [weight * (rays[:, axis : axis + 1] * matrix[2] - matrix[axis]) for axis in range(2)]
    system = np.stack(rows, axis=1)
    homogeneous = np.linalg.svd(system)[2][:, -1]
    return 1000 * homogeneous[:, :3] / homogeneous[:, 3:]


def agreement(cameras: list[Camera], points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangulates each point from those cameras that agree on it, as Pose2Sim does.

    Cameras are left out one by one, each time those whose absence helps most, until the mean reprojection error of the
    others is below `AGREED_PX`.

    Args:
        points: (C, J, 3) pixels and confidences.

    Returns:
        The points of the world (J, 3), NaN where no two cameras agree, their mean reprojection errors in pixels and
        how many cameras were left out.
    """
    count = points.shape[1]
    world_mm, error, left_out = np.full((count, 3), np.nan), np.full(count, np.inf), np.zeros(count, int)
    for absent in range(len(cameras) - 1):
        open_points = error > AGREED_PX
        for kept in itertools.combinations(range(len(cameras)), len(cameras) - absent):
            some, seen = [cameras[number] for number in kept], points[list(kept)]
            found = triangulate(some, seen)
            projected = np.stack([camera.project(found) for camera in some])
            off = np.linalg.norm(projected - seen[..., :2], axis=-1).mean(axis=0)
            better = open_points & (off < error)
            world_mm[better], error[better], left_out[better] = found[better], off[better], absent
    world_mm[error > AGREED_PX] = np.nan
    return world_mm, error, left_out


def triangulate_frame(cameras: list[Camera], people: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """The person (J, 3) on whom most cameras agree, and the mean error in pixels; each camera sees people (P, J, 3)."""
    results = [agreement(cameras, np.stack(chosen)) for chosen in itertools.product(*people)]
    if not results:
        raise ValueError("a camera sees nobody")
    world_mm, error, _ = min(results, key=lambda result: (result[2].sum(), result[1].mean()))
    return world_mm, float(error[error <= AGREED_PX].mean())


def filled(values: np.ndarray) -> np.ndarray:
    """Values over time, the first axis, with gaps of NaN bridged by straight lines."""
    columns, time = values.reshape(len(values), -1).copy(), np.arange(len(values))
    for column in columns.T:
        known = np.isfinite(column)
        column[~known] = np.interp(time[~known], time[known], column[known])
    return columns.reshape(values.shape)


def smooth(values: np.ndarray) -> np.ndarray:
    """A zero-phase Butterworth filter of the fourth order over time, the first axis."""
    # Forwards and backwards: two passes of the second order.
    return filtfilt(*butter(2, CUT_OFF_HZ, fs=FRAME_RATE_HZ), values, axis=0)


def make_truth(folder: Path) -> tuple[list[Camera], np.ndarray, float]:
    """The cameras, the limbs (T, 12, 3) in mm of the world, and the mean reprojection error before smoothing.

    Args:
        folder: the unpacked wheel.

    Raises:
        ValueError: if the wheel lacks what is needed.
    """
    cameras = read_cameras(folder / CALIBRATION)
    views = [read_keypoints(folder / TRIAL / "pose" / f"{camera.name}_json") for camera in cameras]
    if len({len(view) for view in views}) != 1 or not views[0]:
        raise ValueError(f"{folder / TRIAL} has no equally long keypoints of its cameras; unpack the wheel again")
    found = [triangulate_frame(cameras, list(people)) for people in zip(*views, strict=True)]
    world_mm = np.stack([pose for pose, _ in found])
    return cameras, smooth(filled(world_mm)), float(np.mean([error for _, error in found]))
