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

MLFLOW_URI = "sqlite:///mlflow.db"
MLFLOW_EXPERIMENT = "chen-cvpr2019"
HEADLINE = "val_mpjpe_epoch"


def dispensable(logger_class: type) -> type:
    """Makes a logger whose failure costs one warning and its further curves, but not the run."""
    logger_class.failed = False  # type: ignore[attr-defined]
    for name in ("log_hyperparams", "log_metrics", "log_picture", "log_file", "save", "finalize"):
        setattr(logger_class, name, _warns_once(getattr(logger_class, name)))
    return logger_class


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


@dispensable
class TensorBoard(TensorBoardLogger):
    """Event files in the run's folder."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir.parent.parent, run_dir.parent.name, run_dir.name, default_hp_metric=False)
        self._usual_hook, threading.excepthook = threading.excepthook, self._print_other_threads

    def _print_other_threads(self, failure: threading.ExceptHookArgs) -> None:
        """Leaves out TensorBoard's own writer, which hands its errors on to the next call: there they are reported."""
        if not type(failure.thread).__module__.startswith("tensorboard."):
            self._usual_hook(failure)

    def log_hyperparams(self, options: dict[str, Any]) -> None:  # type: ignore[override]
        """As hparams.yaml, as a table under "text", and under "hparams" beside the run's validation error."""
        self.hparams.update(options)
        # Lightning would keep what a killed run left of it.
        Path(self.log_dir, self.NAME_HPARAMS_FILE).unlink(missing_ok=True)
        rows = "\n".join(f"| {name} | {value} |" for name, value in options.items())
        self.experiment.add_text("options", f"| option | value |\n|---|---|\n{rows}")
        plain = {name: value if isinstance(value, (int, float)) else str(value) for name, value in options.items()}
        for summary in hparams(plain, {HEADLINE: 0}):
            self.experiment._get_file_writer().add_summary(summary)

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.add_image(name, picture, epoch, dataformats="HWC")

    def log_file(self, path: Path) -> None:
        """Nothing: the run's files lie beside the event files already."""


@dispensable
class MLflow(MLFlowLogger):
    """A run in a database in the current folder.

    Args:
        name: the run's.
        run_id: of a run to go on with; a new one is begun if the database does not have it.
    """

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
        known = self.experiment.get_run(self.run_id).data.params
        super().log_hyperparams({name: value for name, value in options.items() if name not in known})

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.log_image(self.run_id, picture, artifact_file=f"{name}/epoch_{epoch:04d}.png")

    def log_file(self, path: Path) -> None:
        """A file as an artifact."""
        self.experiment.log_artifact(self.run_id, str(path))


def make_loggers(kind: str, run_dir: Path, mlflow_run: str | None = None) -> dict[str, Any]:
    """The loggers that --logger names, by name. They must work now; if one fails later, the run goes on without it.

    Args:
        kind: "tensorboard", "mlflow", "both" or "none".
        run_dir: the run's folder, whose name is the run's.
        mlflow_run: id of the MLflow run to go on with.

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
