"""Trains a 3D human pose lifter from 2D poses alone, validates it and keeps the best."""

import logging
import os
import sys
import textwrap
import warnings
from argparse import Namespace
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import Any

from utils.config import describe, parse_options
from utils.messages import first_line
from utils.training.runs import (
    LIFTER,
    differences,
    has_ended,
    is_first_process,
    new_run_dir,
    other_data,
    poses_sha256,
    read_note,
    run_dir_of,
    write_note,
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0, 1 for a run that stopped early, 2 if none could begin."""
    options = parse_options(argv)
    try:
        if options.evaluate:
            evaluate_checkpoint(options)
            return 0
        return train(options)
    except (ValueError, OSError) as error:
        return complain(first_line(error), status=2)
    except KeyboardInterrupt:
        return complain("interrupted before training began; nothing is lost", status=2)


def train(options: Namespace) -> int:
    """Flags -> seed -> data -> system -> Trainer.fit -> tables."""
    from pytorch_lightning import seed_everything
    from torch import distributed

    from datasets.datamodule import PoseDataModule
    from models.gan import PoseGAN
    from models.weights import check_resumable
    from utils.training.cpu import fast_float32_products, keep_freed_memory
    from utils.training.loggers import make_loggers

    silence_libraries()
    if not options.gpus:
        keep_freed_memory()
        fast_float32_products()
    device = choose_device(options.gpus, options.num_nodes)
    seed_everything(options.seed, verbose=False)
    train_set, val_set = load_data(options)
    data = PoseDataModule(train_set, val_set, options.batch_size, options.seed)
    system = PoseGAN(**{name: getattr(options, name) for name in signature(PoseGAN).parameters})
    earlier, note = {}, {}
    if options.resume:
        earlier = check_resumable(options.resume, system, options.max_epochs, has_ended(options.resume))
        note = read_note(options.resume)
    first = is_first_process()
    logs = Path("lightning_logs")
    run_dir = (options.resume and run_dir_of(options.resume)) or (new_run_dir(logs) if first else logs)
    loggers = make_loggers(options.logger, run_dir, note.get("mlflow_run")) if first else {}
    trainer, kept = make_trainer(options, device, run_dir, val_set, list(loggers.values()))
    last = Path(kept()["last"])
    if first:
        now = {
            "options": describe(options), "training": train_set.name, "validation": val_set.name,
            "training_sha256": poses_sha256(train_set.poses_px["gt"]),
            "mlflow_run": loggers["mlflow"].version if "mlflow" in loggers else note.get("mlflow_run"),
        }  # fmt: skip
        write_note(run_dir, now)
        changed = differences({**note.get("options", {}), **earlier}, describe(options))
        announce(options, train_set, val_set, run_dir, changed, other_data(note, now))
    try:
        for logger in loggers.values():
            logger.log_options(describe(options))
        trainer.fit(system, data, ckpt_path=options.resume, weights_only=True)
        if trainer.world_size > 1:
            # What follows is the first process's alone: nothing in it may wait for the others.
            distributed.destroy_process_group()
        if trainer.is_global_zero:
            finish(kept(), val_set, run_dir, loggers)
        return 0
    except (FloatingPointError, OSError, ValueError, RuntimeError) as error:
        return complain(f"the run stopped: {first_line(error)}; {where_to_go_on(last)}", status=1)
    except (KeyboardInterrupt, SystemExit):
        return complain(f"stopped; {where_to_go_on(last)}", status=1)


def make_trainer(options: Namespace, device: tuple[str, int, Any], run_dir: Path, val_set, loggers: list):
    """The Trainer, and a function that says which checkpoints it has kept so far: {"best": path, ...}."""
    from pytorch_lightning import Trainer
    from pytorch_lightning.callbacks import ModelCheckpoint

    from utils.training.callbacks import PosePictures, Progress, SaveOnSignal, WholeFiles

    folder, (accelerator, devices, strategy) = run_dir / "checkpoints", device
    best = ModelCheckpoint(folder, "best-{epoch}", "val_mpjpe_epoch", enable_version_counter=False)
    label_free = ModelCheckpoint(folder, "label-free-{epoch}", "val_label_free_epoch", enable_version_counter=False)
    last = ModelCheckpoint(folder, "last", enable_version_counter=False)
    on_signal = SaveOnSignal(folder / "last.ckpt")
    trainer = Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=options.num_nodes,
        strategy=strategy,
        precision={"32": "32-true", "bf16": "bf16-mixed"}[options.precision],
        max_epochs=options.max_epochs,
        logger=loggers,
        # "last" comes after the others that keep checkpoints, so that what it saves knows of theirs.
        callbacks=[Progress(), PosePictures(val_set), best, label_free, last, on_signal],
        plugins=[WholeFiles()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    return trainer, lambda: {
        "best": best.best_model_path, "last": on_signal.path, "label-free": label_free.best_model_path,
    }  # fmt: skip


def finish(kept: dict[str, Path], val_set, run_dir: Path, loggers: dict) -> None:
    """The table of what training kept, the best lifter as a small file, and where everything lies."""
    from models import load_lifter, save_lifter
    from utils.evaluation.protocol import evaluate
    from utils.evaluation.report import format_table, write_tables

    kept = {name: Path(path) for name, path in kept.items() if Path(path).is_file()}
    results = {name: evaluate(load_lifter(path).for_inference().lift, val_set) for name, path in kept.items()}
    print(format_table(results))
    for name, result in results.items():
        write_tables(result, run_dir / f"results-{name}.json")
    save_lifter(load_lifter(kept.get("best", kept["last"])), run_dir / LIFTER, f"trained by {run_dir.name}")
    for logger in loggers.values():
        logger.log_file(run_dir / LIFTER)
    lines = {name: os.path.relpath(path) for name, path in kept.items()}
    lines |= {"best, small": f"{run_dir / LIFTER}", "tables": f"{run_dir}/results-*.json and .csv"}
    commands = {"tensorboard": f"tensorboard --logdir {run_dir.parent}", "mlflow": "mlflow ui --backend-store-uri "
                "sqlite:///mlflow.db"}  # fmt: skip
    lines |= {"look at it": " or ".join(commands[name] for name in loggers)} if loggers else {}
    print("\n".join(["", *(f"{name:<12} {value}" for name, value in lines.items())]), file=sys.stderr)


def evaluate_checkpoint(options: Namespace) -> None:
    """Prints the tables of one checkpoint and, with --results, writes them."""
    from datasets.loading import choose_val_data, load_val
    from models import load_lifter
    from utils.evaluation.protocol import evaluate
    from utils.evaluation.report import format_actions, format_table, write_tables
    from utils.training.cpu import fast_float32_products, keep_freed_memory

    keep_freed_memory()
    fast_float32_products()
    lifter = load_lifter(options.evaluate).for_inference()
    val_set = load_val(choose_val_data(options.val_data, options.data_dir), options.data_dir, options.val_stride)
    results = evaluate(lifter.lift, val_set)
    print(f"{format_table({'lifter': results})}\n\n{format_actions(results)}")
    if options.results:
        write_tables(results, options.results)
        print(f"written: {options.results} and {options.results.with_suffix('.csv')}", file=sys.stderr)


def load_data(options: Namespace):
    """Training and validation poses; what was chosen for the user goes into the options."""
    from datasets.loading import choose_train_data, choose_val_data, load_train, load_val

    options.train_data = choose_train_data(options.train_data, options.data_dir)
    options.val_data = choose_val_data(options.val_data, options.data_dir)
    train_set = load_train(
        options.train_data,
        options.data_dir,
        options.joint_definitions,
        options.synthetic_poses,
        options.seed,
        options.skeleton,
    )
    return train_set, load_val(options.val_data, options.data_dir, options.val_stride)


def choose_device(gpus: int, num_nodes: int) -> tuple[str, int, Any]:
    """Lightning's accelerator, devices a machine and strategy for --gpus and --num_nodes; 0 GPUs are the CPU.

    Raises:
        ValueError: if there are fewer GPUs than asked for.
    """
    import torch
    from pytorch_lightning.strategies import DDPStrategy

    found = torch.cuda.device_count()
    if found < gpus:
        raise ValueError(
            f"--gpus {gpus}: this machine has {found or 'no'} GPU{'s' * (found > 1)}; --gpus 0 trains on the CPU"
        )
    accelerator, devices = ("gpu", gpus) if gpus else ("cpu", 1)
    if devices * num_nodes == 1:
        return accelerator, devices, "auto"
    # The lifter's step leaves the critic's gradients alone and the other way round. If a process dies, the
    # others give up waiting after the timeout at the latest.
    return accelerator, devices, DDPStrategy(find_unused_parameters=True, timeout=timedelta(minutes=10))


def announce(options: Namespace, train_set, val_set, run_dir: Path, changed: str, warning: str) -> None:
    """Says what is about to happen."""
    chosen = " ".join(f"{name}={value}" for name, value in describe(options).items() if value is not None)
    lines = [
        f"training on {train_set.name}" + (f", {train_set.left_out:,} left out" if train_set.left_out else ""),
        f"validating on {val_set.name}",
        *textwrap.wrap(f"options: {chosen}", 118, subsequent_indent="  ", break_on_hyphens=False),
        *([f"resuming with {changed}"] if changed else []),
        *([f"warning: {warning}"] if warning else []),
        f"logs and checkpoints in {run_dir}",
    ]
    print("\n".join(lines), file=sys.stderr)


def where_to_go_on(last: Path) -> str:
    """What to do after a run that stopped."""
    if not is_first_process():
        return "the first process keeps the checkpoints"
    return f"go on with --resume {last}" if last.is_file() else "no checkpoint had been written yet"


def complain(message: str, status: int) -> int:
    """One sentence on standard error; returns the exit status."""
    print(f"main.py: {message}", file=sys.stderr)
    return status


def silence_libraries() -> None:
    """Leaves the terminal to our own lines: Lightning's hints are about choices made on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch|mlflow")


if __name__ == "__main__":
    sys.exit(main())
