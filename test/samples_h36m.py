"""Small made-up Human3.6M folders in both layouts."""

import h5py
import numpy as np

from datasets.h36m_layouts import JOINT_INDICES
from utils.skeleton import SOURCES

CAMERA_NAMES = ("54138969", "55011271", "58860488", "60457274")
RADIAL, TANGENTIAL = (-0.2, 0.25, -0.003), (-0.0014, -0.001)
FOCAL, CENTRE = (1145.0, 1143.0), (512.0, 515.0)


def make_world_m(frames, seed=0):
    """(frames, 32, 3) float32: everybody within a metre of the world's origin."""
    return np.random.default_rng(seed).uniform(-1, 1, (frames, 32, 3)).astype(np.float32)


def make_detections(frames, seed=0):
    """(frames, 16, 2) pixels in MPII's order."""
    return np.random.default_rng(seed).uniform(0, 1000, (frames, len(SOURCES["mpii_16"]), 2))


def rotations_and_centres():
    """Four cameras 5 m from the origin that look at it, each a quarter turn on; z is the world's vertical."""
    for quarter in range(4):
        c, s = np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
        rotation = np.array([[-s, c, 0], [0, 0, -1], [-c, -s, 0]])
        yield rotation, -5000 * rotation[2]


def write_cameras(path, subjects=("1", "9", "11"), shuffled=False):
    with h5py.File(path, "w") as file:
        for subject in subjects:
            cameras = list(enumerate(rotations_and_centres()))
            for place, (number, (rotation, centre)) in enumerate(reversed(cameras) if shuffled else cameras, start=1):
                group = file.create_group(f"subject{subject}/camera{place}")
                group["R"], group["T"] = rotation.T, centre[:, None]
                group["f"], group["c"] = np.array(FOCAL)[:, None], np.array(CENTRE)[:, None]
                group["k"], group["p"] = np.array(RADIAL)[:, None], np.array(TANGENTIAL)[:, None]
                group["Name"] = np.array([[float(ord(letter))] for letter in CAMERA_NAMES[number]])


def write_baseline(folder, recordings, detections=True):
    """recordings: (subject, name) -> (T, 32, 3) metres."""
    folder.mkdir(exist_ok=True)
    write_cameras(folder / "cameras.h5")
    for (subject, name), world_m in recordings.items():
        path = folder / subject / "MyPoses" / "3D_positions" / f"{name}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["3D_positions"] = 1000 * world_m.reshape(len(world_m), 96).T.astype(float)
        for number, camera in enumerate(CAMERA_NAMES if detections else ()):
            if (subject, name, camera) != ("S11", "Directions", "54138969"):
                path = folder / subject / "StackedHourglass" / f"{name.replace(' ', '_')}.{camera}.h5"
                path.parent.mkdir(parents=True, exist_ok=True)
                with h5py.File(path, "w") as file:
                    file["poses"] = make_detections(len(world_m), number)
    return folder


def write_videopose3d(folder, recordings, detections=True):
    """The same recordings as VideoPose3D pickles them."""
    folder.mkdir(exist_ok=True)
    write_cameras(folder / "cameras.h5")
    positions, detected = {}, {}
    for (subject, name), world_m in recordings.items():
        positions.setdefault(subject, {})[name] = world_m
        views = [make_detections(len(world_m), number) for number in range(4)]
        detected.setdefault(subject, {})[name] = views
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)
    if detections:
        metadata = {"layout_name": "mpii", "num_joints": 16, "keypoints_symmetry": [[3, 4, 5], [0, 1, 2]]}
        np.savez_compressed(folder / "data_2d_h36m_sh_pt_mpii.npz", positions_2d=detected, metadata=metadata)
    return folder


def joints_of(world_m):
    return 1000.0 * world_m[:, JOINT_INDICES].astype(float)
