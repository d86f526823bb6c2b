"""Where curves, pictures and options go: TensorBoard's event files, MLflow's database."""

import contextlib
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from ..messages import first_line

MLFLOW_URI = "sqlite:///mlflow.db"
MLFLOW_EXPERIMENT = "chen-cvpr2019"
HEADLINE = "val_mpjpe_epoch"


class TensorBoard(TensorBoardLogger):
    """Event files in the run's folder."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir.parent.parent, run_dir.parent.name, run_dir.name, default_hp_metric=False)
        self.hook_before, threading.excepthook = threading.excepthook, self._print_other_threads

    def _print_other_threads(self, failure: threading.ExceptHookArgs) -> None:
        """Leaves out TensorBoard's own writer, which hands its errors on to the next call: there they are reported."""
        if not type(failure.thread).__module__.startswith("tensorboard."):
            self.hook_before(failure)

    def finalize(self, status: str) -> None:
        """Closes the files."""
        super().finalize(status)
        if threading.excepthook == self._print_other_threads:
            threading.excepthook = self.hook_before

    def log_options(self, options: dict[str, Any]) -> None:
        """As hparams.yaml, as a table under "text", and under "hparams" beside the run's validation error."""
        self.hparams.update(options)
        # Lightning would keep what a killed run left of it.
        Path(self.log_dir, self.NAME_HPARAMS_FILE).unlink(missing_ok=True)
        rows = "\n".join(f"| {name} | {value} |" for name, value in options.items())
        self.experiment.add_text("options", f"| option | value |\n|---|---|\n{rows}")
        plain = {
            name: value if isinstance(value, (bool, int, float)) else str(value) for name, value in options.items()
        }
        for summary in hparams(plain, {HEADLINE: 0}):
            self.experiment._get_file_writer().add_summary(summary)

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.add_image(name, picture, epoch, dataformats="HWC")

    def log_file(self, path: Path) -> None:
        """Nothing: the run's files lie beside the event files already."""


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

    def log_options(self, options: dict[str, Any]) -> None:
        """As parameters; those of a run that goes on are kept, since MLflow does not let them change."""
        known = self.experiment.get_run(self.run_id).data.params
        self.log_hyperparams({name: value for name, value in options.items() if name not in known})

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self.experiment.log_image(self.run_id, picture, artifact_file=f"{name}/epoch_{epoch:04d}.png")

    def log_file(self, path: Path) -> None:
        """A file as an artifact."""
        self.experiment.log_artifact(self.run_id, str(path))


class Guarded(Logger):
    """A logger that must work when the run begins; if it fails later, the run goes on without its curves.

    Args:
        make: makes the logger.
        what: its name for messages.

    Raises:
        ValueError: if it cannot be written to.
    """

    def __init__(self, make: Callable[[], Any], what: str) -> None:
        super().__init__()
        self.what, self.failed = what, False
        try:
            self.logger = make()
            _ = self.logger.experiment
            self._name, self._version = self.logger.name, self.logger.version
        except Exception as error:
            raise ValueError(f"cannot log to {what}: {first_line(_origin(error))}; see --logger") from error

    @property
    def name(self) -> str | None:
        """The logger's."""
        return self._name

    @property
    def version(self) -> int | str | None:
        """The logger's; MLflow's is the run's id."""
        return self._version

    def _try(self, method: str, *arguments: Any) -> None:
        if self.failed:
            return
        try:
            getattr(self.logger, method)(*arguments)
        except Exception as error:
            self.failed = True
            reason = first_line(_origin(error))
            print(f"warning: {self.what} fails ({reason}); training goes on without it", file=sys.stderr)

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Points of curves."""
        self._try("log_metrics", metrics, step)

    def log_hyperparams(self, *arguments: Any, **named: Any) -> None:
        """Nothing: `log_options` logs more than the system's own arguments."""

    def log_options(self, options: dict[str, Any]) -> None:
        """The run's resolved options."""
        self._try("log_options", options)

    def log_picture(self, name: str, picture: Any, epoch: int) -> None:
        """A uint8 (H, W, 3) picture."""
        self._try("log_picture", name, picture, epoch)

    def log_file(self, path: Path) -> None:
        """A file to keep with the run."""
        self._try("log_file", path)

    def save(self) -> None:
        """Flushes."""
        self._try("save")

    def finalize(self, status: str) -> None:
        """Closes."""
        self._try("finalize", status)


def make_loggers(kind: str, run_dir: Path, mlflow_run: str | None = None) -> dict[str, Guarded]:
    """The loggers that --logger names, by name.

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
    loggers = {}
    if kind in ("tensorboard", "both"):
        loggers["tensorboard"] = Guarded(lambda: TensorBoard(run_dir), f"TensorBoard in {run_dir}")
    if kind in ("mlflow", "both"):
        loggers["mlflow"] = Guarded(lambda: MLflow(run_dir.name, mlflow_run), f"MLflow at {MLFLOW_URI}")
    return loggers


def _origin(error: BaseException) -> BaseException:
    """The error that others were raised from: the database's own, without MLflow's and SQLAlchemy's words around it."""
    while error.__cause__:
        error = error.__cause__
    return error
