"""Two processes that train together on the CPU, as `--gpus 0 --num_nodes 2` starts them on two machines."""

import os
import signal
import socket
import time
from pathlib import Path

import torch
from faults import redirect_output

import main
from losses import adversarial
from models import gan

FLAGS = [
    "--gpus", "0", "--num_nodes", "2", "--width", "16", "--lifter_blocks", "1", "--discriminator_blocks", "1",
    "--train_data", "synthetic", "--val_data", "synthetic", "--synthetic_poses", "400", "--batch_size", "64",
]  # fmt: skip
ACCURACIES = ((1.0, 0.6), (1.0, 0.9))
"""Of the two processes' discriminators, in even and odd steps of these: only the first pair's mean is below the cap."""
LONGEST_S = 150.0


def record_and_train(rank: int, flags: list[str]) -> int:
    """Trains as the command line does, with given accuracies of the discriminator, and writes down what it saw."""
    seen, real_step, steps = [], gan.PoseGAN.step_discriminator, iter(range(10**9))
    step_now = 0
    adversarial.discriminator_accuracy = lambda *logits: torch.tensor(ACCURACIES[step_now % 2][rank])

    def step_discriminator(system, optimizer, name, comparison, generator):
        nonlocal step_now
        step_now = next(steps)
        before = [parameter.clone() for parameter in system.discriminators[name].parameters()]
        terms = real_step(system, optimizer, name, comparison, generator)
        moved = any(
            not torch.equal(*pair) for pair in zip(before, system.discriminators[name].parameters(), strict=True)
        )
        seen.append((comparison.real_norm, moved))
        return terms

    def on_train_end(system):
        metrics = {name: float(value) for name, value in system.trainer.callback_metrics.items()}
        torch.save({"seen": seen, "state": system.state_dict(), "metrics": metrics}, f"process_{rank}.pt")

    gan.PoseGAN.step_discriminator, gan.PoseGAN.on_train_end = step_discriminator, on_train_end
    return main.main(flags)


def run_here(rank: int, folder: Path, port: int, flags: list[str]) -> None:
    """In the child: one of the two processes; what it prints goes to output_0.txt or output_1.txt."""
    os.environ |= {"NODE_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.chdir(folder)
    redirect_output(f"output_{rank}.txt", f"output_{rank}.txt")
    main.devices.leave(record_and_train(rank, flags))


class Pair:
    """Two processes of one run, in a folder of their own, forked by a server."""

    def __init__(self, context, folder: Path, *flags: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.outputs = [folder / f"output_{rank}.txt" for rank in range(2)]
        arguments = [(rank, folder, port, [*FLAGS, *flags]) for rank in range(2)]
        self.processes = [context.Process(target=run_here, args=each) for each in arguments]

    def says(self, rank: int) -> str:
        """What a process has printed so far."""
        return self.outputs[rank].read_text() if self.outputs[rank].exists() else ""

    def wait_for(self, rank: int, text: str) -> None:
        """Waits until a process has printed a text."""
        end = time.monotonic() + LONGEST_S
        while text not in self.says(rank):
            assert time.monotonic() < end and self.processes[rank].is_alive(), self.says(rank)
            time.sleep(0.05)

    def status(self, rank: int, longest_s: float = LONGEST_S) -> int | None:
        """The exit status of a process, negative for a signal, None if it does not end."""
        self.processes[rank].join(longest_s)
        return self.processes[rank].exitcode

    def kill(self, rank: int) -> None:
        """As the kernel kills: nothing is tidied up."""
        os.kill(self.processes[rank].pid, signal.SIGKILL)

    def __enter__(self) -> "Pair":
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.join()
