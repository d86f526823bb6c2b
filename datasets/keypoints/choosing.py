"""Which of a file's people belong to a picture."""

import re
from pathlib import Path, PureWindowsPath

from utils.messages import print_note

MOST_NAMED = 3
"""So many pictures of a file are named in a sentence."""


def choose(known: set[str | int], picture: str, where: str) -> set[str | int]:
    """Those of a file's pictures that are the one given.

    Args:
        known: the pictures that the file names or numbers, at least one.
        picture: name or path of the picture.
        where: the file.

    Raises:
        ValueError: one sentence, if the file is about other pictures or does not tell which of several it is.
    """
    # The whole path of a picture that is there, so that its folders count.
    picture = str(Path(picture).resolve()) if Path(picture).exists() else picture
    ranks = {image: _rank(image, picture) for image in known}
    best = max(ranks.values())
    chosen = {image for image, rank in ranks.items() if rank == best} if any(best) else set()
    if len({tuple(_parts(str(image))) for image in chosen}) > 1:
        raise ValueError(f"{where} has several pictures that may be {picture}: {_some(chosen)}; give the picture by "
                         "the path that the file has")  # fmt: skip
    if chosen:
        if all(_suffix(str(image)) not in ("", _suffix(picture)) for image in chosen):
            print_note(f"{where} has people of {_some(chosen)}; they are taken for those of {_parts(picture)[-1]}")
        return chosen
    numbered = all(str(image).isdecimal() for image in known)
    if numbered and len(known) == 1 and not _stem(picture).isdecimal():
        print_note(f"{where} numbers its picture, {_some(known)}; it is taken to be {_parts(picture)[-1]}")
        return known
    if numbered and len(known) > 1:
        raise ValueError(f"{where} has people of several pictures, and tells only their numbers: {_some(known)}")
    raise ValueError(f"{where} has no people of {_parts(picture)[-1]}, only of {_some(known)}")


def _rank(image: str | int, picture: str) -> tuple[int, int, int]:
    """How well a picture in the file agrees with the one given, better ones being larger; zeros if not at all.

    Number of folders and names in common from the end; then whether the names agree but for upper case; then whether
    they agree without suffix, as numbers where the file numbers its pictures.
    """
    given, own = _parts(picture), _parts(str(image))
    common = 0
    while common < min(len(given), len(own)) and given[-1 - common] == own[-1 - common]:
        common += 1
    same_name = given[-1].casefold() == own[-1].casefold()
    stem, own_stem = _stem(picture), _stem(str(image))
    same_number = stem.isdecimal() and own_stem.isdecimal() and int(stem) == int(own_stem)
    return common, int(same_name), int(stem == own_stem or same_number)


def _suffix(path: str) -> str:
    """Ending of a picture's name in small letters, empty if it has none."""
    ending = re.search(r"\.[a-z]{3,4}$", _parts(path)[-1].casefold())
    return ending.group() if ending else ""


def _stem(path: str) -> str:
    """Name of a picture in small letters, without its ending."""
    return _parts(path)[-1].casefold().removesuffix(_suffix(path))


def _parts(path: str) -> list[str]:
    """Folders and name of a path with slashes of either kind."""
    return [part for part in PureWindowsPath(path).parts if part not in (".", "\\", "/")] or [path]


def _some(images: set[str | int]) -> str:
    names = sorted(map(str, images))
    return ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
