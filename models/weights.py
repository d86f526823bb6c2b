"""Reading a lifter from a training checkpoint or a small shipped file, and writing the small one.

Files are read with `weights_only=True`: a stranger's checkpoint cannot run code. A file that is missing, damaged,
foreign or of another architecture is a `ValueError` of one sentence.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from utils.files import write_whole
from utils.skeleton import NUM_JOINTS

from .lifter import Lifter

FORMAT = "pose-lifter/1"
"""Marks the small files: {"format", "width", "lifter_blocks", "corrects_points", "lifter": state_dict in half
precision, "note": str}."""
MAX_WIDTH, MAX_BLOCKS = 16_384, 64
"""The largest values of --width and --lifter_blocks."""
EMA_PREFIX = "lifter_ema."
"""Where a training checkpoint keeps the averaged lifter, the one that is evaluated."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The contents of a checkpoint file, on the CPU."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no checkpoint at {path}")
    try:
        # torch.load would take a flipped bit for a weight: the ZIP's own checksums tell.
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: it holds more than weights, or is not a checkpoint at all") from error
    # A damaged archive can raise almost anything.
    except Exception as error:
        raise ValueError(f"{path} is damaged or not a checkpoint; use another one") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a checkpoint of this project: it holds a {type(content).__name__}")
    return content


def load_lifter(path: str | Path, device: str = "cpu") -> Lifter:
    """A lifter ready for `lift`, from a training checkpoint or a small shipped file alike."""
    content = read_checkpoint(path)
    try:
        options, weights = _lifter_of(content)
        width, blocks = int(options["width"]), int(options["lifter_blocks"])
        # Files from before lifters corrected points do not say that theirs does not.
        corrects_points = bool(options.get("corrects_points", False))
        if not (0 < width <= MAX_WIDTH and 0 <= blocks <= MAX_BLOCKS):
            raise ValueError(f"width {width} and {blocks} blocks")
        # On the device meta a network takes no memory: only weights that fit bring their own.
        with torch.device("meta"):
            lifter = Lifter(width, blocks, corrects_points)
        weights = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
        lifter.load_state_dict(weights, assign=True)
    except (LookupError, RuntimeError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} does not hold a lifter of this project: its options or weights differ") from error
    lifter = lifter.eval().requires_grad_(False)
    if not lifter.network(torch.ones(1, lifter.inputs * NUM_JOINTS)).isfinite().all():
        raise ValueError(f"{path} holds weights that give no finite pose; use an earlier checkpoint")
    return lifter.to(device)


def _lifter_of(content: dict[str, Any]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The options and weights of the lifter in a small file or, as averaged, in a training checkpoint."""
    if content.get("format") == FORMAT:
        return content, content["lifter"]
    state = content["state_dict"].items()
    weights = {name.removeprefix(EMA_PREFIX): value for name, value in state if name.startswith(EMA_PREFIX)}
    return content["hyper_parameters"], weights


def check_resumable(path: str | Path, system: Module, max_epochs: int, ended: bool = True) -> dict[str, Any]:
    """Makes sure that the run of a checkpoint can go on with these networks, up to so many epochs.

    Args:
        ended: whether a run that has no epoch left has nothing else to do either.

    Returns:
        The options of the system that wrote the checkpoint.
    """
    content = read_checkpoint(path)
    if content.get("format") == FORMAT:
        raise ValueError(f"{path} holds a lifter alone: it can be evaluated but not resumed")
    try:
        options = dict(content["hyper_parameters"])
        epochs = int(content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
        theirs = {name: tensor.shape for name, tensor in content["state_dict"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not a training checkpoint of this project") from error
    if theirs != {name: tensor.shape for name, tensor in system.state_dict().items()}:
        raise ValueError(f"{path} has other networks than these flags: give its --width, --lifter_blocks, "
                         "--discriminator_width, --discriminator_blocks and --weight_temporal")  # fmt: skip
    if epochs > max_epochs or (ended and epochs == max_epochs):
        raise ValueError(f"{path} has finished its {epochs} epochs: give a larger --max_epochs, or --evaluate it")
    return options


def save_lifter(lifter: Lifter, path: str | Path, note: str = "") -> None:
    """Writes the inference weights alone, in half precision; `note` says where they come from."""
    state = lifter.state_dict().items()
    weights = {name: value.half() if value.is_floating_point() else value for name, value in state}
    file = io.BytesIO()
    torch.save({"format": FORMAT, **lifter.shape(), "lifter": weights, "note": note}, file)
    write_whole(path, file.getbuffer())
