"""Where curves, pictures and options go: TensorBoard's event files, MLflow's database."""

import contextlib
import functools
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import MLFlowLogger, TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from ..messages import first_line
from .runs import LIFTER

MLFLOW_URI = "sqlite:///mlflow.db"
MLFLOW_EXPERIMENT = "chen-cvpr2019"
HEADLINES = ("val/mpjpe_mm", "val/p_mpjpe_mm", "final/best_mpjpe_mm", "final/best_p_mpjpe_mm")
"""What TensorBoard lists beside a run's options."""
CAP = ["train/discriminator_accuracy", "train/temporal_discriminator_accuracy", "train/discriminator_accuracy_cap"]


def curve_name(metric: str) -> str:
    """What a logged value is called in the loggers: val_mpjpe_epoch -> val/mpjpe_mm, loss_2d -> train/loss_2d."""
    if not metric.startswith("val_"):
        return metric if "/" in metric else f"train/{metric}"
    name = metric.removeprefix("val_").removesuffix("_epoch")
    return f"val/{name}_loss" if name == "unsupervised" else f"val/{name}_mm"


def final_figures(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The headlines of what training kept, as final/best_mpjpe_mm and so on."""
    return {
        f"final/{kept}_{metric}_mm": result["inputs"]["gt"][metric]
        for kept, result in results.items()
        for metric in ("mpjpe", "p_mpjpe")
    }


def as_markdown(figures: dict[str, Any], *header: str) -> str:
    """A table of two columns."""
    rows = "".join(f"\n| {name} | {value} |" for name, value in figures.items())
    return f"| {header[0]} | {header[1]} |\n|---|---|{rows}"


class ByEpoch:
    """Has a logger draw everything against the epoch, pictures too, under the names of `curve_name`.

    Its failure costs one warning and its further curves, but not the run.
    """

    failed = False

    def __init_subclass__(cls) -> None:
        for name in ("log_hyperparams", "log_metrics", "log_picture", "log_results", "save", "finalize"):
            setattr(cls, name, _warns_once(getattr(cls, name)))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Values of one epoch."""
        epoch = metrics.get("epoch", step)
        named = {curve_name(name): value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(named, None if epoch is None else int(epoch))  # type: ignore[misc]


def _warns_once(method: Callable) -> Callable:
    @functools.wraps(method)
    def attempt(self: Any, *arguments: Any, **named: Any) -> None:
        if self.failed:
            return
        try:
            method(self, *arguments, **named)
        except Exception as error:
            self.failed = True
            print(f"warning: {self.place} fails ({_reason(error)}); training goes on without it", file=sys.stderr)

    return attempt


class TensorBoard(ByEpoch, TensorBoardLogger):  # type: ignore[misc]
    """Event files in the run's folder."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir.parent.parent, run_dir.parent.name, run_dir.name, default_hp_metric=False)
        self._usual_hook, threading.excepthook = threading.excepthook, self._print_other_threads

    def _print_other_threads(self, failure: threading.ExceptHookArgs) -> None:
        """Leaves out TensorBoard's own writer, which hands its errors on to the next call: there they are reported."""
        if not type(failure.thread).__module__.startswith("tensorboard."):
            self._usual_hook(failure)

    def log_hyperparams(self, options: dict[str, Any]) -> None:  # type: ignore[override]
        """As hparams.yaml, as a table under "text", and under "hparams" beside the run's errors."""
        self.hparams.update(options)
        # Lightning would keep what a killed run left of it.
        Path(self.log_dir, self.NAME_HPARAMS_FILE).unlink(missing_ok=True)
        self.experiment.add_text("options", as_markdown(options, "option", "value"))
        self.experiment.add_custom_scalars({"discriminator": {"accuracy and its cap": ["Multiline", CAP]}})
        given = {name: value for name, value in options.items() if value is not None}
        plain = {name: value if isinstance(value, (int, float)) else str(value) for name, value in given.items()}
        for summary in hparams(plain, dict.fromkeys(HEADLINES, 0)):
            self.experiment._get_file_writer().add_summary(summary)

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.add_image(name, picture, epoch, dataformats="HWC")

    def log_results(self, results: dict[str, Any], run_dir: Path) -> None:
        """The headlines; the files lie beside the event files already."""
        figures = final_figures(results)
        self.log_metrics(figures, 0)
        self.experiment.add_text("final figures", as_markdown(figures, "figure", "mm"))
        self.experiment.flush()


class MLflow(ByEpoch, MLFlowLogger):  # type: ignore[misc]
    """A run in a database in the current folder: a new one unless the database has `run_id`."""

    def __init__(self, name: str, run_id: str | None = None) -> None:
        # Asked first, since MLflow itself would try for minutes.
        with contextlib.closing(sqlite3.connect(MLFLOW_URI.removeprefix("sqlite:///"), timeout=20)) as database:
            database.execute("BEGIN IMMEDIATE")
        super().__init__(MLFLOW_EXPERIMENT, name, MLFLOW_URI)
        if run_id is not None:
            with contextlib.suppress(Exception):
                self._mlflow_client.get_run(run_id)
                self._run_id = run_id

    def log_hyperparams(self, options: dict[str, Any]) -> None:  # type: ignore[override]
        """As parameters; those of a run that goes on are kept, since MLflow does not let them change."""
        self._describe('Its curves are under "Model metrics", pictures of lifted poses under "Artifacts".')
        known = self.experiment.get_run(self.run_id).data.params
        super().log_hyperparams({name: value for name, value in options.items() if name not in known})

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.log_image(self.run_id, picture, artifact_file=f"{name}/epoch_{epoch:04d}.png")

    def log_results(self, results: dict[str, Any], run_dir: Path) -> None:
        """The headlines, also in the run's description; tables, curves and the small lifter as artifacts."""
        figures = final_figures(results)
        self.log_metrics(figures, 0)
        for path in sorted([*run_dir.glob("results-*"), run_dir / LIFTER]):
            self.experiment.log_artifact(self.run_id, str(path))
        self.experiment.log_figure(self.run_id, self._draw_curves(), "curves.png")
        table = as_markdown({name: f"{value:.1f}" for name, value in figures.items()}, "figure", "mm")
        self._describe(f'{table}\n\nTables, curves, pictures and the lifter are under "Artifacts".')

    def _describe(self, text: str) -> None:
        """Writes what the run's page says at its top."""
        about = f"A 3D pose lifter, trained in `lightning_logs/{self._run_name}`."
        self.experiment.set_tag(self.run_id, "mlflow.note.content", f"{about}\n\n{text}")

    def _draw_curves(self) -> Any:
        """A figure of the validation errors against the epoch."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = figure.subplots()
        for name in HEADLINES[:2]:
            history = self.experiment.get_metric_history(self.run_id, name)
            axes.plot([one.step for one in history], [one.value for one in history], label=name)
        axes.set(xlabel="epoch", ylabel="mm")
        axes.legend()
        return figure


def make_loggers(kind: str, run_dir: Path, mlflow_run: str | None = None) -> dict[str, Any]:
    """The loggers that --logger names, by name. They must work now; if one fails later, the run goes on without it.

    Raises:
        ValueError: if one cannot be written to.
    """
    logging.getLogger("alembic").setLevel(logging.ERROR)
    # MLflow logs the tracebacks of errors that it raises all the same; the variable is for when it is imported.
    logging.getLogger("mlflow").setLevel(os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL"))
    places = {"tensorboard": f"TensorBoard in {run_dir}", "mlflow": f"MLflow at {MLFLOW_URI}"}
    loggers: dict[str, Any] = {}
    for name in places if kind == "both" else places.keys() & {kind}:
        try:
            loggers[name] = TensorBoard(run_dir) if name == "tensorboard" else MLflow(run_dir.name, mlflow_run)
            _ = loggers[name].experiment
        except Exception as error:
            raise ValueError(f"cannot log to {places[name]}: {_reason(error)}; see --logger") from error
        loggers[name].place = places[name]
    return loggers


def _reason(error: BaseException) -> str:
    """The error that others were raised from: the database's own, without MLflow's and SQLAlchemy's words around it."""
    while error.__cause__:
        error = error.__cause__
    return first_line(error)
