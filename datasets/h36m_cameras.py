"""The calibrated cameras of Human3.6M, as two public files tell them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import torch
from torch import Tensor

from utils.geometry import distort, project, rays_to_pixels, world_to_camera

from .files import as_numbers, find_files, open_h5, read_h5, read_json

JSON_SOURCE = "https://github.com/karfly/human36m-camera-parameters"


@dataclass(frozen=True)
class CalibratedCamera:
    """A camera whose place and lens are known, float64: a world point X is at rotation @ (X - centre_mm) in its frame.

    Attributes:
        name: its serial number.
        intrinsics_px: (4,) fx, fy, cx, cy.
        radial: (3,) and `tangential` (2,): see `utils.geometry.distort`.
    """

    name: str
    rotation: Tensor
    centre_mm: Tensor
    intrinsics_px: Tensor
    radial: Tensor
    tangential: Tensor

    def observe(self, world_mm: Tensor) -> tuple[Tensor, Tensor]:
        """World points (..., 3) in the camera's frame, and their pixels (..., 2) with the lens's distortion."""
        cam_mm = world_to_camera(world_mm, self.rotation, self.centre_mm)
        intrinsics_px = self.intrinsics_px.expand(*cam_mm.shape[:-2], 4)
        return cam_mm, rays_to_pixels(distort(project(cam_mm), self.radial, self.tangential), intrinsics_px)


def camera_file(folder: Path) -> Path:
    """The file in a folder that tells the cameras: `cameras.h5`, else `camera-parameters.json`.

    Raises:
        ValueError: if there is neither.
    """
    for path in (*find_files(folder, "cameras.h5"), *find_files(folder, "camera-parameters.json")):
        return path
    raise ValueError(
        f"{folder / 'cameras.h5'} is not there, and 3D poses cannot be projected without the cameras; put there the "
        f"one of 3d-pose-baseline's data, or camera-parameters.json from {JSON_SOURCE}"
    )


def read_cameras(path: Path, subject: str) -> list[CalibratedCamera]:
    """The cameras of a subject ("S9") in the order of their serial numbers, from what `camera_file` found.

    Raises:
        ValueError: if the file or the subject's cameras are missing or damaged.
    """
    cameras = (_read_h5_cameras if path.suffix.lower() == ".h5" else _read_json_cameras)(path, subject)
    if not cameras:
        raise ValueError(f"{path} has no cameras of subject {subject}; get a complete {path.name}")
    for camera in cameras:
        _check(camera, f"{subject}'s camera {camera.name} in {path}")
    return sorted(cameras, key=lambda camera: camera.name)


def _read_h5_cameras(path: Path, subject: str) -> list[CalibratedCamera]:
    """3d-pose-baseline's file: `subject9/camera1/R` and so on."""
    with open_h5(path) as file:
        group = file.get(f"subject{subject[1:]}")
        names = [name for name in group if name.startswith("camera")] if isinstance(group, h5py.Group) else []
        return [_read_h5_camera(file, f"subject{subject[1:]}/{name}") for name in names]


def _read_h5_camera(file: h5py.File, group: str) -> CalibratedCamera:
    shapes = {"R": (3, 3), "T": (3, 1), "f": (2, 1), "c": (2, 1), "k": (3, 1), "p": (2, 1)}
    values = {key: torch.from_numpy(read_h5(file, f"{group}/{key}", shape)) for key, shape in shapes.items()}
    name = "".join(chr(int(code)) for code in read_h5(file, f"{group}/Name", (None, 1)).ravel())
    intrinsics_px = torch.cat([values["f"], values["c"]]).flatten()
    # MATLAB stores matrices column by column: R comes out transposed.
    rotation, centre_mm = values["R"].mT, values["T"].flatten()
    return CalibratedCamera(name, rotation, centre_mm, intrinsics_px, values["k"].flatten(), values["p"].flatten())


def _read_json_cameras(path: Path, subject: str) -> list[CalibratedCamera]:
    """A camera's intrinsics are the same for all subjects there; its t is the world's origin in its frame."""
    content = read_json(path)
    try:
        places, lenses = content["extrinsics"].get(subject, {}), content["intrinsics"]
        return [_json_camera(name, place, lenses[name], str(path)) for name, place in places.items()]
    except (KeyError, TypeError, AttributeError, RuntimeError, IndexError):
        raise ValueError(f"{path} is not camera-parameters.json or is damaged; get it from {JSON_SOURCE}") from None


def _json_camera(name: str, place: dict[str, Any], lens: dict[str, Any], where: str) -> CalibratedCamera:
    numbers = (place["R"], place["t"], lens["calibration_matrix"], lens["distortion"])
    rotation, shift_mm, matrix, distortion = (torch.from_numpy(as_numbers(values, where)) for values in numbers)
    intrinsics_px = torch.stack([matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]])
    # OpenCV's order: two radial terms, two tangential ones, the third radial one.
    k1, k2, p1, p2, k3 = distortion
    centre_mm = -rotation.mT @ shift_mm.flatten()
    return CalibratedCamera(name, rotation, centre_mm, intrinsics_px, torch.stack([k1, k2, k3]), torch.stack([p1, p2]))


def _check(camera: CalibratedCamera, where: str) -> None:
    orthonormal = camera.rotation.shape == (3, 3) and torch.allclose(
        camera.rotation @ camera.rotation.mT, torch.eye(3).double(), atol=1e-4
    )
    values = torch.cat([camera.centre_mm, camera.intrinsics_px, camera.radial, camera.tangential])
    if not (orthonormal and torch.isfinite(values).all() and (camera.intrinsics_px[:2] > 0).all()):
        raise ValueError(f"{where} is not a camera: its rotation or another value is impossible")
