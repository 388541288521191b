"""What the loaders of published collections share: missing files, parts.

A collection is split into the parts "train", "valid" and "test". `parts` holds the name
of the part of each clip, and "" where a clip belongs to none.
"""

from __future__ import annotations

import os
import re
import warnings

import numpy as np

from skdeepmir._errors import check_choice

PARTS = ("train", "valid", "test")
# What Windows opens as a device, with any extension.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.I)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun: "1 cell", "2 cells"."""
    return f"{number} {one if number == 1 else many}"


def such_as(number: int, one: str, many: str, example: str) -> str:
    """Return how many there are, with an example: "2 files, such as 'a.wav', are"."""
    # Noun and verb come as one: "file is", "files are".
    noun, verb = (one if number == 1 else many).rsplit(" ", 1)
    return f"{number} {noun}, {'' if number == 1 else 'such as '}{example}, {verb}"


def find_missing(paths: np.ndarray, missing: str, fix: str) -> np.ndarray:
    """Return which paths are files, (n_clips,) bool; raise or warn if some are not."""
    check_choice("missing", missing, ("raise", "drop"))
    found = np.array([os.path.isfile(path) for path in paths], dtype=bool)
    if found.all():
        return found
    n_missing, first = int(np.sum(~found)), f"{paths[int(np.argmin(found))]!a}"
    are_missing = "is missing:" if n_missing == 1 else "are missing, such as"
    message = f"{n_missing} of {len(found)} audio files {are_missing} {first}."
    if missing == "raise" or not found.any():
        raise ValueError(
            f"{message} {fix} Or leave missing clips out with missing='drop', if "
            "others exist."
        )
    warnings.warn(f"{message} Their clips are left out.", stacklevel=3)
    return found


def split_indices(parts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of the clips of each part."""
    return {name: np.flatnonzero(parts == name) for name in PARTS}


def describe_parts(parts: np.ndarray) -> str:
    """Return how many clips each part has, in words."""
    return ", ".join(f"{name} {np.sum(parts == name)}" for name in PARTS)
