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
