"""Errors and notes in one sentence."""

import sys
from pathlib import Path


def first_line(error: BaseException) -> str:
    """What an error says, cut down to what fits into a sentence of our own: no trace, no path of a library, no stop."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror.lower()
        return f"{reason}: {error.filename}" if error.filename else reason
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def missing_package(error: ModuleNotFoundError, requirements: Path) -> str:
    """Which package is not installed, and the command that installs all that a file of requirements lists."""
    package = str(error.name).split(".")[0]
    return f"{package} is not installed; get all packages with: pip install -r {requirements}"


def print_note(sentence: str) -> None:
    """One line for the user that is no result."""
    print(f"note: {' '.join(sentence.split())}", file=sys.stderr)
