"""What the loaders of published collections share: missing files, parts.

A collection is split into the parts "train", "valid" and "test". `parts` holds the name
of the part of each clip, and "" where a clip belongs to none.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._errors import check_choice, is_number
from skdeepmir._groups import check_groups
from skdeepmir.frames import object_array

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


def find_missing(
    paths: np.ndarray, missing: str, fix: str, what: str = "audio"
) -> np.ndarray:
    """Return which paths are files, (n_clips,) bool; raise or warn if some are not."""
    check_choice("missing", missing, ("raise", "drop"))
    found = np.array([os.path.isfile(path) for path in paths], dtype=bool)
    if found.all():
        return found
    n_missing, first = int(np.sum(~found)), f"{paths[int(np.argmin(found))]!a}"
    are_missing = "is missing:" if n_missing == 1 else "are missing, such as"
    message = f"{n_missing} of {len(found)} {what} files {are_missing} {first}."
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


def check_merge(merge: Any) -> None:
    """Refuse what is not the seconds within which onsets are one."""
    if not (is_number(merge) and 0 <= merge < np.inf):
        raise ValueError(f"merge={merge!r}, expected seconds, 0 or more.")


def annotation_bunch(
    data: np.ndarray,
    target: list[Any],
    groups: list[str],
    titles: list[str],
    description: str,
    kind: str,
    group: str,
    **more: Any,
) -> Bunch:
    """Return the Bunch of a loader of annotations of a kind, or paths of these."""
    # `group` says what the groups are.
    missing = [p for p in target if isinstance(p, str) and not os.path.isfile(p)]
    if missing:
        are = "is a broken link:", "are broken links, such as"
        raise ValueError(
            f"{len(missing)} of {len(target)} annotations {are[len(missing) > 1]} "
            f"{missing[0]!a}. Restore its target, or remove the link."
        )
    return Bunch(
        data=data,
        target=object_array(target),
        groups=check_groups(groups, len(data)),
        titles=object_array(titles),
        folds=None,
        DESCR=(
            f"{description} {len(data)} recordings, {len(set(groups))} groups. target: "
            f"{kind}; groups: the {group}."
        ),
        **more,
    )
