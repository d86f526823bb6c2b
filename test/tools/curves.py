"""Draws MPJPE and P-MPJPE against epochs from the TensorBoard event files of runs.

    python test/tools/curves.py lightning_logs/version_0 lightning_logs/version_1 [--labels NAME NAME] [--out FOLDER]

Runs that differ in nothing but the seed (or have one label) are one curve: each run thin, their mean thick.
"""

import argparse
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import matplotlib
import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from utils.config import RECIPES, RunConfig
from utils.training.runs import read_note

matplotlib.use("agg")
from matplotlib import pyplot

PANELS = {
    "val/mpjpe_mm": ("MPJPE (mm)", "MPJPE (in-plane scale)"),
    "val/p_mpjpe_mm": ("P-MPJPE (mm)", "P-MPJPE (Procrustes alignment)"),
}
"""Logged figure -> its axis and what it is."""
UNSUPERVISED = "val/unsupervised_loss"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito 2008, told apart by colour-blind readers; the order keeps neighbours far apart."""
DATA_NAMES = {"mpii": "MPII", "h36m": "Human3.6M", "synthetic": "synthetic poses"}
SAME = {"data_dir", *vars(RunConfig())} - {"max_epochs", "precision", "recipe", "init"}
"""Options in which the runs of one curve may differ: those that say how a run is started."""
EARLY = 0.04
"""Fraction of a run whose errors may leave the picture at its top: what comes after is some hundredth of them."""
INK, FAINT = "#24292f", "#d0d7de"
STYLE = {
    "font.family": "sans-serif", "font.size": 9.5, "text.color": INK, "figure.constrained_layout.wspace": 0.06,
    "axes.titlesize": 10.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10,
    "axes.labelcolor": INK, "axes.edgecolor": FAINT, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": FAINT, "grid.linewidth": 0.6,
    "xtick.color": INK, "ytick.color": INK, "xtick.major.size": 0, "ytick.major.size": 0,
    "legend.fontsize": 8.5, "legend.title_fontsize": 8.5, "legend.framealpha": 0.85, "legend.edgecolor": "white",
    "legend.fancybox": False, "legend.borderaxespad": 0.0,
}  # fmt: skip


@dataclass
class History:
    """One run's curves: tag -> {epoch: value}, and the epoch chosen without labels."""

    label: str
    validation: str
    curves: dict[str, dict[int, float]]
    chosen: int | None


def read_curves(run_dir: Path) -> dict[str, dict[int, float]]:
    """The panels' curves and that of unsupervised model selection, each epoch -> value.

    Raises:
        ValueError: if there are no event files, or no epoch was validated.
    """
    if not any(run_dir.glob("*tfevents*")):
        raise ValueError(f"{run_dir} has no TensorBoard event files: it is no run, or ran without --logger tensorboard")
    events = EventAccumulator(str(run_dir), size_guidance={"scalars": 0, "images": 1, "tensors": 1})
    events.Reload()
    known = set(events.Tags()["scalars"])
    if missing := PANELS.keys() - known:
        raise ValueError(f"{run_dir} has no {' or '.join(sorted(missing))}: not one epoch of it was validated")
    tags = known & {*PANELS, UNSUPERVISED}
    return {tag: _curve(events.Scalars(tag)) for tag in tags}


def _curve(scalars: list) -> dict[int, float]:
    """Each epoch's value, the last written one where a resumed run has two.

    TensorBoard reads a run's files by their names, in which 10 comes before 9.
    """
    values = {event.step: event.value for event in sorted(scalars, key=lambda event: event.wall_time)}
    return dict(sorted(values.items()))


def name_of(options: dict) -> str:
    """A run's recipe and training data in words."""
    data = options.get("train_data") or "2D poses"
    return f"{options.get('recipe')} recipe, {DATA_NAMES.get(data, Path(data).stem)}"


def label_runs(notes: list[dict], run_dirs: list[Path]) -> list[str]:
    """A label for each run; where recipe and data do not tell curves apart, what was changed is added."""
    kinds = [{name: value for name, value in note.items() if name not in SAME} for note in notes]
    labels = []
    for kind, run_dir in zip(kinds, run_dirs, strict=True):
        if not kind:
            labels.append(run_dir.name)
            continue
        alike = [other for other in kinds if other and name_of(other) == name_of(kind)]
        usual = RECIPES.get(kind.get("recipe"), RECIPES["default"]).flat()
        told = [name for name in kind if kind[name] != usual.get(name)
                and any(other.get(name) != kind[name] for other in alike)]  # fmt: skip
        labels.append(", ".join([name_of(kind), *(f"{name} {kind[name]}" for name in told)]))
    return labels


