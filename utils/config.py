"""Every setting of training with its default, its range and its sentence for --help. Imports no torch."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from .options import option


# fmt: off
@dataclass(frozen=True)
class RunConfig:
    """run"""

    gpus: int | None = option(
        None, "GPUs to train on, on each machine; 0: the CPU; no number: all, or else the CPU", 0, 1024, nargs="?")
    num_nodes: int = option(1, "machines; start the same command on each, with torchrun or SLURM", 1, 4096)
    max_epochs: int = option(200, "passes over the training poses", 1, 1_000_000)
    seed: int = option(0, "of weights, views and data order", 0, 2**32 - 1)
    precision: Literal["32", "bf16"] = option("32", "of the linear layers; the geometry is always float32")
    logger: Literal["tensorboard", "mlflow", "both", "none"] = option(
        "tensorboard", "where the curves go: lightning_logs/, mlflow.db, both or nowhere")
    run_name: str | None = option(None, "in lightning_logs/ and MLflow; left out: version_0 and so on", metavar="NAME")
    verbose: bool = option(False, "print all options before training")
    quiet: bool = option(False, "print only final tables, warnings and errors")
    recipe: Literal["default", "chen2019", "synthetic", "both"] = option(
        "default", "settings for the flags you do not give: the best from 2D poses alone, the 2019 paper's, "
        "supervision by synthetic poses alone, or 2D and synthetic poses")
    resume: Path | None = option(
        None, "go on from this checkpoint, a run's last.ckpt, with its options where no flag says otherwise",
        metavar="CKPT")
    init: Path | None = option(
        None, "begin with the weights and the networks of this lifter, for poses of your own", metavar="CKPT")
    evaluate: Path | None = option(None, "no training: print this checkpoint's tables", metavar="CKPT")
    results: Path | None = option(
        None, "with --evaluate: also write the tables here, and a CSV file beside it", metavar="FILE.json")
    export: Path | None = option(
        None, "no training: write a lifter as an ONNX file, for other languages (docs/onnx.md)", metavar="FILE.onnx")
    ckpt: Path | None = option(None, "of the lifter to --export; left out: the shipped one", metavar="CKPT")
    export_precision: Literal["fp32", "fp16"] = option("fp32", "of the weights in the ONNX file; fp16 halves it")


@dataclass(frozen=True)
class DataConfig:
    """data"""

    data_dir: Path | None = option(None, "of mpii_poses.npy (or MPII's own file) and h36m/; else ./data", metavar="DIR")
    train_data: str | None = option(
        None, "2D poses to train on: MPII, Human3.6M's S1 S5 S6 S7 S8, synthetic poses, or your own keypoints in a "
        "file; left out: MPII if --data_dir has it, else synthetic", metavar="{mpii,h36m,synthetic,FILE}")
    adapt_to: str | None = option(
        None, "first make the poses of --train_data look like these 2D poses, by a network that moves their points "
        "(the 2019 paper's domain adapter)", metavar="{mpii,h36m,synthetic,FILE}")
    train_2d: Literal["gt", "detected"] = option("gt", "Human3.6M's 2D poses to train on: projected, or a detector's")
    skeleton: str | None = option(
        None, "whose points a --train_data FILE holds, where it does not say: h36m_17, mpii_16, coco_17, "
        "openpose_body_25, or another name in utils/skeleton.py")
    val_data: str | None = option(
        None, "3D poses to validate on: Human3.6M's S9 S11, synthetic ones, or an .npz file (docs/evaluation.md); "
        "left out: Human3.6M if --data_dir has it, else synthetic", metavar="{h36m,synthetic,FILE}")
    joint_definitions: Literal["h36m", "raw"] = option(
        "h36m", "MPII's points moved to where Human3.6M's joints are, or as they are")
    val_stride: int | None = option(
        None, "validate on every n-th frame; left out: 1 with --evaluate or a file, 64 otherwise", 1, 100_000)
    synthetic_poses: int = option(20_000, "number of poses of --train_data synthetic", 64, 10_000_000)


@dataclass(frozen=True)
class NetworkConfig:
    """networks"""

    width: int = option(1024, "units a layer of the lifter", 1, 16_384)
    lifter_blocks: int = option(4, "residual blocks of the lifter", 0, 64)
    corrects_points: bool = option(
        False, "the lifter is told how far to trust each point, corrects it and says how sure it is; for noisy points")
    discriminator_width: int = option(
        256, "units a layer of the discriminator; a wide one learns 20,000 poses by heart", 1, 16_384)
    discriminator_blocks: int = option(3, "residual blocks of the discriminator", 0, 64)


@dataclass(frozen=True)
class OptimizationConfig:
    """optimization"""

    batch_size: int = option(256, "poses per step and process", 2, 1_000_000)
    gen_lr: float = option(0.001, "Adam's learning rate of the lifter", 0.0, 1.0, above=True)
    dis_lr: float = option(0.001, "Adam's learning rate of the discriminator", 0.0, 1.0, above=True)
    gen_eps: float = option(1e-8, "Adam's epsilon of the lifter", 0.0, 1.0, above=True)
    dis_eps: float = option(1e-8, "Adam's epsilon of the discriminator", 0.0, 1.0, above=True)
    lr_schedule: Literal["constant", "cosine"] = option("cosine", "learning rates: constant, or a cosine down to 0")
    ema_decay: float = option(
        0.999, "of the moving average of the lifter's weights, which is evaluated and kept; 0: none", 0.0, 0.999999)


@dataclass(frozen=True)
class LossConfig:
    """losses"""

    gan_accuracy_cap: float = option(
        0.9, "the discriminator is not updated while its accuracy exceeds this (Kudo et al. 2018)", 0.0, 1.0)
    gan_loss: Literal["non_saturating", "least_squares"] = option("least_squares", "loss of lifter and discriminator")
    weight_adversarial: float = option(1.0, "random views look like real poses", 0.0, 1e6)
    weight_temporal: float = option(
        0.0, "motion in random views looks like real motion, of data whose frames are in order: --train_data h36m; "
        "the 2019 paper's weight is 1", 0.0, 1e6)
    temporal_stride: int = option(
        5, "--weight_temporal: frames from the first to the second pose of a motion; 5 are 0.1 s of Human3.6M", 1, 1000)
    weight_2d: float = option(1.0, "L2D: the input is found again after the cycle", 0.0, 1e6)
    weight_3d: float = option(0.1, "L3D: both lifts agree in the random view", 0.0, 1e6)
    weight_bone: float = option(10.0, "bone lengths follow published proportions", 0.0, 1e6)
    weight_knee: float = option(5.0, "knees do not bend forward", 0.0, 1e6)
    weight_supervised: float = option(
        5.0, "supervision by poses of known depth: synthetic ones, or pseudo-labels of the 2D poses", 0.0, 1e6)
    detector_errors: float = option(
        0.5, "a detector's errors on the supervised poses, as a multiple of real ones; 0: none", 0.0, 10.0)
    definition_errors: float = option(
        1.0, "other joint definitions on the supervised poses, as a multiple of usual differences; 0: none", 0.0, 10.0)
    pseudo_label_fraction: float = option(
        1.0, "fraction of the supervised poses that are pseudo-labels in a run's second half; the others, and all in "
        "the first half, are synthetic; 1: no synthetic ones, supervision begins in the second half", 0.0, 1.0)
    discriminator_noise: float = option(
        0.05, "noise on what the discriminator sees, as a fraction of a person's size", 0.0, 1.0)
    renormalise: bool = option(True, "projections get the size of real poses before the discriminator sees them")

    @property
    def frame_gap(self) -> int:
        """Frames between the two poses that training looks at together; 0 where it looks at single poses."""
        return self.temporal_stride if self.weight_temporal else 0


@dataclass(frozen=True)
class ViewConfig:
    """random views"""

    azimuth_range: float = option(180.0, "views turn up to this many degrees either way about the vertical", 0.0, 180.0)
    elevation_distribution: Literal["normal", "uniform"] = option("normal", "of the elevation of random views")
    elevation_mean: float = option(8.0, "degrees by which cameras look down on average", -80.0, 80.0)
    elevation_std: float = option(6.0, "standard deviation (normal) or half width (uniform), degrees", 0.0, 90.0)
    unusual_views: float = option(
        0.0, "fraction of the supervised poses seen by cameras held at unusual angles, with 2.5 times the deviation "
        "of the elevation", 0.0, 1.0)
# fmt: on


@dataclass(frozen=True)
class Config:
    """All settings of a run."""

    run: RunConfig = RunConfig()
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    optimization: OptimizationConfig = OptimizationConfig()
    losses: LossConfig = LossConfig()
    views: ViewConfig = ViewConfig()

    def flat(self) -> dict[str, Any]:
        """All settings by the names of their flags, as plain values: what is printed, logged and saved."""
        values = {name: value for group in asdict(self).values() for name, value in group.items()}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}

    def updated(self, values: dict[str, Any]) -> "Config":
        """The same settings with those of some flags replaced."""
        groups = {}
        for group in fields(self):
            current = getattr(self, group.name)
            known = {item.name for item in fields(current)}
            groups[group.name] = replace(current, **{name: values[name] for name in known & values.keys()})
        return Config(**groups)


RECIPES: dict[str, Config] = {
    # The best measured from 2D poses alone: the paper's losses, two priors, and pseudo-labels from mid-run on.
    "default": Config(),
    # Chen et al. 2019: level camera, elevation U(+-20 deg), no priors, pseudo-labels or average; the paper's weights.
    "chen2019": Config(
        run=RunConfig(recipe="chen2019"),
        network=NetworkConfig(discriminator_width=1024),
        optimization=OptimizationConfig(lr_schedule="constant", ema_decay=0.0),
        losses=LossConfig(
            gan_loss="non_saturating", weight_2d=10.0, weight_3d=0.001, weight_bone=0.0, weight_knee=0.0,
            weight_supervised=0.0, discriminator_noise=0.0, renormalise=False,
        ),
        views=ViewConfig(elevation_distribution="uniform", elevation_mean=0.0, elevation_std=20.0),
    ),
    # Supervision by synthetic poses alone: no data set at all.
    "synthetic": Config(run=RunConfig(recipe="synthetic"), losses=LossConfig(
        weight_adversarial=0.0, weight_2d=0.0, weight_3d=0.0, weight_bone=0.0, weight_knee=0.0,
        weight_supervised=1.0, pseudo_label_fraction=0.0)),
    # The default, with synthetic poses from the first step on.
    "both": Config(run=RunConfig(recipe="both"), losses=LossConfig(
        weight_supervised=10.0, pseudo_label_fraction=0.8)),
}  # fmt: skip
