"""The command line of training: flags, recipes and their checks. Imports no torch, so that --help answers at once."""

import argparse
from pathlib import Path
from typing import NoReturn

from .training.runs import read_note

# What each recipe sets where the user does not. "default" is the best measured from 2D poses alone: the paper's losses,
# two priors, and from the middle of a run on a teacher who has no people but the 2D poses' own, as lifted so far.
RECIPES: dict[str, dict[str, object]] = {
    "default": {},
    # Chen et al. 2019: level camera, elevation U(+-20 deg), no priors, teacher or average; weights as the paper's.
    "chen2019": {
        "gan_loss": "non_saturating", "elevation_law": "uniform", "elevation_mean": 0.0, "elevation_spread": 20.0,
        "renormalise": False, "weight_2d": 10.0, "weight_3d": 0.001, "weight_bone": 0.0, "weight_knee": 0.0,
        "weight_teacher": 0.0, "critic_noise": 0.0, "critic_width": 1024, "ema_decay": 0.0,
        "lr_schedule": "constant",
    },
    # Supervised by procedurally generated people alone.
    "teacher": {
        "weight_teacher": 1.0, "weight_adversarial": 0.0, "weight_2d": 0.0, "weight_3d": 0.0, "weight_bone": 0.0,
        "weight_knee": 0.0, "teacher_noise": 0.03, "lifted_share": 0.0,
    },
    # The default, but from the beginning the teacher has generated people as well.
    "both": {"weight_teacher": 10.0, "teacher_noise": 0.05, "lifted_share": 0.5},
}  # fmt: skip


def bounded(kind: type, low: float, high: float, open_low: bool = False):
    """An argparse type: a number of a kind within [low, high] (or (low, high])."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (low < value <= high if open_low else low <= value <= high):
            what = "a whole number" if kind is int else "a number"
            bracket = "(" if open_low else "["
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} in {bracket}{low:g}, {high:g}]")
        return value

    return parse


RATE = bounded(float, 0.0, 1.0, open_low=True)
WEIGHT = bounded(float, 0.0, 1e6)


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, and lets the flags breathe."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=110)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """One sentence; the fifty lines of usage are for --help."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")

    def parse_args(self, *args, **kwargs) -> argparse.Namespace:
        """As argparse does it, except that a value of -- is an error on every Python, not an empty list on some."""
        options = super().parse_args(*args, **kwargs)
        for name, value in vars(options).items():
            if isinstance(value, list):
                self.error(f"argument --{name}: expected one argument")
        return options


def build_parser() -> argparse.ArgumentParser:
    """The parser of main.py. A flag and the argument of PoseGAN that it sets share name and default."""
    parser = Parser(
        prog="main.py",
        formatter_class=_Help,
        description="Train a 3D human pose lifter from 2D poses alone, validate it, keep the best.",
        epilog="With no data at hand, training and validation use generated people: python main.py --gpus 0",
        allow_abbrev=False,
    )
    _add_run_flags(parser.add_argument_group("run"))
    _add_data_flags(parser.add_argument_group("data"))
    _add_network_flags(parser.add_argument_group("networks and optimizers"))
    _add_loss_flags(parser.add_argument_group("losses and views"))
    return parser


def _add_run_flags(group: argparse._ArgumentGroup) -> None:
    count = bounded(int, 1, 1_000_000)
    group.add_argument("--gpus", type=bounded(int, 0, 1024), default=1, help=(
        "GPUs to train on, on each machine; 0 is the CPU"))  # fmt: skip
    group.add_argument("--num_nodes", type=bounded(int, 1, 4096), default=1, help=(
        "machines to train on; start the same command on each, with torchrun or SLURM"))  # fmt: skip
    group.add_argument("--max_epochs", type=count, default=200, help="passes over the training poses")
    group.add_argument("--seed", type=bounded(int, 0, 2**32 - 1), default=0, help="of weights, views and data order")
    group.add_argument(
        "--precision", choices=("32", "bf16"), default="32", help="of the linear layers; the geometry is always float32"
    )
    group.add_argument("--logger", choices=("tensorboard", "mlflow", "both", "none"), default="tensorboard",
                       help="where the curves go: lightning_logs/, mlflow.db, both or nowhere")  # fmt: skip
    group.add_argument("--recipe", choices=tuple(RECIPES), default="default", help=(
        "settings for the flags you do not give: the best from 2D alone, the 2019 paper's, supervision by "
        "generated people alone, or both"))  # fmt: skip
    group.add_argument("--resume", type=Path, metavar="CKPT", help=(
        "go on from this checkpoint, a run's last.ckpt, with its options where no flag says otherwise"))  # fmt: skip
    group.add_argument("--evaluate", type=Path, metavar="CKPT", help="no training: print this checkpoint's tables")
    group.add_argument(
        "--results",
        type=Path,
        metavar="FILE.json",
        help="with --evaluate: also write the tables here, and a CSV beside",
    )


