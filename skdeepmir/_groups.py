"""What belongs together: names in one spelling, and clips without a group refused."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from skdeepmir.frames import object_array

# What empty cells and missing values become as text.
MISSING = {"", "nan", "NaN", "None", "<NA>", "NaT"}
LISTED = 5  # rows that an error names


def clean_name(name: str) -> str:
    """Return a name composed (NFC) and without spaces around it.

    File systems, tables and people spell one name in several ways, and equal names are
    one class, one tag, one group.
    """
    return unicodedata.normalize("NFC", name).strip()


def is_missing(value: Any) -> bool:
    """Tell whether a value is none: None, NaN, NA, NaT, or text that says so."""
    import pandas as pd

    if isinstance(value, str | bytes):
        text = value.decode(errors="replace") if isinstance(value, bytes) else value
        return text.strip() in MISSING
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def check_groups(groups: Any, n_clips: int) -> np.ndarray:
    """Return the group of each clip, or raise a ``ValueError`` that names a clip.

    Parameters
    ----------
    groups : array-like of shape (n_clips,)
        Strings or numbers.
    n_clips : int
        Number of clips.

    Returns
    -------
    groups : ndarray of shape (n_clips,)
        Numbers, or objects; strings as by :func:`clean_name`.
    """
    values = _as_column(groups)
    if len(values) != n_clips:
        raise ValueError(
            f"groups has {len(values)} entries, but X has {n_clips} clips: "
            "inconsistent numbers of samples. Pass one for each clip, in the same "
            "order."
        )
    if values.dtype.kind in "biu":
        return values
    missing = [i for i, value in enumerate(values) if is_missing(value)]
    if missing:
        first, *others = missing[:LISTED]
        more = f", nor have clips {', '.join(map(str, others))}" if others else ""
        more += " and others" if len(missing) > LISTED else ""
        raise ValueError(
            f"groups has {len(missing)} missing values: clip {first} has no group "
            f"({values[first]!r}){more}. Give each clip its artist, album or song, a "
            "name of its own where that is not known, or leave it out."
        )
    return _of_one_kind(values)


def _as_column(groups: Any) -> np.ndarray:
    is_table = hasattr(groups, "shape")
    if not is_table and not isinstance(groups, list | tuple):
        raise ValueError(
            f"groups is a {type(groups).__name__}; expected an array or a list with "
            "one group for each clip."
        )
    if isinstance(groups, np.ma.MaskedArray):  # its data are there below the mask
        masked: Any = groups.astype(object)
        masked[np.ma.getmaskarray(groups)] = None
        groups = masked.data
    # As an array, a list of strings and NaN would hold the string "nan".
    values = np.asarray(groups) if is_table else object_array(groups)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"groups has shape {values.shape}; expected one group for each clip, "
            "(n_clips,). Join several columns to one name."
        )
    return values


def _of_one_kind(values: np.ndarray) -> np.ndarray:
    """Return strings cleaned, numbers as such; refuse both side by side."""
    are_text = [isinstance(value, str) for value in values]
    for i, value in enumerate(values):
        if np.ndim(value) or isinstance(value, dict | set | frozenset):
            raise ValueError(
                f"groups: clip {i} has {value!r}; expected a string or a number. Join "
                "what it has to one name."
            )
        if are_text[i] != are_text[0]:
            raise ValueError(
                f"groups: clip {i} has {value!r}, but clip 0 has {values[0]!r}; "
                "expected strings for all or numbers for all. Convert them: "
                "[str(group) for group in groups]."
            )
    if len(values) and are_text[0]:
        return object_array(clean_name(value) for value in values)
    if values.dtype == object:
        numbers = np.array(values.tolist())
        return numbers if numbers.dtype.kind in "biuf" else values
    return values
