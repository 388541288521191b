"""Chord annotations in seconds, and their conversion to and from frame labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._errors import LATEST, check_duration, check_frame_rate, check_whole
from skdeepmir._warnings import warn_user
from skdeepmir.chords._labels import UNSCORED, label_list, parse
from skdeepmir.frames import PATH_TYPES

_TOLERANCE = 1e-3  # seconds of overlap or of a gap that come from rounding
_LARGEST_RATIO = 1000.0  # of the last time to the duration
_EXCESS = 1.0  # seconds after the end of the audio that pass without a warning


def holds_seconds(item: Any) -> bool:
    """Tell whether an annotation is in seconds, not a list of frame labels.

    Parameters
    ----------
    item : object
        A path or a pair ``(intervals, labels)``; or labels of frames.

    Returns
    -------
    holds : bool
        True for paths and pairs.

    Examples
    --------
    >>> from skdeepmir.chords import holds_seconds
    >>> holds_seconds(([[0, 3]], ["C:maj"])), holds_seconds(["C:maj", "N"])
    (True, False)
    """
    if isinstance(item, PATH_TYPES):
        return True
    return (
        isinstance(item, tuple | list | np.ndarray)
        and len(item) == 2
        and not isinstance(item[0], str)
        and hasattr(item[0], "__len__")
    )


def check_intervals(
    intervals: Any,
    labels: Any,
    *,
    duration: float | None = None,
    warn: bool = True,
    name: str = "annotation",
) -> tuple[np.ndarray, np.ndarray]:
    """Check an annotation and return it as arrays.

    Parameters
    ----------
    intervals : array-like of shape (n_chords, 2)
        Start and end of each chord in seconds, in order. Gaps are allowed.
    labels : sequence of str of length n_chords
        Labels in Harte's grammar, see :func:`parse`.
    duration : float, default=None
        Duration of the audio in seconds. Whatever lies after it is cut off.
    warn : bool, default=True
        Whether to warn about what is cut off.
    name : str, default="annotation"
        Name of the annotation in errors, such as that of its file.

    Returns
    -------
    intervals : ndarray of shape (n, 2), dtype=float64
        The intervals. Overlaps of up to 1 ms, which come from rounding, are removed:
        the earlier chord ends where the later one starts.
    labels : ndarray of shape (n,), dtype=object
        The labels.

    Raises
    ------
    ValueError
        If there are no intervals, they have the wrong shape, or their number is not
        that of the labels; if times are not finite, negative, out of order,
        overlapping, look like sample indices, or all lie after ``duration``; if a label
        is not in the grammar.

    Warns
    -----
    UserWarning
        If the annotation ends more than 1 s after ``duration``.

    Examples
    --------
    >>> from skdeepmir.chords import check_intervals
    >>> intervals, labels = check_intervals([[0, 1.5], [1.5, 4]], ["N", "C:maj"])
    >>> intervals
    array([[0. , 1.5],
           [1.5, 4. ]])
    >>> check_intervals([[0, 2], [1, 4]], ["N", "C:maj"], name="'song.lab'")
    Traceback (most recent call last):
    ...
    ValueError: 'song.lab': row 1 (1.0 to 4.0, 'C:maj') starts before row 0 ends, at
    2.0; expected intervals that do not overlap.
    """
    times, names = _as_arrays(intervals, labels, name)
    _refuse_sample_indices(times, duration, name)

    def refuse(wrong: Any, problem: str, expected: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong))
            row = f"row {i} ({times[i, 0]} to {times[i, 1]}, {names[i]!r})"
            problem = problem.format(before=i - 1, end=times[i - 1, 1])
            raise ValueError(f"{name}: {row} {problem}; expected {expected}.")

    refuse((times < 0).any(axis=1), "has a negative time", "seconds from 0 on")
    refuse(
        times[:, 1] <= times[:, 0],
        "ends at or before its start",
        "an end after the start",
    )
    steps = np.diff(times[:, 0], prepend=-np.inf)
    refuse(steps < 0, "starts before row {before}", "rows in the order of their starts")
    overlaps = np.append(-np.inf, times[:-1, 1] - times[1:, 0])
    refuse(
        (overlaps > _TOLERANCE) | (steps == 0),
        "starts before row {before} ends, at {end}",
        "intervals that do not overlap",
    )
    _check_labels(names, name)
    times[:-1, 1] = np.minimum(times[:-1, 1], times[1:, 0])
    return _cut_after(times, names, duration, warn, name)


def _as_arrays(intervals: Any, labels: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        times = np.array(intervals, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}: its intervals are not an array of numbers ({error}); expected "
            "shape (n_chords, 2): start and end in seconds."
        ) from error
    found = label_list(labels, f"{name}: labels")
    if times.size == 0 and not found:
        raise ValueError(f"{name}: it is empty; expected at least 1 chord.")
    if times.ndim != 2 or times.shape[1] != 2:
        raise ValueError(
            f"{name}: its intervals have shape {times.shape}; expected (n_chords, 2): "
            "start and end in seconds."
        )
    if len(times) != len(found):
        raise ValueError(
            f"{name}: it has {len(times)} intervals and {len(found)} labels; expected "
            "one label per interval."
        )
    if not np.isfinite(times).all():
        i = int(np.argmax(~np.isfinite(times).all(axis=1)))
        raise ValueError(
            f"{name}: row {i} has the times {times[i].tolist()}; expected finite "
            "seconds. Give the last chord the end of the audio."
        )
    return times, np.array(found, dtype=object)


def _refuse_sample_indices(
    times: np.ndarray, duration: float | None, name: str
) -> None:
    last = times.max()
    limit, of = LATEST, ""
    if duration is not None:
        check_duration(duration)
        of = f", but the audio lasts {duration} s"
        limit = min(limit, _LARGEST_RATIO * duration)
    if last > limit:
        raise ValueError(
            f"{name}: its last time is {last}{of}; are these sample indices? Pass "
            "seconds: divide by the sample rate."
        )


def _check_labels(labels: np.ndarray, name: str) -> None:
    checked = set()
    for i, label in enumerate(labels):
        if label in checked:
            continue
        try:
            parse(label)
        except ValueError as error:
            raise ValueError(f"{name}: row {i}: {error}") from error
        checked.add(label)


def _cut_after(
    times: np.ndarray,
    labels: np.ndarray,
    duration: float | None,
    warn: bool,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:
    if duration is None or times[-1, 1] <= duration:
        return times, labels
    if times[0, 0] >= duration:
        raise ValueError(
            f"{name}: it starts at {times[0, 0]} s, but the audio lasts {duration} s. "
            "Does it belong to another recording?"
        )
    if warn and times[-1, 1] > duration + _EXCESS:
        warn_user(
            f"{name}: it ends at {times[-1, 1]} s, but the audio lasts {duration} s; "
            "the rest is ignored."
        )
    kept = times[:, 0] < duration
    return np.minimum(times[kept], duration), labels[kept]


def label_frames(
    intervals: Any, labels: Any, n_frames: int, frame_rate: float
) -> np.ndarray:
    """Return the chord of each frame.

    Parameters
    ----------
    intervals : array-like of shape (n_chords, 2)
        Start and end in seconds, checked as by :func:`check_intervals`.
    labels : sequence of str of length n_chords
        Labels.
    n_frames : int
        Number of frames.
    frame_rate : float
        Frames per second. Frame t is at second ``t / frame_rate``: the centre of a
        window of :class:`skdeepmir.SpectrogramExtractor` with ``center=True``.

    Returns
    -------
    frames : ndarray of shape (n_frames,), dtype=object
        The label of the interval that each frame lies in. Intervals include their
        start, but not their end.

    Notes
    -----
    Frames in gaps, before the first and after the last interval are "X": unknown, so
    not scored and not learned from. In an *estimate* mir_eval counts such time as "N".

    Examples
    --------
    >>> from skdeepmir.chords import label_frames
    >>> label_frames([[0, 0.5], [0.5, 1.2]], ["N", "C:maj"], 6, frame_rate=4)
    array(['N', 'N', 'C:maj', 'C:maj', 'C:maj', 'X'], dtype=object)
    """
    times, names = check_intervals(intervals, labels)
    check_whole("n_frames", n_frames)
    check_frame_rate(frame_rate)
    seconds = np.arange(n_frames) / frame_rate
    rows = np.searchsorted(times[:, 0], seconds, side="right") - 1
    # Row -1, of frames before the first interval, is the last: they lie before its end.
    inside = (rows >= 0) & (seconds < times[rows, 1])
    return np.where(inside, names[rows], UNSCORED)


def frame_intervals(
    frames: Any, frame_rate: float, *, duration: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Turn frame labels into intervals in seconds.

    Parameters
    ----------
    frames : sequence of str of length n_frames
        A label for each frame.
    frame_rate : float
        Frames per second. Frame t is at second ``t / frame_rate``.
    duration : float, default=None
        Duration of the audio in seconds, where the last chord ends. Frames that start
        later are dropped. With None the last frame is as long as the others, until
        ``(n_frames - 0.5) / frame_rate``.

    Returns
    -------
    intervals : ndarray of shape (n_chords, 2), dtype=float64
        Start and end in seconds, without gaps, from 0. The boundary between frames
        t - 1 and t is at ``(t - 0.5) / frame_rate``, halfway between their centres.
    labels : ndarray of shape (n_chords,), dtype=object
        Labels; neighbouring frames with the same label are one chord.

    Raises
    ------
    ValueError
        If there are no frames, or ``frame_rate`` or ``duration`` is not above 0.

    Notes
    -----
    :func:`label_frames` returns the same frames again: all of them if ``duration`` is
    None or larger than ``(n_frames - 1) / frame_rate``, the time of the last one.

    Examples
    --------
    >>> from skdeepmir.chords import frame_intervals
    >>> intervals, labels = frame_intervals(["N", "N", "C:maj", "C:maj"], 2)
    >>> intervals.tolist(), labels.tolist()
    ([[0.0, 0.75], [0.75, 1.75]], ['N', 'C:maj'])
    """
    names = np.array(label_list(frames, "frames"), dtype=object)
    if len(names) == 0:
        raise ValueError("frames is empty, expected at least 1 label.")
    check_frame_rate(frame_rate)
    first = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    starts = np.maximum(first - 0.5, 0.0) / frame_rate
    if duration is None:
        duration = (len(names) - 0.5) / frame_rate
    check_duration(duration)
    kept = starts < duration
    starts, names = starts[kept], names[first[kept]]
    return np.column_stack([starts, np.append(starts[1:], duration)]), names


def merge_intervals(intervals: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Merge neighbouring chords with the same label.

    Parameters
    ----------
    intervals : array-like of shape (n_chords, 2)
        Start and end in seconds, checked as by :func:`check_intervals`.
    labels : sequence of str of length n_chords
        Labels. Different spellings of a chord are different labels.

    Returns
    -------
    intervals : ndarray of shape (n, 2), dtype=float64
        Start and end in seconds. Chords with a gap of more than 1 ms between them are
        not merged.
    labels : ndarray of shape (n,), dtype=object
        Labels.

    Examples
    --------
    >>> from skdeepmir.chords import merge_intervals
    >>> merge_intervals([[0, 1], [1, 2], [2, 4]], ["N", "C:maj", "C:maj"])
    (array([[0., 1.], [1., 4.]]), array(['N', 'C:maj'], dtype=object))
    """
    times, names = check_intervals(intervals, labels)
    gaps = times[1:, 0] - times[:-1, 1] > _TOLERANCE
    begins = np.append(True, gaps | (names[1:] != names[:-1]))
    ends = np.append(begins[1:], True)
    return np.column_stack([times[begins, 0], times[ends, 1]]), names[begins]
