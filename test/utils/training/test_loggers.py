"""Loggers that fail cost their curves, not the run; where they write is tested with main.py."""

import threading

import pytest

from utils.training.loggers import TensorBoard, make_loggers


def test_a_failure_is_warned_of_once_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    asked = []

    def fail(*arguments):
        asked.append(arguments)
        raise OSError(28, "No space left on device") from ConnectionError("the database is gone\n[SQL: ...]")

    logger = make_loggers("tensorboard", tmp_path / "logs" / "version_0")["tensorboard"]
    monkeypatch.setattr(logger.experiment, "add_scalar", fail)
    for step in range(3):
        logger.log_metrics(metrics={"loss": 1.0}, step=step)
    warning = f"warning: {logger.place} fails (the database is gone); training goes on without it\n"
    assert capsys.readouterr().err == warning and len(asked) == 1


def test_a_logger_that_fails_at_the_beginning_is_refused(tmp_path):
    (tmp_path / "logs").touch()
    with pytest.raises(ValueError, match=r"cannot log to TensorBoard in .*version_0: .*; see --logger"):
        make_loggers("both", tmp_path / "logs" / "version_0")


def test_the_traces_of_tensorboard_s_own_thread_alone_are_kept_quiet(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    TensorBoard(tmp_path / "logs" / "version_0")

    def fail(thread):
        thread.run = lambda: 1 / 0
        thread.start()
        thread.join()

    fail(type("Writer", (threading.Thread,), {"__module__": "tensorboard.summary"})())
    assert shown == []
    fail(threading.Thread())
    assert [failure.exc_type for failure in shown] == [ZeroDivisionError]
