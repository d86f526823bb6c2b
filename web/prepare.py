"""Writes what the page needs beside its own source: tables of the skeleton, weights, networks and their runtime.

    python web/prepare.py

web/generated/ gets the tables, written from the modules that own them, and the lifters; web/vendor/ gets the runtime
and the networks of the 2D detector, compared with their sums. Neither folder is kept in git. Afterwards any server of
files can serve web/.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import nn

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
sys.path.insert(0, str(ROOT))

from models import lifter, load_lifter  # noqa: E402
from models.detectors import blazepose, crops  # noqa: E402
from models.detectors.loading import ESTIMATOR_FOLDER, FILES, check_file  # noqa: E402
from utils import anthropometry, geometry, keypoints, normalization, skeleton  # noqa: E402
from utils.demo import people, tracking, upper_body, viewer  # noqa: E402
from utils.demo.options import DemoOptions  # noqa: E402
from utils.export3d import body, mesh, motion, nodes, placing, rig, trc, turns  # noqa: E402
from utils.files import write_whole  # noqa: E402

CHECKPOINTS = ROOT / "test" / "checkpoints"
LIFTERS = {
    "pretrained_model": "usual: MPII's 2D poses and synthetic poses (for research only)",
    "noisy_keypoints": "corrects noisy points and tells its uncertainty (for research only)",
    "mpii_2d_only": "MPII's 2D poses alone (for research only)",
    "coco_and_synthetic": "COCO's 2D poses and synthetic poses (free for every use)",
    "generated_people_only": "synthetic poses alone, no data set (free for every use)",
}
"""Name of each checkpoint and what the page says of it; the first is the default."""
PACKAGES = {
    "@litertjs/core@2.5.3": "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
    "@litertjs/wasm-utils@2.5.3": "ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7",
}
"""LiteRT.js (Apache-2.0) and the SHA-256 of its packages."""
CORE, UTILS = PACKAGES
MEMBERS = {
    "index.js": (CORE, "dist/index.js"),
    "wasm-utils.js": (UTILS, "dist/index.js"),
    # The compat build is for browsers without relaxed SIMD.
    **{f"litert_wasm_{build}.{kind}": (CORE, f"wasm/litert_wasm_{build}.{kind}")
       for build in ("internal", "compat_internal") for kind in ("js", "wasm")},
}  # fmt: skip
BARE_IMPORT, OWN_IMPORT = b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"'
"""Workers know no import maps, so the one import by package name becomes one by place."""


def prepare(page: Path = WEB) -> None:
    """Fills both folders of the page.

    Raises:
        ValueError: one sentence, if something is missing, damaged or cannot be fetched.
    """
    generated, vendor = page / "generated", page / "vendor"
    generated.mkdir(exist_ok=True)
    vendor.mkdir(exist_ok=True)
    fetch_runtime(vendor / "litert")
    for name, digest in FILES["blazepose"].items():
        check_file(ESTIMATOR_FOLDER / name, digest, "blazepose")
        shutil.copyfile(ESTIMATOR_FOLDER / name, vendor / name)
    shutil.copyfile(ROOT / "test" / "input_sample.png", generated / "sample.png")

    def address(path: Path) -> str:
        """A file's address, which changes with its content: browsers may keep it for ever."""
        return f"{path.relative_to(page).as_posix()}?{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"

    lifters = []
    for name, title in LIFTERS.items():
        layout = write_lifter(CHECKPOINTS / f"{name}.ckpt", generated / f"{name}.bin")
        lifters.append({"name": name, "title": title, "file": address(generated / f"{name}.bin"), **layout})
    content = {
        **tables(),
        "networks": [address(vendor / name) for name in (blazepose.DETECTOR_FILE, blazepose.LANDMARK_FILE)],
        "runtime": {path.name: address(path) for path in sorted((vendor / "litert").glob("*.wasm"))},
        "lifters": lifters,
    }
    write_whole(generated / "tables.json", json.dumps(content, default=plain).encode())


