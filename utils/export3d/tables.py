"""The same motion for spreadsheets and for NumPy."""

import csv
from pathlib import Path

import numpy as np

from ..skeleton import JOINTS
from .motion import Motion
from .nodes import NODE_PARENTS, NODES


def write_csv(path: Path, motion: Motion) -> None:
    """Writes the joints that the rig follows, a line a frame: metres, Y up, empty where a joint was not seen."""
    names = [f"{joint}_{axis}_m" for joint in JOINTS for axis in "xyz"]
    with path.open("w", encoding="ascii", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["time_s", *names])
        for seconds, joints, seen in zip(motion.seconds, motion.rig.joints_m, motion.seen, strict=True):
            places = [f"{value:.5f}" if known else "" for row, known in zip(joints, seen, strict=True) for value in row]
            table.writerow([f"{seconds:.5f}", *places])


def write_npz(path: Path, motion: Motion) -> None:
    """Writes joints and skeleton as arrays; their names say what they are, `Motion` and `Rig` explain them."""
    rig = motion.rig
    np.savez_compressed(
        path,
        frames_per_second=motion.rate,
        time_s=motion.seconds,
        joints=np.array(JOINTS),
        joints_m=rig.joints_m.astype(np.float32),
        seen=motion.seen,
        nodes=np.array(NODES),
        node_parents=np.array(NODE_PARENTS),
        node_offsets_m=rig.offsets_m.astype(np.float32),
        node_rotations_xyzw=rig.rotations.astype(np.float32),
        hips_m=rig.hips_m.astype(np.float32),
    )
