"""The command line of main.py: from flags to `utils.config.Config`. Imports no torch."""

import argparse
from os.path import isdir, isfile
from typing import Any, get_type_hints

from .config import RECIPES, Config, RunConfig
from .options import Parser
from .training.runs import read_note


def build_parser() -> Parser:
    """The parser of main.py."""
    parser = Parser(
        prog="main.py",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=34, width=110),
        description="Train a 3D human pose lifter from 2D poses alone, validate it, keep the best.",
        epilog="Without data, training and validation use synthetic poses: python main.py",
        allow_abbrev=False,
    )
    parser.add_options(*get_type_hints(Config).values())
    return parser


def parse_config(argv: list[str] | None = None) -> Config:
    """Flags over, with --resume, the options that the run was begun with, over the recipe's.

    Raises:
        SystemExit: status 2 and one sentence for a flag that cannot be used.
    """
    parser = build_parser()
    given = vars(parser.parse_args(argv))
    config = RECIPES[given.get("recipe", "default")].updated(given)
    _check(config, config.run, parser)
    if config.run.resume:
        config = _resumed(given, parser)
    active = [name for name, value in config.flat().items() if name.startswith("weight_") and value]
    if not active:
        parser.error("every --weight_... is 0: nothing is left to learn from")
    if active == ["weight_supervised"] and config.losses.pseudo_label_fraction == 1:
        parser.error("with --pseudo_label_fraction 1 supervision waits for pseudo-labels: give another --weight_...")
    if config.data.skeleton and config.data.train_data in (None, "mpii", "h36m", "synthetic"):
        parser.error("--skeleton goes with --train_data FILE: the other data sets' points are known")
    whole = config.run.evaluate or config.data.val_data not in (None, "h36m", "synthetic")
    stride = config.data.val_stride or (1 if whole else 64)
    return config.updated({"val_stride": stride})


def _check(config: Config, run: RunConfig, parser: Parser) -> None:
    """What one flag alone does not tell."""
    for name in ("resume", "init", "evaluate", "ckpt"):
        # Unlike pathlib's, these take a path that no file system takes, of 5,000 letters say.
        if (path := getattr(run, name)) and not isfile(path):  # noqa: PTH113
            parser.error(f"argument --{name}: there is no file {path}")
    if config.data.data_dir and not isdir(config.data.data_dir):  # noqa: PTH112
        parser.error(f"argument --data_dir: there is no folder {config.data.data_dir}")
    if sum(map(bool, (run.resume, run.init, run.evaluate, run.export))) > 1:
        parser.error("--resume goes on with a run, --init begins one, --evaluate and --export do not train: give one")
    if run.resume and run.run_name:
        parser.error("--run_name is for a new run: a resumed one has its name")
    if not run.export and (run.ckpt or run.export_precision != "fp32"):
        parser.error("--ckpt and --export_precision go with --export FILE.onnx")
    if run.results and not run.evaluate:
        parser.error("--results goes with --evaluate: training writes its tables beside its checkpoints")
    for name, ending in (("results", ".json"), ("export", ".onnx")):
        if (path := getattr(run, name)) and path.suffix != ending:
            parser.error(f"argument --{name}: {path} does not end in {ending}")


def _resumed(given: dict[str, Any], parser: Parser) -> Config:
    """The settings of the run that --resume goes on with, with what is given now."""
    try:
        noted = read_note(given["resume"]).get("options", {})
    except ValueError as error:
        parser.error(f"argument --resume: {error}")
    known = RECIPES["default"].flat().keys() - {"resume", "init", "evaluate", "verbose", "quiet"}
    flags = [_as_flag(name, value) for name, value in noted.items() if name in known and value is not None]
    # Noted options pass the same checks as typed ones.
    earlier = vars(parser.parse_args(flags))
    if given.get("recipe", earlier.get("recipe")) != earlier.get("recipe"):
        parser.error("--recipe cannot change with --resume: the run has its own; give the flags that should differ")
    return RECIPES[earlier.get("recipe", "default")].updated({**earlier, **given})


def _as_flag(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"
