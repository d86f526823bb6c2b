"""Measures whether lifters lean people who are seen from above or from below.

    python test/tools/camera_elevations.py [CKPT ...] [--elevations -10 8 30]

Synthetic people, 5 m away in the middle of the image, are seen by cameras that look down at them by some degrees, and
lifted with true 2D points and intrinsics. A lifter expects the elevations that it was trained with, and turns people
who are seen from elsewhere a part of the way back.

pitch error, degrees: the mean turn about the camera's x axis that fits a lifted pose best to the true one; positive
where the lifter takes the camera to look down less than it does. N-MPJPE in mm.
"""

import argparse
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import torch
from torch import Tensor

from datasets.synthetic.body import Bodies
from datasets.synthetic.people import INTRINSICS_PX
from models import Lifter, load_lifter
from utils.evaluation.metrics import pose_errors
from utils.geometry import project, rays_to_pixels, rotate, rotation_x, rotation_y

CHECKPOINTS = ROOT / "test" / "checkpoints"
PEOPLE, DISTANCE_MM, SEED = 3000, 5000.0, 7


def main(argv: list[str] | None = None) -> int:
    """Prints a row for each checkpoint and elevation; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="*", metavar="CKPT", help="default: all shipped ones")
    parser.add_argument("--elevations", type=float, nargs="+", default=[-10.0, 8.0, 30.0], metavar="DEGREES")
    options = parser.parse_args(argv)
    print(f"{'checkpoint':<24}{'elevation':>10}{'pitch error':>12}{'N-MPJPE':>9}")
    for path in options.checkpoints or sorted(CHECKPOINTS.glob("*.ckpt")):
        try:
            lifter = load_lifter(path).for_inference()
        except (ValueError, OSError) as error:
            print(f"camera_elevations.py: {error}", file=sys.stderr)
            return 2
        for elevation in options.elevations:
            pitch, n_mpjpe = measure(lifter, elevation, PEOPLE)
            print(f"{path.stem:<24}{elevation:>10g}{pitch:>12.1f}{n_mpjpe:>9.1f}")
    return 0


def measure(lifter: Lifter, elevation_deg: float, people: int) -> tuple[float, float]:
    """Mean pitch error in degrees and N-MPJPE in mm of people seen from an elevation."""
    generator = torch.Generator().manual_seed(SEED)
    body_mm, _ = Bodies("cpu").sample(people, generator)
    turn = 2 * math.pi * torch.rand(people, generator=generator)
    elevation = torch.full((people,), math.radians(elevation_deg))
    true_mm = rotate(body_mm, rotation_x(elevation) @ rotation_y(turn))
    camera = torch.tensor(INTRINSICS_PX).expand(people, 4)
    lifted = lifter.lift(rays_to_pixels(project(true_mm + torch.tensor([0, 0, DISTANCE_MM])), camera), camera, 1.0)
    return float(pitch_deg(lifted, true_mm).mean()), float(pose_errors(lifted, true_mm)["n_mpjpe"].mean())


def pitch_deg(lifted: Tensor, true: Tensor) -> Tensor:
    """The turn about x (N,), in degrees, that brings root-relative poses (N, 17, 3) nearest to the true ones."""
    (yy, yz), (zy, zz) = torch.einsum("njp,njq->pqn", lifted[..., 1:], true[..., 1:])
    return torch.rad2deg(torch.atan2(yz - zy, yy + zz))


if __name__ == "__main__":
    sys.exit(main())
