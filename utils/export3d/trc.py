"""TRC, the markers of OpenSim, laid out as Pose2Sim writes it: five lines of head, then one line a frame."""

from pathlib import Path

import numpy as np

from ..skeleton import INDEX, JOINTS
from .motion import Motion

# Names as Pose2Sim has them, so that its set-ups for COCO_17 and COCO_133 fit. It knows none of spine, thorax, upper
# neck and the middle of the head.
_MIDDLE = {"hip": "Hip", "spine": "Spine", "thorax": "Thorax", "neck": "UpperNeck", "head": "MidHead"}
_LIMBS = {"hip": "Hip", "knee": "Knee", "foot": "Ankle", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist"}
_SIDED = {f"{side}_{joint}": side[0].upper() + name for side in ("right", "left") for joint, name in _LIMBS.items()}
MARKERS = (*((_MIDDLE | _SIDED)[joint] for joint in JOINTS), "Neck")
"""The last one is the middle of the shoulders, as Pose2Sim adds it to COCO_17."""


def write_trc(path: Path, motion: Motion) -> None:
    """Writes the joints that the rig follows: metres, Y up, empty where a joint was not seen."""
    rate, count = f"{motion.rate:g}", len(motion.seconds)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{len(MARKERS)}\tm\t{rate}\t1\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(MARKERS) + "\t\t\t",
        "\t\t" + "\t".join(f"X{number}\tY{number}\tZ{number}" for number in range(1, len(MARKERS) + 1)) + "\t",
    ]
    places = np.where(motion.seen[..., None], motion.rig.joints_m, np.nan)
    neck = places[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=1, keepdims=True)
    rows = np.concatenate([places, neck], axis=1).reshape(count, -1)
    lines = [
        "\t".join([str(number), f"{seconds:.6f}", *("" if np.isnan(value) else f"{value:.6f}" for value in row)])
        for number, (seconds, row) in enumerate(zip(motion.seconds, rows, strict=True), start=1)
    ]
    path.write_text("\n".join([*head, *lines]) + "\n", encoding="ascii")
