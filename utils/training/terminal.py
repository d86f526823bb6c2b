"""What a run says on standard error: lines an epoch in columns and, on a terminal, a bar below them."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

SHOWN = {"val_mpjpe_epoch": "MPJPE", "val_p_mpjpe_epoch": "P-MPJPE", "val_unsupervised_epoch": "unsupervised"}
"""Which validation figures the terminal shows; the loggers get all."""
NARROW = 5
"""Characters of a number, and of a name where the whole ones do not fit."""
console = Console(stderr=True, highlight=False, markup=False, emoji=False)
"""With --quiet it says nothing. A file gets plain lines, which are never broken."""


def say(text: str) -> None:
    """Prints lines; a terminal breaks long ones between words."""
    console.print(text, soft_wrap=not console.is_terminal)


def say_options(options: dict[str, Any]) -> None:
    """Prints settings as a table; nothing if there are none."""
    table = Table("option", "value", box=None, pad_edge=False)
    for name, value in options.items():
        table.add_row(name, "" if value is None else str(value))
    if options:
        console.print(table)


class Progress(Callback):
    """A line an epoch with losses and validation figures; on a terminal also a bar with the rate and the time left.

    Lightning's bars keep no such lines, and show nothing where standard error is a file.
    """

    SECONDS = 0.25
    """Time between two drawings of the bar."""

    def __init__(self) -> None:
        columns = (TextColumn("epoch {task.description}"), BarColumn(), TaskProgressColumn(),
                   TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), TextColumn("left"))  # fmt: skip
        self.bar = Bar(*columns, console=console, transient=True, auto_refresh=False)
        self.header, self.started, self.drawn = "", time.monotonic(), 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the bar of the whole run."""
        self.bar.disable = not (trainer.is_global_zero and console.is_terminal)
        self.bar.start()
        steps = int(trainer.num_training_batches)
        self.bar.add_task(self._epoch(trainer), total=(trainer.max_epochs or 0) * steps, rate="",
                          completed=trainer.current_epoch * steps)  # fmt: skip

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the epoch's clock; a run that is resumed within an epoch does not see that epoch start."""
        self.started = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Moves the bar."""
        if not self.bar.disable and time.monotonic() - self.drawn > self.SECONDS:
            self.drawn, task = time.monotonic(), self.bar.tasks[-1]
            done = trainer.current_epoch * int(trainer.num_training_batches) + batch[-1] + 1
            rate = f"{task.speed:.1f} steps/s" if task.speed else ""
            self.bar.update(task.id, completed=done, description=self._epoch(trainer), rate=rate, refresh=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's line, and the columns' names where they are new. Validation has run by now."""
        if not trainer.is_global_zero:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # The temporal discriminator's loss would make the line too long: it is among the curves.
        losses = {name for name in figures if name[:5] == "loss_"} - {"loss_temporal_discriminator"}
        cells = {name.removeprefix("loss_"): _short(figures[name]) for name in figures if name in losses}
        if "discriminator_accuracy" in figures:
            cells["accuracy"] = _short(figures["discriminator_accuracy"])
        cells |= {shown: _short(figures[name]) for name, shown in SHOWN.items() if name in figures}
        cells["time"] = f"{time.monotonic() - self.started:.0f}s"
        self._say_cells({"epoch": self._epoch(trainer), **cells})

    def _say_cells(self, cells: dict[str, str]) -> None:
        names = list(cells)
        if sum(max(len(name), NARROW) + 1 for name in names) > console.width:
            names = [name if name == "P-MPJPE" else name[:NARROW] for name in names]
        widths = [max(len(name), len(cell)) if name in ("epoch", "time") else max(len(name), NARROW)
                  for name, cell in zip(names, cells.values(), strict=True)]  # fmt: skip
        widths[0] = max(widths[0], 2 * len(cells["epoch"].partition("/")[2]) + 1)
        header = " ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
        if header != self.header:
            self.header = header
            console.print(header, soft_wrap=True, style="bold")
        line = " ".join(f"{cell:>{width}}" for cell, width in zip(cells.values(), widths, strict=True))
        console.print(line, soft_wrap=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the bar away."""
        self.bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Takes the bar away before anybody says what happened."""
        self.bar.stop()

    @staticmethod
    def _epoch(trainer: Trainer) -> str:
        return f"{trainer.current_epoch + 1}/{trainer.max_epochs}"


def _short(value: float) -> str:
    """A number in five characters."""
    if value and not 0.001 <= abs(value) < 10_000:
        return f"{value:.0e}"
    return f"{value:.3f}"[:NARROW].rstrip(".")
