"""Groups of clips: names in one spelling, and a group for every clip."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from skdeepmir.frames import object_array

# What empty cells and missing values become as text: pandas.read_csv's na_values, and
# spellings of them elsewhere.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan"),
        *("1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a"),
        *("nan", "null", "NaT", "none", "NONE", "Null", "NAN", "#n/a"),
    )
)
LISTED = 5  # rows that an error names


def clean_name(name: str) -> str:
    """Return a name composed (NFC) and without spaces around it."""
    # File systems, tables and people spell one name in several ways.
    return unicodedata.normalize("NFC", name).strip()


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NA, NaT, masked, or text that says so."""
    import pandas as pd

    if np.ma.is_masked(value):
        return True
    value = _unwrapped(value)
    if isinstance(value, str | bytes):
        return _as_text(value) in MISSING
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def shown_value(value: Any) -> str:
    """Return a value for an error, as Python writes it rather than NumPy."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return str(value)
    return repr(value.item() if isinstance(value, np.generic) else value)


def missing_text(value: Any, kind: str = "band") -> str:
    """Return what to do about text that counts as missing, "" for all other values."""
    text = _as_text(value) if isinstance(value, str | bytes) else ""
    if not text:
        return ""
    return (
        f", which counts as missing. If it is a real name, spell it differently, such "
        f"as '{text} ({kind})'"
    )


def _as_text(value: str | bytes) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return text.strip()


def _unwrapped(value: Any) -> Any:
    """Return what an array without axes holds, and anything else as it is."""
    if isinstance(value, np.generic) or np.ma.is_masked(value):
        return value
    return value.item() if getattr(value, "shape", None) == () else value


def check_groups(
    groups: Any, n_clips: int, names: Sequence[str] | None = None
) -> np.ndarray:
    """Return the group of each clip, or raise a ``ValueError`` that names a clip."""
    # `names` are what errors call the clips, instead of "clip 0" and so on.
    values = _as_column(groups)
    if len(values) != n_clips:
        raise ValueError(
            f"groups has {len(values)} entries, but X has {n_clips} clips: "
            "inconsistent numbers of samples. Pass one group per clip, in the same "
            "order."
        )
    if values.dtype.kind in "biu":
        return values
    names = [f"clip {i}" for i in range(n_clips)] if names is None else names
    missing = [i for i, value in enumerate(values) if is_missing(value)]
    if missing:
        raise ValueError(
            f"groups: {_without_group(values, names, missing)}. Give each clip its "
            "artist, album or song, or a name of its own if that is unknown, or leave "
            "it out."
        )
    return _of_one_kind(values, names)


def _without_group(
    values: np.ndarray, names: Sequence[str], missing: Sequence[int]
) -> str:
    first = values[missing[0]]
    text = missing_text(first)
    if len(missing) == 1:
        group = f"the group {shown_value(first)}" if text else "no group"
        value = text or f" ({shown_value(first)})"
        return f"{names[missing[0]]} has {group}{value}"
    listed = ", ".join(names[i].removeprefix("clip ") for i in missing[:LISTED])
    more = ", ..." if len(missing) > LISTED else ""
    value = f"; the first has {shown_value(first)}{text}"
    return f"{len(missing)} clips have no group: {listed}{more}{value}"


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
    values = np.asarray(groups) if is_table else object_array(map(_unwrapped, groups))
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"groups has shape {values.shape}; expected one group for each clip, "
            "(n_clips,). Join several columns into one name."
        )
    return values


def _of_one_kind(values: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return strings cleaned, numbers as such; refuse both side by side."""
    are_text = [isinstance(value, str) for value in values]
    for i, value in enumerate(values):
        if np.ndim(value) or isinstance(value, dict | set | frozenset):
            raise ValueError(
                f"groups: {names[i]} has {value!r}; expected a string or a number. "
                "Join its parts into one name."
            )
        if are_text[i] != are_text[0]:
            raise ValueError(
                f"groups: {names[i]} has {shown_value(value)}, but {names[0]} has "
                f"{shown_value(values[0])}; expected strings for all or numbers for "
                "all. Convert them: [str(group) for group in groups]."
            )
    if len(values) and are_text[0]:
        return object_array(clean_name(value) for value in values)
    if values.dtype == object:
        numbers = np.array(values.tolist())
        # Of large integers, floats would make several one.
        is_exact = numbers.dtype.kind in "biuf" and numbers.tolist() == values.tolist()
        return numbers if is_exact else values
    return values
