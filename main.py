"""Trains a 3D human pose lifter from 2D poses alone, validates it and keeps the best."""

import os
import sys
from pathlib import Path

from utils.command_line import parse_config
from utils.config import Config
from utils.messages import first_line, missing_package

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# How long PyTorch's threads wait for each other by spinning, read when it is imported: docs/clusters.md tells why.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
if __name__ == "__main__":
    # Answers --help and wrong flags at once, before the imports below take seconds.
    parse_config()

try:
    from pytorch_lightning import Trainer, seed_everything
    from rich.console import Console
    from torch import distributed

    from datasets.datamodule import PoseDataModule
    from datasets.loading import load_data, load_validation
    from datasets.poseset import PoseSet
    from models import load_lifter, save_lifter
    from models.adapter import adapted
    from models.export import export_onnx
    from models.gan import PoseGAN
    from models.weights import check_resumable
    from utils.evaluation.protocol import evaluate
    from utils.evaluation.report import format_actions, format_joints, format_table, write_tables
    from utils.training import devices, runs
    from utils.training.callbacks import Checkpoints, LearningRates, PosePictures, WholeFiles
    from utils.training.loggers import make_loggers
    from utils.training.terminal import Progress, console, say, say_options
except ModuleNotFoundError as error:
    print(f"main.py: {missing_package(error, REQUIREMENTS)}", file=sys.stderr)
    sys.exit(2)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0, 1 if a run failed, 2 if none could begin, or runs.STOPPED."""
    config = parse_config(argv)
    console.quiet = config.run.quiet
    try:
        if path := config.run.export:
            print(export_onnx(config.run.ckpt, path, config.run.export_precision), file=sys.stderr)
            return 0
        return evaluate_checkpoint(config) if config.run.evaluate else train(config)
    except (ValueError, OSError) as error:
        return complain(first_line(error), status=2)
    except ModuleNotFoundError as error:
        return complain(missing_package(error, REQUIREMENTS), status=2)
    except KeyboardInterrupt:
        return complain("interrupted before training began; nothing is lost", status=2)


def train(config: Config) -> int:
    """Options -> seed -> data -> PoseGAN -> Trainer.fit -> tables."""
    devices.silence_libraries()
    device = devices.device_options(config.run.gpus, config.run.num_nodes)
    if device["accelerator"] == "cpu":
        devices.make_cpu_fast()
    seed_everything(config.run.seed, verbose=False)
    config, train_set, val_set = load_data(config)
    train_set = adapted(config, train_set)
    data = PoseDataModule(train_set, val_set, config.optimization.batch_size, config.run.seed, config.losses.frame_gap)
    start = load_lifter(config.run.init) if config.run.init else None
    config = config.updated(start.shape() if start else {})
    system = PoseGAN(config, start)
    resume, first = config.run.resume, runs.is_first_process()
    earlier = runs.read_note(resume)
    if resume:
        options = check_resumable(resume, system, config.run.max_epochs, runs.has_ended(resume))
        earlier["options"] = {**earlier.get("options", {}), **options}
    run_dir = runs.run_dir_for(resume, config.run.run_name)
    loggers = make_loggers(config.run.logger, run_dir, earlier.get("mlflow_run")) if first else {}
    checkpoints = Checkpoints(run_dir / "checkpoints")
    callbacks = [LearningRates(), Progress(), PosePictures(val_set), *checkpoints.callbacks]
    trainer = make_trainer(config, device, run_dir, callbacks, list(loggers.values()))
    if first:
        mlflow_run = loggers["mlflow"].version if "mlflow" in loggers else earlier.get("mlflow_run")
        say_options(config.flat() if config.run.verbose else {})
        note = runs.note_start(run_dir, config.flat(), train_set, val_set, mlflow_run, earlier)
        say(f"device       {devices.describe_device(device)}\n{note}")
    try:
        trainer.fit(system, data, ckpt_path=resume, weights_only=True)
        if trainer.world_size > 1:
            # What follows is the first process's alone: nothing in it may wait for the others.
            distributed.destroy_process_group()
        if trainer.is_global_zero:
            finish(checkpoints.kept(), val_set, run_dir, loggers)
        return 0
    except (FloatingPointError, OSError, ValueError, RuntimeError) as error:
        return complain(f"the run stopped: {first_line(error)}; {runs.how_to_go_on(checkpoints.last)}", status=1)
    except (KeyboardInterrupt, SystemExit):
        return complain(f"stopped; {runs.how_to_go_on(checkpoints.last)}", status=runs.STOPPED)


def make_trainer(config: Config, device: dict, folder: Path, callbacks: list, loggers: list) -> Trainer:
    """The Trainer; it writes to a folder of its own alone, also under SLURM."""
    return Trainer(
        **device,
        precision={"32": "32-true", "bf16": "bf16-mixed"}[config.run.precision],
        max_epochs=config.run.max_epochs,
        logger=loggers,
        default_root_dir=folder,
        callbacks=callbacks,
        plugins=[WholeFiles()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def finish(kept: dict[str, Path], val_set: PoseSet, run_dir: Path, loggers: dict) -> None:
    """The tables of what training kept, the best lifter as a small file, and where everything lies."""
    results = {name: evaluate(load_lifter(path).for_inference().lift, val_set) for name, path in kept.items()}
    Console().print(format_table(results))
    for name, result in results.items():
        write_tables(result, run_dir / f"results-{name}.json")
    save_lifter(load_lifter(kept.get("best", kept["last"])), run_dir / runs.LIFTER, f"trained by {run_dir.name}")
    for logger in loggers.values():
        logger.log_results(results, run_dir)
    say(runs.where_everything_is(kept, run_dir, list(loggers)))


def evaluate_checkpoint(config: Config) -> int:
    """Prints the tables of one checkpoint and, with --results, writes them."""
    devices.make_cpu_fast()
    lifter = load_lifter(config.run.evaluate).for_inference()
    results = evaluate(lifter.lift_with_uncertainty, load_validation(config.data))
    Console().print(format_table({"lifter": results}), "", format_actions(results), format_joints(results))
    if path := config.run.results:
        write_tables(results, path)
        say(f"written: {path} and {path.with_suffix('.csv')}")
    return 0


def complain(message: str, status: int) -> int:
    """One sentence on standard error, of what cannot begin only one on each machine; returns the exit status."""
    if status != 2 or runs.is_first_here():
        print(f"main.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    devices.leave(main())
