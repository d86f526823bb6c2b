"""Records what the code computes and compares later code with it, bit for bit: the tool for refactorings.

    python test/tools/compare_figures.py record before.json [--data_dir data]
    python test/tools/compare_figures.py compare before.json

It records the weights after two epochs of each recipe, the figures of the shipped checkpoints and the sample
picture's pose. Record and compare on one machine with the same packages: other processors round sums differently.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import torch

from utils.config import RECIPES

SMALL = ["--gpus=0", "--logger=none", "--width=32", "--max_epochs=2", "--batch_size=2048"]
CHECKPOINTS = sorted((ROOT / "test" / "checkpoints").glob("*.ckpt"))


def run(folder: Path, script: str, *flags: str) -> None:
    """Runs main.py or demo.py in a folder, on one thread, so that sums have one order.

    Raises:
        RuntimeError: if it fails.
    """
    command = [sys.executable, str(ROOT / script), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{script} {' '.join(flags)} failed: {done.stderr.strip()}")


def trained_weights(folder: Path, recipe: str, data: list[str]) -> list[str]:
    """SHA-256 of each tensor of a small run's last checkpoint; what a tensor is called does not count."""
    run(folder, "main.py", f"--recipe={recipe}", *data, *SMALL)
    (path,) = folder.glob("lightning_logs/*/checkpoints/last.ckpt")
    state = torch.load(path, weights_only=True)["state_dict"]
    return [hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest() for value in state.values()]


def evaluated(folder: Path, checkpoint: Path, data: list[str]) -> list[float]:
    """Every figure of a checkpoint."""
    path = folder / "results.json"
    run(folder, "main.py", f"--evaluate={checkpoint}", *data, "--val_stride=64", f"--results={path}")
    return list(numbers(json.loads(path.read_text(encoding="utf-8"))))


def lifted_sample(folder: Path) -> list[float]:
    """The 3D joints of the people in the sample picture; none without the 2D pose estimator."""
    if not any((ROOT / "estimators").glob("*")):
        print("the sample picture is left out: ./download_2d_pose_estimator.sh fetches what it needs", file=sys.stderr)
        return []
    run(folder, "demo.py", f"--out={folder}")
    people = json.loads((folder / "pose.json").read_text(encoding="utf-8"))["people"]
    return list(numbers([person["joints_3d"] for person in people]))


def numbers(tree: object) -> Iterator[float]:
    """The floats in a nest of lists and dictionaries."""
    if isinstance(tree, float):
        yield tree
    elif isinstance(tree, dict | list):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers(item)


def measure(data_dir: str | None) -> Iterator[tuple[str, list]]:
    """Each thing that is compared: its name and its values. Without a folder of data sets, on synthetic poses."""
    data, works = [f"--data_dir={data_dir}"] if data_dir else [], {}
    for recipe in RECIPES:
        works[f"weights of recipe {recipe}"] = (trained_weights, recipe, data)
    for checkpoint in CHECKPOINTS:
        works[f"figures of {checkpoint.name}"] = (evaluated, checkpoint, data)
    works["joints of the sample picture"] = (lifted_sample,)
    for name, (work, *arguments) in works.items():
        with tempfile.TemporaryDirectory() as folder:
            yield name, work(Path(folder), *arguments)


def compare(name: str, before: list, now: list) -> bool:
    """Prints a line; returns whether both hold the same values, in whatever order."""
    equal, shared = Counter(before) == Counter(now), (Counter(before) & Counter(now)).total()
    print(f"{name}: {'equal' if equal else 'DIFFERENT'} ({shared} of {len(before)}; now {len(now)})", flush=True)
    return equal


def main(argv: list[str] | None = None) -> int:
    """Records or compares; returns 0, 1 if anything differs, 2 if something could not be run."""
    parser = argparse.ArgumentParser(prog="compare_figures.py", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("file", type=Path, metavar="FILE.json", help="where the record is")
    parser.add_argument("--data_dir", type=Path, help="with record: holds MPII and Human3.6M, as main.py's")
    options = parser.parse_args(argv)
    try:
        if options.action == "record":
            data_dir = options.data_dir and str(options.data_dir.resolve(strict=True))
            record = {"data_dir": data_dir, "values": dict(measure(data_dir))}
            options.file.write_text(json.dumps(record) + "\n", encoding="utf-8")
            return 0
        record = json.loads(options.file.read_text(encoding="utf-8"))
        same = [compare(name, record["values"].pop(name, []), now) for name, now in measure(record["data_dir"])]
        return 0 if all(same) and not record["values"] else 1
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        print(f"compare_figures.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