def _add_data_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data_dir", type=Path, default=Path("data"),
                       help="holds mpii_poses.npy (or MPII's own annotation file) and h36m/")  # fmt: skip
    group.add_argument("--train_data", metavar="{mpii,h36m,synthetic,FILE}", help=(
        "2D poses to train on: MPII, Human3.6M's S1 S5 S6 S7 S8, generated people, or your own key points in a file; "
        "left out: MPII if --data_dir has it, else synthetic"))  # fmt: skip
    group.add_argument("--skeleton", help=(
        "whose points a --train_data FILE holds, where it does not say: h36m_17, mpii_16, coco_17, openpose_body_25, "
        "or another name in utils/skeleton.py"))  # fmt: skip
    group.add_argument("--val_data", choices=("h36m", "synthetic"), help=(
        "3D poses to validate on: Human3.6M's S9 S11 or generated people; "
        "left out: Human3.6M if --data_dir has it, else synthetic"))  # fmt: skip
    group.add_argument("--joint_definitions", choices=("h36m", "raw"), default="h36m", help=(
        "MPII's points moved to where Human3.6M's joints are, or as they are"))  # fmt: skip
    group.add_argument("--val_stride", type=bounded(int, 1, 100_000), help=(
        "every how many-th frame to validate on; left out: 64 while training, 1 with --evaluate"))  # fmt: skip
    group.add_argument("--synthetic_poses", type=bounded(int, 64, 10_000_000), default=20_000,
                       help="generated people to train on with --train_data synthetic")  # fmt: skip


def _add_network_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--batch_size", type=bounded(int, 2, 1_000_000), default=256, help="poses a step and process")
    group.add_argument("--gen_lr", type=RATE, default=0.001, help="Adam's learning rate of the lifter")
    group.add_argument("--dis_lr", type=RATE, default=0.001, help="Adam's learning rate of the critic")
    group.add_argument("--gen_eps", type=RATE, default=1e-8, help="Adam's epsilon of the lifter")
    group.add_argument("--dis_eps", type=RATE, default=1e-8, help="Adam's epsilon of the critic")
    group.add_argument("--lr_schedule", choices=("constant", "cosine"), default="cosine",
                       help="learning rates over the run: constant, or a cosine down to 0")  # fmt: skip
    group.add_argument("--width", type=bounded(int, 1, 16_384), default=1024, help="units a layer of the lifter")
    group.add_argument("--lifter_blocks", type=bounded(int, 0, 64), default=4, help="residual blocks of the lifter")
    group.add_argument("--critic_width", type=bounded(int, 1, 16_384), default=256, help=(
        "units a layer of the critic; a wide one learns 20,000 poses by heart"))  # fmt: skip
    group.add_argument("--critic_blocks", type=bounded(int, 0, 64), default=3, help="residual blocks of the critic")
    group.add_argument("--ema_decay", type=bounded(float, 0.0, 0.999999), default=0.999,
                       help="of the averaged lifter, the one evaluated and kept; 0: no average")  # fmt: skip


