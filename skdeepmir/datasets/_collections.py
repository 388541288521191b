"""What the loaders of published collections share: tables, missing files, parts.

A collection is split into the parts "train", "valid" and "test". `parts` holds the name
of the part of each clip, and "" where a clip belongs to none.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skdeepmir._errors import check_choice

PARTS = ("train", "valid", "test")
# What Windows opens as a device, with any extension.
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.I)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file where it cannot be read as a table."""
    try:
        yield
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{str(path)!a} is no table ({error}); expected text in UTF-8, a line for "
            "each row."
        ) from error


def read_table(path: Path, source: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a tab-separated file, rows of any length.

    `source` says where the file comes from, for the error.
    """
    if not path.is_file():
        raise ValueError(f"{str(path)!a} is missing; it comes from {source}.")
    with reading(path), open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if row]
    if len(rows) < 2:
        raise ValueError(f"{str(path)!a} has no rows; expected a header and clips.")
    return rows[0], rows[1:]


def find_missing(paths: np.ndarray, missing: str, fix: str) -> np.ndarray:
    """Return which paths are files; (n_clips,) bool.

    With ``missing="raise"`` one that isn't is an error, otherwise a warning.
    """
    check_choice("missing", missing, ("raise", "drop"))
    found = np.array([os.path.isfile(path) for path in paths], dtype=bool)
    if found.all():
        return found
    message = (
        f"{np.sum(~found)} of {len(found)} audio files are missing, such as "
        f"{paths[int(np.argmin(found))]!a}."
    )
    if missing == "raise" or not found.any():
        raise ValueError(
            f"{message} {fix} Or leave missing clips out with missing='drop', if "
            "others are there."
        )
    warnings.warn(f"{message} Their clips are left out.", stacklevel=3)
    return found


def split_indices(parts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of the clips of each part."""
    return {name: np.flatnonzero(parts == name) for name in PARTS}


def describe_parts(parts: np.ndarray) -> str:
    """Return how many clips each part has, in words."""
    return ", ".join(f"{name} {np.sum(parts == name)}" for name in PARTS)
