"""Reading a lifter from a training checkpoint or a small shipped file, and writing the small one.

Files are read with `weights_only=True`: a checkpoint from a stranger cannot run code.
"""

import contextlib
import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from utils.files import write_whole
from utils.skeleton import NUM_JOINTS

from .lifter import Lifter

FORMAT = "pose-lifter/1"
"""Marks the small files: {"format", "width", "lifter_blocks", "lifter": state_dict in half precision, "note": str}."""
LARGEST_WIDTH, MOST_BLOCKS = 16_384, 64
"""What --width and --lifter_blocks allow: a stranger's file cannot ask for all the memory."""
DAMAGE = (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file raises."""
DOS_FOLDER = 0x10
"""The bit of a ZIP entry's attributes that marks a folder."""
EMA_PREFIX = "lifter_ema."
"""Where a training checkpoint keeps the averaged lifter, the one that is evaluated."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The contents of a checkpoint file, on the CPU.

    Raises:
        ValueError: one sentence saying why the file cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}")
    try:
        content = _read_whole(path)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: it holds more than weights, or is not a checkpoint at all") from error
    except DAMAGE as error:
        raise ValueError(f"{path} is damaged or not a checkpoint; {_instead_of(path)}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a checkpoint of this project: it holds a {type(content).__name__}")
    return content


def _read_whole(path: Path) -> Any:
    """What a file holds, if every byte of it is as it was written; torch.load would take a flipped bit for a weight."""
    with zipfile.ZipFile(path) as archive:
        # What is marked as a folder, torch.load would take for empty memory.
        folders = any(entry.external_attr & DOS_FOLDER for entry in archive.infolist())
        # torch.save packs nothing; what is packed may be a thousand times its file's size.
        packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
        if folders or packed or archive.testzip() is not None:
            raise zipfile.BadZipFile
    return torch.load(path, map_location="cpu", weights_only=True)


def _instead_of(damaged: Path) -> str:
    """Advice: the good checkpoint beside a damaged one that has come furthest in training."""
    steps = {}
    for path in filter(Path.is_file, sorted(damaged.parent.glob("*.ckpt"))):
        with contextlib.suppress(*DAMAGE, pickle.UnpicklingError, AttributeError, TypeError, OverflowError):
            steps[path] = int(_read_whole(path).get("global_step", 0))
    return f"use {max(steps, key=steps.get)}" if steps else "no good one lies beside it"


def load_lifter(path: str | Path, device: str = "cpu") -> Lifter:
    """A lifter ready for `lift`, from a training checkpoint or a small shipped file alike.

    Raises:
        ValueError: one sentence, for a missing, damaged or foreign file or another architecture.
    """
    content = read_checkpoint(path)
    if content.get("format") == FORMAT:
        options, weights = content, content.get("lifter")
    else:
        options, state = content.get("hyper_parameters"), content.get("state_dict")
        if not isinstance(options, dict) or not isinstance(state, dict):
            raise ValueError(f"{path} is not a checkpoint of this project: it has no options and weights")
        named = {str(key): value for key, value in state.items()}
        weights = {key.removeprefix(EMA_PREFIX): value for key, value in named.items() if key.startswith(EMA_PREFIX)}
    try:
        width, blocks = int(options["width"]), int(options["lifter_blocks"])
        if not (0 < width <= LARGEST_WIDTH and 0 <= blocks <= MOST_BLOCKS):
            raise ValueError(f"width {width} and {blocks} blocks")
        # Without memory: only weights that fit bring their own.
        with torch.device("meta"):
            lifter = Lifter(width, blocks)
        _check_weights(weights, lifter.state_dict(), Path(path).stat().st_size)
        weights = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
        lifter.load_state_dict(weights, assign=True)
    except (KeyError, RuntimeError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} does not hold a lifter of this project: its options or weights differ") from error
    lifter = lifter.eval().requires_grad_(False)
    if not lifter.network(torch.ones(1, 2 * NUM_JOINTS)).isfinite().all():
        raise ValueError(f"{path} holds weights that give no finite pose; use an earlier checkpoint")
    return lifter.to(device)


def _check_weights(weights: Any, wanted: dict[str, torch.Tensor], file_size: int) -> None:
    """Makes sure that tensors lie in the file number by number: others are shorthand for any amount of memory."""
    if not isinstance(weights, dict):
        raise TypeError(f"weights in a {type(weights).__name__}")
    for name, like in wanted.items():
        found = weights[name]
        same_kind = found.is_floating_point() == like.is_floating_point() and found.shape == like.shape
        if not (same_kind and found.device.type == "cpu" and found.is_contiguous()):
            raise ValueError(f"another kind of {name}")
    if sum(found.nbytes for found in weights.values()) > file_size:
        raise ValueError("more numbers than the file has room for")


def check_resumable(path: str | Path, system: Module, max_epochs: int, ended: bool = True) -> dict[str, Any]:
    """Makes sure that a training run with these options can go on from a checkpoint.

    Args:
        path: the checkpoint.
        system: what is to be trained.
        max_epochs: how far.
        ended: whether a run that has no epoch left has nothing else to do either.

    Returns:
        The system's options when the checkpoint was written.

    Raises:
        ValueError: one sentence, for a file that is no training checkpoint, whose networks have another shape or
            whose run has no epoch left.
    """
    content = read_checkpoint(path)
    if content.get("format") == FORMAT:
        raise ValueError(f"{path} holds a lifter alone: it can be evaluated but not resumed")
    try:
        state, options = _dictionary(content, "state_dict"), _dictionary(content, "hyper_parameters")
        epochs = int(_dictionary(content, "loops", "fit_loop", "epoch_progress", "current")["processed"])
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{path} is not a training checkpoint of this project") from error
    ours = {name: tensor.shape for name, tensor in system.state_dict().items()}
    theirs = {name: getattr(tensor, "shape", None) for name, tensor in state.items()}
    if ours != theirs:
        raise ValueError(f"{path} has other networks than these flags: give its --width, --lifter_blocks and "
                         "--critic_blocks")  # fmt: skip
    if epochs > max_epochs or (ended and epochs == max_epochs):
        raise ValueError(f"{path} has finished its {epochs} epochs: give a larger --max_epochs, or --evaluate it")
    return options


def _dictionary(content: dict[str, Any], *names: str) -> dict[str, Any]:
    """The dictionary under some names, one in the other."""
    for name in names:
        content = content[name]
        if not isinstance(content, dict):
            raise TypeError(f"{name} is a {type(content).__name__}")
    return content


def save_lifter(lifter: Lifter, path: str | Path, note: str = "") -> None:
    """Writes the inference weights alone, in half precision; `note` says where they come from."""
    weights = {key: value.half() if value.is_floating_point() else value for key, value in lifter.state_dict().items()}
    content = {"format": FORMAT, "width": lifter.width, "lifter_blocks": lifter.blocks, "lifter": weights, "note": note}
    file = io.BytesIO()
    torch.save(content, file)
    write_whole(path, file.getbuffer())
