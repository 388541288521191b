"""Onset times in seconds: what they must be, and which of them are one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepmir._errors import (
    LATEST,
    check_choice,
    check_duration,
    is_number,
    refuse_masked,
)
from skdeepmir._warnings import warn_user

MERGE = 0.03  # seconds; onsets that are closer are one
_EXCESS = 1.0  # seconds after the end of the clip from which on an onset is an error
_ROUNDING = 1e-9  # seconds; gaps that differ by less are equal
_UNITS = "Are these sample indices or milliseconds? Pass seconds."


def check_onsets(
    times: Any,
    *,
    duration: float | None = None,
    warn: bool = True,
    name: str = "onsets",
) -> np.ndarray:
    """Check onset times and return them as an array.

    Parameters
    ----------
    times : array-like of shape (n_onsets,)
        Seconds, in order; there may be none. Equal times are allowed: several
        instruments may begin at once.
    duration : float, default=None
        Duration of the clip in seconds. Onsets up to 1 s after it, which come from
        audio that was cut or from rounding, are dropped; later ones are an error.
    warn : bool, default=True
        Whether to warn about onsets that are dropped.
    name : str, default="onsets"
        Name of the annotation in errors, such as that of its file.

    Returns
    -------
    times : ndarray of shape (n_onsets,), dtype=float64
        A copy.

    Raises
    ------
    ValueError
        If times are not a 1-D array of numbers; if one is not finite, is negative, is
        earlier than the one before it or more than 1 s later than ``duration``; if they
        look like sample indices. The message gives the position, from 0.

    Warns
    -----
    UserWarning
        If onsets are dropped.

    Examples
    --------
    >>> from skdeepmir.onsets import check_onsets
    >>> check_onsets([0, 0.5, 2])
    array([0. , 0.5, 2. ])
    >>> check_onsets([0.5, 2, 1], name="'song.onsets'")
    Traceback (most recent call last):
    ...
    ValueError: 'song.onsets': onset 2 is at 1.0 s, earlier than onset 1, at 2.0 s;
    expected times in order. Sort them.
    >>> check_onsets([0.5, 44100], duration=30.0)
    Traceback (most recent call last):
    ...
    ValueError: onsets: onset 1 is at 44100.0 s, later than the end of the clip
    (30.0 s). Are these sample indices or milliseconds? Pass seconds. Or does the
    annotation belong to another recording?
    """
    if duration is not None:
        check_duration(duration)
    found = checked_times(times, name, duration)
    if duration is None:
        return found
    late = found > duration
    if warn and late.any():
        warn_user(
            f"{name}: {late.sum()} of {len(found)} onsets, from {found[late][0]} s on, "
            "are later than the end of the clip "
            f"({round(float(duration), 3)} s) and are ignored."
        )
    return found[~late]


def checked_times(times: Any, name: str, end: float | None) -> np.ndarray:
    """Return a copy of times that are right, also if up to 1 s after the end."""
    found = _as_array(times, name)
    refuse_wrong_times(found, name, "onset {}".format, end)
    return found


def _as_array(times: Any, name: str) -> np.ndarray:
    refuse_masked(name, times, "onset")
    try:
        found = np.asarray(times)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(
            f"{name}: times are not an array of numbers ({error}); expected shape "
            "(n_onsets,): seconds."
        ) from error
    if found.ndim != 1:
        raise ValueError(
            f"{name}: expected an array of seconds, of shape (n_onsets,), found "
            f"{f'shape {found.shape}' if found.ndim else repr(times)}. One onset is "
            "passed as [0.5]; read_onsets reads a file."
        )
    return as_floats(times, name, "onset", "a number of seconds")


def as_floats(values: Any, name: str, event: str, expected: str) -> np.ndarray:
    """Return a copy of a column of numbers, each of which tells of an `event`."""
    found = np.asarray(values)
    # NumPy would take True for 1.0 and "1" for 1.0.
    is_list = isinstance(values, list | tuple)
    items = values if is_list else found if found.dtype.kind not in "iuf" else ()
    for i, item in enumerate(items):
        if not is_number(item):
            is_clip = isinstance(item, np.ndarray | list | tuple)
            advice = " Pass one clip's, such as predict(X)[0]." if is_clip else ""
            raise ValueError(
                f"{name}: {event} {i} is {item!r}, of type {type(item).__name__}; "
                f"expected {expected}.{advice}"
            )
    try:
        return found.astype(np.float64)
    except OverflowError as error:
        raise ValueError(
            f"{name}: a number is too large for seconds ({error}). {_UNITS}"
        ) from error


def refuse_wrong_times(
    times: np.ndarray,
    name: str,
    place: Callable[[int], str],
    end: float | None = None,
    *,
    in_order: bool = True,
) -> None:
    """Raise a ValueError that tells the place of the first time that is wrong."""

    def refuse(wrong: np.ndarray, problem: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong))
            before = f"{place(i - 1)}, at {times[i - 1]} s" if i else ""
            problem = problem.format(before=before)
            raise ValueError(f"{name}: {place(i)} is at {times[i]} s{problem}")

    refuse(~np.isfinite(times), "; expected finite seconds. Leave it out.")
    refuse(times < 0, "; expected seconds from 0 on.")
    if in_order:
        refuse(
            np.diff(times, prepend=0.0) < 0,
            ", earlier than {before}; expected times in order. Sort them.",
        )
    if end is None:
        refuse(times > LATEST, f". {_UNITS}")
    else:
        refuse(
            times > end + _EXCESS,
            f", later than the end of the clip ({round(float(end), 3)} s). {_UNITS} "
            "Or does the annotation belong to another recording?",
        )


def merge_onsets(
    times: Any, within: float = MERGE, *, keep: str = "mean"
) -> np.ndarray:
    """Merge onsets that are too close to be told apart.

    Parameters
    ----------
    times : array-like of shape (n_onsets,)
        Seconds, checked as by :func:`check_onsets`.
    within : float, default=0.03
        Seconds. An onset that is less than this after the merged onset before it
        joins that. The default is that of the field's evaluations [1]_. 0 merges none,
        not even those at the same time.
    keep : {"mean", "first"}, default="mean"
        What becomes of onsets that are merged: their mean or the first of them.

    Returns
    -------
    merged : ndarray of shape (n_merged,), dtype=float64
        Onsets in order, at least ``within`` apart.

    Notes
    -----
    madmom's evaluation [2]_ also merges onsets that are 30 ms apart to the digit, and
    gives the last of more than two the weight of all before it.

    References
    ----------
    .. [1] S. Böck, F. Krebs and M. Schedl, "Evaluating the online capabilities of onset
       detection methods", ISMIR 2012.
    .. [2] S. Böck et al., "madmom: a new Python audio and music signal processing
       library", ACM Multimedia 2016.

    Examples
    --------
    >>> from skdeepmir.onsets import merge_onsets
    >>> merge_onsets([0.5, 0.52, 1.0, 1.03])
    array([0.51, 1.  , 1.03])
    >>> merge_onsets([0.5, 0.52, 1.0, 1.03], within=0.05, keep="first")
    array([0.5, 1. ])
    """
    found = check_onsets(times)
    check_choice("keep", keep, ("mean", "first"))
    if not (is_number(within) and 0 <= within < np.inf):
        raise ValueError(f"within={within!r}, expected seconds, 0 or more.")
    least = within - _ROUNDING
    if not (np.diff(found) < least).any():
        return found
    merged: list[float] = []
    n_merged = 0  # onsets that the last of them stands for
    for time in found.tolist():
        if not merged or time - merged[-1] >= least:
            merged.append(time)
            n_merged = 1
        else:
            n_merged += 1
            if keep == "mean":
                merged[-1] += (time - merged[-1]) / n_merged
    return np.array(merged)
