"""Flags out of dataclass fields: a setting's default, range and help sentence stand once, at the field."""

import argparse
from dataclasses import Field, field, fields
from typing import Any, Literal, NoReturn, get_args, get_origin, get_type_hints


def option(default: Any, help: str, low: float | None = None, high: float | None = None, **more: Any) -> Any:
    """A dataclass field that is also a flag.

    Args:
        default: its value where nobody says otherwise.
        help: the sentence for --help.
        low, high: the numbers that it may take, both included; `low=0.0, above=True` leaves 0 out.
        more: `above`, see there; argparse's `metavar`, `nargs` and `choices`.
    """
    return field(default=default, metadata={"help": help, "low": low, "high": high, **more})


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong; the page of usage is for --help."""

    def error(self, message: str) -> NoReturn:
        """Ends with status 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}\n")

    def parse_args(self, *args: Any, **kwargs: Any) -> argparse.Namespace:  # type: ignore[override]
        """As argparse does it, except that a value of -- is an error on every Python, not an empty list on some."""
        options = super().parse_args(*args, **kwargs)
        for name, value in vars(options).items():
            if isinstance(value, list):
                self.error(f"argument --{name}: expected one argument")
        return options

    def add_options(self, *groups: type) -> None:
        """A flag for each field of some dataclasses. Flags that are not given are absent after parsing."""
        for group in groups:
            flags, hints = self.add_argument_group(group.__doc__), get_type_hints(group)
            for item in fields(group):
                _add_flag(flags, item, hints[item.name])


def _add_flag(flags: argparse._ArgumentGroup, item: Field, hint: Any) -> None:
    # "int | None" is a whole number that may be left out.
    kind = get_args(hint)[0] if type(None) in get_args(hint) else hint
    about = item.metadata
    settings: dict[str, Any] = {"dest": item.name, "default": argparse.SUPPRESS}
    shown = "" if item.default is None else f" (default: {item.default})"
    settings["help"] = f"{about['help']}{shown}".replace("%", "%%")
    if kind is bool:
        flags.add_argument(f"--{item.name}", action=argparse.BooleanOptionalAction, **settings)
        return
    if get_origin(kind) is Literal:
        settings["choices"] = get_args(kind)
    else:
        settings["type"] = kind if about["low"] is None else _bounded(kind, about)
        settings["choices"] = about.get("choices")
    flags.add_argument(f"--{item.name}", metavar=about.get("metavar"), nargs=about.get("nargs"), **settings)


def _bounded(kind: type, about: Any):
    """Text to a number of a kind within its range."""
    low, high, above = about["low"], about["high"], about.get("above", False)

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high or (above and value == low):
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} in {'(' if above else '['}{low:g}, {high:g}]")
        return value

    return parse
