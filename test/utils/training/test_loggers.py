"""Loggers that fail cost their curves, not the run; where they write is tested with main.py."""

import threading

import pytest

from utils.training.loggers import Guarded, TensorBoard


class Failing:
    """A logger that cannot write any more."""

    name, version, experiment = "curves", 3, None

    def __init__(self):
        self.asked = 0

    def log_metrics(self, metrics, step):
        self.asked += 1
        raise OSError(28, "No space left on device") from ConnectionError("the database is gone\n[SQL: ...]")


def test_a_failure_is_warned_of_once_and_the_run_goes_on(capsys):
    logger = Guarded(Failing, "curves in a file")
    for step in range(3):
        logger.log_metrics({"loss": 1.0}, step)
    warning = "warning: curves in a file fails (the database is gone); training goes on without it\n"
    assert capsys.readouterr().err == warning and logger.logger.asked == 1


def test_a_logger_that_fails_at_the_beginning_is_refused():
    with pytest.raises(ValueError, match="cannot log to curves: division by zero; see --logger"):
        Guarded(lambda: 1 / 0, "curves")


def test_the_traces_of_tensorboard_s_own_thread_alone_are_kept_quiet(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    logger = TensorBoard(tmp_path / "logs" / "version_0")

    def fail(thread):
        thread.run = lambda: 1 / 0
        thread.start()
        thread.join()

    fail(type("Writer", (threading.Thread,), {"__module__": "tensorboard.summary"})())
    assert shown == []
    fail(threading.Thread())
    assert [failure.exc_type for failure in shown] == [ZeroDivisionError]
    logger.finalize("success")
    assert threading.excepthook == shown.append
