"""Times training, validation and start beside references of the same run; see docs/benchmark.md.

    python test/tools/benchmark.py [--gpus 1] [--out bench.json] [--data_dir DIR]

Ours and its reference take turns (A B A B ...) and medians are compared, so that ratios stand on a busy machine too.
"""

import argparse
import json
import logging
import platform
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import pytorch_lightning as pl
import torch
from benchmark_runs import bench_busy, bench_ordinary, bench_overhead, bench_start, fit_alone
from benchmark_steps import bench_scaling, bench_step
from benchmark_table import Bench
from benchmark_validation import bench_validation

from utils.training.devices import keep_freed_memory


def machine(bench: Bench) -> dict[str, str]:
    """What the figures were measured on; no names of hosts or people."""
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")] if Path("/proc/cpuinfo").is_file() else []  # fmt: skip
    device = torch.cuda.get_device_name() if bench.gpus else (names or [platform.machine()])[0]
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, Lightning {pl.__version__}"
    return {"machine": f"{device}, {torch.get_num_threads()} CPU threads", "versions": versions}


def main() -> None:
    """Runs every row that the machine can measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=int, choices=(0, 1), default=0, help="1: measure on the GPU")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--out", type=Path, default=Path("bench.json"), help="where the rows go")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), help="Human3.6M is used if it is there")
    parser.add_argument(
        "--only_busy", action="store_true", help="only the rows that compare a busy machine and an idle one"
    )
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    bench = Bench(options.gpus, options.data_dir)
    if options.fit:
        fit_alone(bench, options.fit[0], int(options.fit[1]), int(options.fit[2]))
        return
    keep_freed_memory()
    print("{machine}\n{versions}\n".format(**machine(bench)))
    print(f"{'':<66}{'ours':>10}{'reference':>11}{'ratio':>9}  unit")
    if options.only_busy:
        bench_busy(bench)
        return
    bench_step(bench, discriminator_width=1024)
    step = bench_step(bench, discriminator_width=256)
    bench_ordinary(bench, Path(__file__))
    bench_overhead(bench, step)
    bench_scaling(bench)
    bench_validation(bench)
    bench_busy(bench)
    bench_start(bench)
    rows = [{**row, **machine(bench)} for row in bench.rows]
    options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
