"""Trains a 3D human pose lifter from 2D poses alone, validates it and keeps the best."""

import logging
import sys
import warnings
from argparse import Namespace
from inspect import signature
from pathlib import Path

from utils.options import describe, parse_options


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = parse_options(argv)
    try:
        if options.evaluate:
            evaluate_checkpoint(options)
            return 0
        return train(options)
    except (ValueError, OSError) as error:
        return complain(first_line(error), status=2)


def train(options: Namespace) -> int:
    """Flags -> seed -> data -> system -> Trainer.fit -> tables."""
    from pytorch_lightning import Trainer, seed_everything
    from pytorch_lightning.callbacks import ModelCheckpoint

    from datasets.datamodule import PoseDataModule
    from models.checkpoint import check_resumable
    from models.gan import PoseGAN
    from utils.callbacks import PosePictures, Progress, SaveOnSignal
    from utils.runs import new_run_dir, run_dir_of

    silence_lightning()
    accelerator, devices = choose_device(options.gpus)
    seed_everything(options.seed, verbose=False)
    train_set, val_set = load_data(options)
    data = PoseDataModule(train_set, val_set, options.batch_size, options.seed)
    system = PoseGAN(**{name: getattr(options, name) for name in signature(PoseGAN).parameters})
    if options.resume:
        check_resumable(options.resume, system)
    run_dir = (options.resume and run_dir_of(options.resume)) or new_run_dir(Path("lightning_logs"))
    best = ModelCheckpoint(run_dir / "checkpoints", "best-{epoch}", "val_mpjpe_epoch", save_last=True)
    label_free = ModelCheckpoint(run_dir / "checkpoints", "label-free-{epoch}", "val_label_free_epoch")
    on_signal = SaveOnSignal(run_dir / "checkpoints" / "last.ckpt")
    trainer = Trainer(
        accelerator=accelerator,
        devices=devices,
        precision={"32": "32-true", "bf16": "bf16-mixed"}[options.precision],
        max_epochs=options.max_epochs,
        logger=make_loggers(options, run_dir),
        callbacks=[best, label_free, on_signal, Progress(), PosePictures(val_set)],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    print(f"options: {describe(options)}\nlogs and checkpoints: {run_dir}", file=sys.stderr)
    try:
        trainer.fit(system, data, ckpt_path=options.resume, weights_only=True)
    except (FloatingPointError, OSError, ValueError, RuntimeError) as error:
        return complain(f"the run stopped: {first_line(error)}; checkpoints are in {run_dir}", status=1)
    except BaseException as error:
        if not on_signal.saved:
            raise
        return complain(f"stopped ({type(error).__name__}); go on with --resume {on_signal.path}", status=1)
    if trainer.is_global_zero:
        kept = {"best": best.best_model_path, "last": best.last_model_path, "label-free": label_free.best_model_path}
        report(kept, val_set, run_dir / "results.json")
    return 0


def make_loggers(options: Namespace, run_dir: Path) -> list:
    """TensorBoard beside the checkpoints, MLflow in a database: one, both or none."""
    from pytorch_lightning.loggers import MLFlowLogger, TensorBoardLogger

    loggers = []
    if options.logger in ("tensorboard", "both"):
        loggers.append(TensorBoardLogger(run_dir.parent.parent, run_dir.parent.name, run_dir.name))
    if options.logger in ("mlflow", "both"):
        loggers.append(MLFlowLogger("chen-cvpr2019", run_dir.name, "sqlite:///mlflow.db", log_model=False))
    return loggers


def evaluate_checkpoint(options: Namespace) -> None:
    """Prints the tables of one checkpoint."""
    from datasets.loading import choose_val_data, load_val

    val_set = load_val(choose_val_data(options.val_data, options.data_dir), options.data_dir, options.val_stride)
    report({"lifter": options.evaluate}, val_set, options.results)


def report(checkpoints: dict[str, Path], val_set, results_file: Path | None) -> None:
    """Evaluates checkpoints, prints their figures in one table and, if a file is named, writes them."""
    from models import load_lifter
    from utils.evaluation import evaluate, format_actions, format_table, write_results

    results = {name: evaluate(load_lifter(path).lift, val_set) for name, path in checkpoints.items()}
    print(format_table(results))
    for name, path in checkpoints.items():
        print(f"\n{name}: {path}\n{format_actions(results[name])}")
        if results_file:
            target = results_file if len(results) == 1 else results_file.with_stem(f"{results_file.stem}-{name}")
            write_results(results[name], target)
            print(f"written: {target}")


def load_data(options: Namespace):
    """Training and validation poses, named on the terminal."""
    from datasets.loading import choose_train_data, choose_val_data, load_train, load_val

    train_set = load_train(
        choose_train_data(options.train_data, options.data_dir),
        options.data_dir, options.joint_definitions, options.synthetic_poses, options.seed,
    )  # fmt: skip
    val_set = load_val(choose_val_data(options.val_data, options.data_dir), options.data_dir, options.val_stride)
    print(f"training on {train_set.name}\nvalidating on {val_set.name}", file=sys.stderr)
    return train_set, val_set


def choose_device(gpus: int) -> tuple[str, int]:
    """Lightning's words for --gpus; 0 is the CPU.

    Raises:
        ValueError: if there are fewer GPUs than asked for.
    """
    import torch

    if gpus == 0:
        return "cpu", 1
    found = torch.cuda.device_count()
    if found < gpus:
        raise ValueError(f"--gpus {gpus}: this machine has {found or 'no'} GPU; --gpus 0 trains on the CPU")
    return "gpu", gpus


def complain(message: str, status: int) -> int:
    """One sentence on standard error; returns the exit status."""
    print(f"main.py: {message}", file=sys.stderr)
    return status


def first_line(error: BaseException) -> str:
    """What fits into one sentence of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def silence_lightning() -> None:
    """Leaves the terminal to our own lines: Lightning's hints are about choices made on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch|mlflow")


if __name__ == "__main__":
    sys.exit(main())
