"""Writes the mean of the weights of lifters that began as the same one (main.py --init).

    python test/tools/average_weights.py A.ckpt B.ckpt [MORE.ckpt ...] OUT.ckpt

A lifter that went on from another one and their mean cost the same, and the mean is often the best of the three: it
keeps what the first knew (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). Several that went on from
one lifter have a mean as well; one that is named twice counts twice. Of lifters that were trained apart the mean is
worth nothing.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import torch

from models import load_lifter, save_lifter


def main(argv: list[str] | None = None) -> int:
    """Writes the mean; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lifters", type=Path, nargs="+", metavar="CKPT", help="two or more")
    parser.add_argument("out", type=Path, help="gets the mean")
    options = parser.parse_args(argv)
    try:
        average(options.lifters, options.out)
    except (ValueError, OSError) as error:
        print(f"average_weights.py: {error}", file=sys.stderr)
        return 2
    return 0


def average(paths: list[Path], out: Path) -> None:
    """Writes the mean of the lifters' weights.

    Raises:
        ValueError: for files that are no lifters, or lifters of different shapes.
    """
    lifters = [load_lifter(path) for path in paths]
    first = lifters[0]
    for path, lifter in zip(paths, lifters, strict=True):
        if lifter.shape() != first.shape():
            raise ValueError(f"{paths[0]} and {path} have different networks: {first.shape()} and {lifter.shape()}")
    weights = [lifter.state_dict() for lifter in lifters]
    for name, tensor in weights[0].items():
        if tensor.is_floating_point():
            tensor.copy_(torch.stack([other[name] for other in weights]).mean(dim=0))
    save_lifter(first, out, json.dumps({"mean_of": [path.name for path in paths]}))


if __name__ == "__main__":
    sys.exit(main())