def tables() -> dict[str, Any]:
    """The tables and constants of the modules that the page's scripts follow."""
    source, defaults, standing = blazepose.SOURCE, DemoOptions(), anthropometry.standing_pose()
    points = skeleton.SOURCES[source]
    known = {name: [row for row in rows if row.keys() <= set(points)] for name, rows in keypoints.NEIGHBOURS.items()}
    return {
        "skeleton": viewer.skeleton_tables(),
        "sides": skeleton.SIDE_COLOURS,
        "joints": skeleton.JOINTS,
        "mirror": skeleton.MIRROR,
        "trunk": skeleton.TRUNK,
        "standing": (standing / normalization.mean_root_distance(standing)).numpy(),
        "conventions": people.CONVENTIONS,
        "source": source,
        "points": points,
        "mirroredPoints": crops.mirrored(source),
        "jointWeights": skeleton.joint_weights(source),
        "neighbours": {name: rows for name, rows in known.items() if name in points and rows},
        "parts": upper_body.PARTS,
        "rig": rig_tables(),
        "markers": trc.MARKERS,
        "defaults": {name: getattr(defaults, name) for name in ("thr", "people", "fov", "smooth", "height_m")},
        "constants": {
            name: constants_of(module)
            for name, module in {
                "blazepose": blazepose, "crops": crops, "tracking": tracking, "keypoints": keypoints,
                "anthropometry": anthropometry, "geometry": geometry, "normalization": normalization, "lifter": lifter,
            }.items()
        },
    }  # fmt: skip


def rig_tables() -> dict[str, Any]:
    """The skeleton of exported motions."""
    owners, nodes_and_parents = (body, mesh, motion, placing, rig, turns), enumerate(nodes.NODE_PARENTS)
    return {
        "names": nodes.NODES,
        "parents": nodes.NODE_PARENTS,
        "nodeOfJoint": nodes.NODE_OF_JOINT,
        "radii": [mesh.radii_of(node) if parent >= 0 else (0, 0) for node, parent in nodes_and_parents],
        **{name: value for module in owners for name, value in constants_of(module).items()},
    }


def constants_of(module: ModuleType) -> dict[str, Any]:
    """The constants of a module that are numbers or ranges of them, or tuples of numbers and arrays."""

    def is_numeric(value: Any) -> bool:
        numbers = value if isinstance(value, tuple) else (value,)
        return all(isinstance(number, int | float | slice | np.ndarray) for number in numbers)

    return {
        name: value for name, value in vars(module).items() if name.isupper() and name[0] != "_" and is_numeric(value)
    }


def plain(value: Any) -> Any:
    """What JSON does not know, as what it knows."""
    if isinstance(value, np.ndarray | np.number):
        return value.tolist()
    if isinstance(value, slice | range):
        return [value.start, value.stop]
    raise TypeError(f"{value!r} cannot be written as JSON")


def write_lifter(checkpoint: Path, path: Path) -> dict[str, int]:
    """Writes a lifter's layers, batch norm merged into them, in half precision; returns their sizes.

    The file holds the weights (outputs, inputs) and the biases of each linear layer, in their order.
    """
    network = load_lifter(checkpoint).for_inference()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    values = [tensor.numpy().astype("<f2") for layer in layers for tensor in (layer.weight, layer.bias)]
    write_whole(path, b"".join(value.tobytes() for value in values))
    return {
        "width": network.width,
        "blocks": network.blocks,
        "inputs": layers[0].in_features // skeleton.NUM_JOINTS,
        "outputs": layers[-1].out_features // skeleton.NUM_JOINTS,
    }


def fetch_runtime(folder: Path) -> None:
    """Puts LiteRT.js into a folder, unless it is there already, whole and of this version."""
    note = folder / "packages.json"
    if (
        note.is_file()
        and json.loads(note.read_text()) == PACKAGES
        and all((folder / name).is_file() for name in MEMBERS)
    ):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError("npm is missing, which fetches LiteRT.js: install Node.js")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="web-") as temporary:
        files = {package: fetch_package(npm, package, Path(temporary)) for package in PACKAGES}
        for name, (package, member) in MEMBERS.items():
            with tarfile.open(files[package]) as archive:
                content = archive.extractfile(f"package/{member}").read()  # type: ignore[union-attr]
            write_whole(folder / name, content.replace(BARE_IMPORT, OWN_IMPORT) if name == "index.js" else content)
    note.write_text(json.dumps(PACKAGES))


def fetch_package(npm: str, package: str, folder: Path) -> Path:
    """An npm package as an archive, compared with its sum."""
    done = subprocess.run([npm, "pack", package, "--silent"], cwd=folder, capture_output=True, text=True)
    name = package.removeprefix("@").replace("/", "-").replace("@", "-")
    path = folder / f"{name}.tgz"
    if done.returncode or not path.is_file():
        raise ValueError(f"npm could not fetch {package}: {' '.join(done.stderr.split())[:200]}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != PACKAGES[package]:
        raise ValueError(f"{package} has a wrong sum; nothing was put in place")
    return path


if __name__ == "__main__":
    try:
        prepare()
    except (ValueError, OSError) as error:
        print(f"web/prepare.py: {error}", file=sys.stderr)
        sys.exit(2)
