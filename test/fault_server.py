"""Runs main.py again and again, each time in a fork of one process that has imported everything.

Each line on standard input asks for a run, as JSON: its folder, its flags, its faults (names in faults.py, each with
arguments) and, if it is to be killed, after how many seconds. Each line on standard output answers: the exit status,
negative for a signal, and the seconds. What a run prints is in its folder, in out.txt and err.txt. A line of one word
is a module to import once for all runs after it.
"""

import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback

import numpy as np
import torch

torch.set_num_threads(1)  # before anything else: a fork has only the thread that forked

import faults  # noqa: E402

import main as command  # noqa: E402
from datasets import datamodule, loading  # noqa: E402, F401
from models import gan, weights  # noqa: E402, F401
from utils.evaluation import report  # noqa: E402, F401
from utils.training import callbacks, cpu  # noqa: E402, F401

LONGEST_S = 60.0


def run(folder: str, flags: list[str], wanted: list[list]) -> int:
    """In the child: its files for output, the faults, the command."""
    os.chdir(folder)
    for descriptor, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    try:
        for name, *arguments in wanted:
            getattr(faults, name)(*arguments)
        return command.main(flags)
    except SystemExit as stop:
        return stop.code
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()


def serve(job: dict) -> dict:
    """In the parent: forks, waits, kills."""
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(run(job["folder"], job["flags"], job["faults"]))
    deadline = begun + (LONGEST_S if job["kill_after"] is None else job["kill_after"])
    done = 0
    while not done and time.monotonic() < deadline:
        time.sleep(0.002)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return {"status": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - begun}


if __name__ == "__main__":
    loading.SYNTHETIC_VAL_POSES = 64
    # Costs time and guards against power cuts, which nothing here can cause.
    os.fsync = lambda _: None
    callbacks.draw_pose_3d = lambda *_: np.zeros((16, 16, 3), np.uint8)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        if isinstance(job, str):
            importlib.import_module(job)
        else:
            print(json.dumps(serve(job)), flush=True)
