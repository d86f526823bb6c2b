"""Writes the mean of the weights of two lifters, of which one began as the other (main.py --init).

    python test/tools/average_weights.py BEFORE.ckpt AFTER.ckpt OUT.ckpt [--share 0.5]

A lifter that went on from another one and their mean cost the same, and the mean is often the best of the three: it
keeps what the first knew (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). Of two lifters that were
trained apart the mean is worth nothing.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from models import load_lifter, save_lifter


def main(argv: list[str] | None = None) -> int:
    """Writes the mean; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="the lifter that training went on from")
    parser.add_argument("after", type=Path, help="what came of it")
    parser.add_argument("out", type=Path, help="gets the mean")
    parser.add_argument("--share", type=float, default=0.5, help="of the second in the mean (default: 0.5)")
    options = parser.parse_args(argv)
    try:
        average(options.before, options.after, options.out, options.share)
    except (ValueError, OSError) as error:
        print(f"average_weights.py: {error}", file=sys.stderr)
        return 2
    return 0


def average(before: Path, after: Path, out: Path, share: float) -> None:
    """Writes (1 - share) * before + share * after.

    Raises:
        ValueError: for files that are no lifters, lifters of different shapes, or a share that is not in [0, 1].
    """
    first, second = load_lifter(before), load_lifter(after)
    if first.shape() != second.shape():
        raise ValueError(f"{before} and {after} have different networks: {first.shape()} and {second.shape()}")
    if not 0 <= share <= 1:
        raise ValueError(f"--share {share:g} is not in [0, 1]")
    weights, others = first.state_dict(), second.state_dict()
    for name, tensor in weights.items():
        if tensor.is_floating_point():
            tensor.lerp_(others[name], share)
    save_lifter(first, out, json.dumps({"mean_of": [before.name, after.name], "share": share}))


if __name__ == "__main__":
    sys.exit(main())