def _add_loss_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--gan_accuracy_cap", type=bounded(float, 0.0, 1.0), default=0.9,
                       help="the critic is not updated while its accuracy exceeds this (Kudo 2018)")  # fmt: skip
    group.add_argument("--gan_loss", choices=("non_saturating", "least_squares"), default="least_squares",
                       help="the game between lifter and critic")  # fmt: skip
    group.add_argument("--weight_adversarial", type=WEIGHT, default=1.0, help="random views look like real poses")
    group.add_argument("--weight_2d", type=WEIGHT, default=1.0, help="L2D: the input is found again after the cycle")
    group.add_argument("--weight_3d", type=WEIGHT, default=0.1, help="L3D: both lifts agree in the random view")
    group.add_argument("--weight_bone", type=WEIGHT, default=10.0, help="bone lengths follow published proportions")
    group.add_argument("--weight_knee", type=WEIGHT, default=5.0, help="knees do not bend forward")
    group.add_argument("--weight_teacher", type=WEIGHT, default=5.0, help=(
        "supervision by the depths of generated people, or of the 2D poses' people as lifted so far"))  # fmt: skip
    group.add_argument("--teacher_noise", type=bounded(float, 0.0, 1.0), default=0.0,
                       help="a detector's errors on the teacher's people: jitter as a share of their size")  # fmt: skip
    group.add_argument("--lifted_share", type=bounded(float, 0.0, 1.0), default=1.0, help=(
        "share of the teacher's people in a run's second half that are lifted ones; the others, and all in the "
        "first half, are generated; 1: none is generated, the teacher waits for the second half"))  # fmt: skip
    group.add_argument("--critic_noise", type=bounded(float, 0.0, 1.0), default=0.05,
                       help="noise on what the critic sees, as a share of a person's size")  # fmt: skip
    group.add_argument("--azimuth_range", type=bounded(float, 0.0, 180.0), default=180.0,
                       help="new views turn up to this many degrees either way about the vertical")  # fmt: skip
    group.add_argument("--elevation_law", choices=("normal", "uniform"), default="normal",
                       help="how the elevation of new views is drawn")  # fmt: skip
    group.add_argument("--elevation_mean", type=bounded(float, -80.0, 80.0), default=8.0,
                       help="degrees by which cameras look down on average")  # fmt: skip
    group.add_argument("--elevation_spread", type=bounded(float, 0.0, 90.0), default=6.0,
                       help="its standard deviation (normal) or half width (uniform), degrees")  # fmt: skip
    group.add_argument("--renormalise", action=argparse.BooleanOptionalAction, default=True,
                       help="projections get the size of real poses before the critic sees them")  # fmt: skip


def parse_options(argv: list[str] | None = None) -> argparse.Namespace:
    """Flags over recipe over, with --resume, the options that the run was begun with, over defaults.

    Raises:
        SystemExit: status 2 and one sentence for a flag that cannot be used.
    """
    parser = build_parser()
    given = parser.parse_args(argv)
    check(given, parser)
    if given.resume:
        try:
            earlier = read_note(given.resume).get("options", {})
        except ValueError as error:
            parser.error(f"argument --resume: {error}")
        parser.set_defaults(**_as_defaults(earlier, parser))
    parser.set_defaults(**RECIPES[given.recipe])
    options = parser.parse_args(argv)
    losses = [name for name, value in vars(options).items() if name.startswith("weight_") and value]
    if not losses:
        parser.error("every --weight_... is 0: nothing is left to learn from")
    if losses == ["weight_teacher"] and options.lifted_share == 1:
        parser.error("with --lifted_share 1 the teacher waits for lifted people: give another loss a --weight_...")
    if options.skeleton and options.train_data in (None, "mpii", "h36m", "synthetic"):
        parser.error("--skeleton goes with --train_data FILE: the other data sets' points are known")
    if options.val_stride is None:
        options.val_stride = 1 if options.evaluate else 64
    return options


def check(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """What one flag alone does not tell."""
    for name in ("resume", "evaluate"):
        path = getattr(options, name)
        if path is not None and not _is_file(path):
            parser.error(f"argument --{name}: there is no file {path}")
    if options.resume and options.evaluate:
        parser.error("--resume trains and --evaluate does not: give one of them")
    if options.results and not options.evaluate:
        parser.error("--results goes with --evaluate: training writes its tables beside its checkpoints")
    if options.results and options.results.suffix != ".json":
        parser.error(f"argument --results: {options.results} does not end in .json")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _as_defaults(options: dict[str, object], parser: argparse.ArgumentParser) -> dict[str, object]:
    """Options from a file as defaults, checked as if they were given as flags."""
    known = vars(parser.parse_args([])).keys() - {"resume", "evaluate"}
    kept = {name: value for name, value in options.items() if name in known and value is not None}
    checked = vars(parser.parse_args([_as_flag(name, value) for name, value in kept.items()]))
    return {name: checked[name] for name in kept}


def _as_flag(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"


def describe(options: argparse.Namespace) -> dict[str, object]:
    """The resolved options as plain values: what is printed, logged and saved with a run."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