def read_histories(run_dirs: list[Path], labels: list[str] | None) -> tuple[list[History], list[str]]:
    """The runs that can be drawn, and a sentence for each that cannot."""
    notes = [read_note(run_dir / "checkpoints" / "last.ckpt") for run_dir in run_dirs]
    labels = labels or label_runs([note.get("options", {}) for note in notes], run_dirs)
    histories, failures = [], []
    for run_dir, note, label in zip(run_dirs, notes, labels, strict=True):
        try:
            curves = read_curves(run_dir)
        except ValueError as error:
            failures.append(str(error))
            continue
        losses = curves.pop(UNSUPERVISED, {})
        chosen = min(losses, key=losses.get, default=None)
        histories.append(History(label, note.get("validation", ""), curves, chosen))
    return histories, failures


def mean_curve(curves: list[dict[int, float]]) -> dict[int, float]:
    """The mean over runs, for the epochs that all have."""
    shared = sorted(set.intersection(*map(set, curves)))
    return {epoch: float(np.mean([curve[epoch] for curve in curves])) for epoch in shared}


def draw_panel(axes, histories: list[History], tag: str) -> None:
    """One figure of all runs; the legend tells its mean at the epochs chosen without labels."""
    low, high, marked = np.inf, 0.0, False
    for number, label in enumerate(dict.fromkeys(history.label for history in histories)):
        runs, colour = [history for history in histories if history.label == label], COLOURS[number % len(COLOURS)]
        mean, chosen = mean_curve([run.curves[tag] for run in runs]), []
        for run in runs:
            curve = run.curves[tag]
            if len(runs) > 1:
                axes.plot(*zip(*sorted(curve.items()), strict=True), color=colour, linewidth=0.7, alpha=0.45)
            if run.chosen in curve:
                chosen.append(curve[run.chosen])
                axes.plot(run.chosen, chosen[-1], "o", color=colour, markersize=6, markeredgecolor="white",
                          markeredgewidth=1.2, zorder=4)  # fmt: skip
            values = [curve[epoch] for epoch in sorted(curve)]
            low, high = min(low, *values), max(high, *values[int(EARLY * len(values)) :])
        told = f"{label}: {np.mean(chosen):.1f}" if chosen else label
        axes.plot(list(mean), list(mean.values()), color=colour, linewidth=1.8, label=told, zorder=3)
        marked |= bool(chosen)
    margin = 0.06 * (high - low) + 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(0, 1.02 * max(max(history.curves[tag]) for history in histories) or 1)
    axes.set(title=PANELS[tag][1], xlabel="epoch", ylabel=PANELS[tag][0])
    axes.legend(loc="upper right", title="dots: chosen without labels, mm" if marked else None, alignment="left")


def draw(histories: list[History], path: Path) -> None:
    """Two panels side by side as a small PNG."""
    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
        for axes, tag in zip(panels, PANELS, strict=True):
            draw_panel(axes, histories, tag)
        if note := " / ".join(dict.fromkeys(history.validation for history in histories if history.validation)):
            figure.supxlabel(f"validated on {note}, ground-truth 2D, no intrinsics", fontsize=8, color="#57606a")
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=125)
        pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    # 64 colours are enough for lines on white and a third of the bytes.
    Image.open(buffer).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def main(argv: list[str] | None = None) -> int:
    """Draws what can be drawn; returns 0, 1 if a run was left out, 2 if there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="curves.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder, lightning_logs/version_N")
    parser.add_argument("--labels", nargs="+", metavar="NAME", help="one for each run, in the same order")
    parser.add_argument("--out", type=Path, default=Path("curves"), help="folder for curves.png")
    options = parser.parse_args(argv)
    if options.labels and len(options.labels) != len(options.runs):
        parser.error(f"--labels: {len(options.labels)} names for {len(options.runs)} runs; give one for each")
    try:
        histories, failures = read_histories(options.runs, options.labels)
        if histories:
            draw(histories, options.out / "curves.png")
            print(os.path.relpath(options.out / "curves.png"))
    except (ValueError, OSError) as error:
        histories, failures = [], [str(error)]
    for failure in failures:
        print(f"curves.py: {failure}", file=sys.stderr)
    return (1 if failures else 0) if histories else 2


if __name__ == "__main__":
    sys.exit(main())
