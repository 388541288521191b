"""Chord annotations in .lab and .jams files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from skdeepmir._disk import annotation_target, read_annotation, written_whole
from skdeepmir._errors import number_in
from skdeepmir._jams import jams_entries, jams_seconds, write_jams_file
from skdeepmir.chords._intervals import check_intervals
from skdeepmir.chords._labels import parse

_NAMESPACES = ("chord", "chord_harte")  # of JAMS, both with labels in Harte's grammar
_KEYS = ("time", "duration", "value")  # of a chord in JAMS


def read_chords(
    path: str | bytes | os.PathLike[Any],
) -> tuple[np.ndarray, np.ndarray]:
    r"""Read a chord annotation.

    Parameters
    ----------
    path : str, bytes or PathLike
        A ``.lab`` file, with start, end and label in each line, separated by spaces or
        tabs; empty lines and lines that begin with "#" are skipped. Or a ``.jams`` file
        [1]_, whose first annotation with chords in the namespace "chord" or
        "chord_harte" is read. ``~`` is the home folder.

    Returns
    -------
    intervals : ndarray of shape (n_chords, 2), dtype=float64
        Start and end in seconds.
    labels : ndarray of shape (n_chords,), dtype=object
        Labels in Harte's grammar.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has another extension, a line or an entry is malformed, or the
        annotation is refused by :func:`check_intervals`. The message names the file.

    References
    ----------
    .. [1] E. J. Humphrey et al., "JAMS: A JSON annotated music specification for
       reproducible MIR research", ISMIR 2014.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.chords import read_chords
    >>> path = Path(tempfile.mkdtemp()) / "song.lab"
    >>> _ = path.write_text("0.0 0.8 N\n0.8 2.5 Bb:min7/b3\n")
    >>> intervals, labels = read_chords(path)
    >>> intervals.tolist(), labels.tolist()
    ([[0.0, 0.8], [0.8, 2.5]], ['N', 'Bb:min7/b3'])
    """
    readers = {".lab": _read_lab, ".jams": _read_jams}
    text, suffix, name = read_annotation(path, readers, "a chord annotation")
    intervals, labels = readers[suffix](text, name)
    return check_intervals(intervals, labels, name=name)


def _read_lab(text: str, name: str) -> tuple[Any, list[str]]:
    intervals, labels = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            start, end, label = line.split()
            intervals.append((number_in(start), number_in(end)))
        except ValueError as error:
            raise ValueError(
                f"{name}: line {number} is {line!r}; expected start and end in seconds "
                "and a label, as in '0.0 1.5 C:maj'."
            ) from error
        try:
            parse(label)
        except ValueError as error:
            raise ValueError(f"{name}: line {number}: {error}") from error
        labels.append(label)
    return intervals, labels


def _read_jams(text: str, name: str) -> tuple[Any, list[str]]:
    intervals, labels = [], []
    for place, entry in jams_entries(text, name, _NAMESPACES, _KEYS, "chord"):
        place = f"{name}: {place}"
        if not isinstance(entry["value"], str):
            raise ValueError(
                f"{place} has the value {entry['value']!r}; expected a label such as "
                "'C:maj'."
            )
        start = jams_seconds(entry, "time", place)
        intervals.append((start, start + jams_seconds(entry, "duration", place)))
        labels.append(entry["value"].strip())
    if not labels:
        raise ValueError(
            f"{name}: its chord annotations are empty; expected at least 1 chord."
        )
    return intervals, labels


def write_lab(
    path: str | bytes | os.PathLike[Any], intervals: Any, labels: Any
) -> None:
    """Write a chord annotation to a ``.lab`` file.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    intervals : array-like of shape (n_chords, 2)
        Start and end in seconds, as for :func:`check_intervals`; written with six
        decimals.
    labels : sequence of str of length n_chords
        Labels in Harte's grammar.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the annotation is refused by
        :func:`check_intervals`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.chords import write_lab
    >>> path = Path(tempfile.mkdtemp()) / "song.lab"
    >>> write_lab(path, [[0, 0.8], [0.8, 2.5]], ["N", "C:maj"])
    >>> print(path.read_text(), end="")
    0.000000 0.800000 N
    0.800000 2.500000 C:maj
    """
    writers = {".jams": "write_jams or to_jams"}
    path = annotation_target(path, [".lab"], "read_chords", writers)
    times, names = _rounded(path, intervals, labels)
    lines = [
        f"{start:.6f} {end:.6f} {label}\n"
        for (start, end), label in zip(times, names, strict=True)
    ]
    with written_whole(path) as file:
        file.write("".join(lines).encode())


def write_jams(
    path: str | bytes | os.PathLike[Any],
    intervals: Any,
    labels: Any,
    *,
    duration: float | None = None,
    title: str = "",
) -> None:
    """Write a chord annotation to a ``.jams`` file, version 0.3 of the format.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    intervals : array-like of shape (n_chords, 2)
        Start and end in seconds, as for :func:`check_intervals`.
    labels : sequence of str of length n_chords
        Labels in Harte's grammar.
    duration : float, default=None
        Duration of the audio in seconds. None takes the end of the last chord.
    title : str, default=""
        Title of the song.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the annotation is refused by
        :func:`check_intervals`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.chords import read_chords, write_jams
    >>> path = Path(tempfile.mkdtemp()) / "song.jams"
    >>> write_jams(path, [[0, 0.8], [0.8, 2.5]], ["N", "C:maj"], title="A song")
    >>> read_chords(path)[1]
    array(['N', 'C:maj'], dtype=object)
    """
    writers = {".lab": "write_lab or to_lab"}
    path = annotation_target(path, [".jams"], "read_chords", writers)
    times, names = _rounded(path, intervals, labels, duration)
    if duration is None:
        duration = float(times[-1, 1])
    entries = [
        (start, end - start, label)
        for (start, end), label in zip(times, names, strict=True)
    ]
    write_jams_file(path, "chord", entries, duration=duration, title=title)


def _rounded(
    path: Path, intervals: Any, labels: Any, duration: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return a checked annotation with times in whole microseconds."""
    name = f"annotation for {str(path)!a}"
    times, labels = check_intervals(intervals, labels, duration=duration, name=name)
    return check_intervals(np.round(times, 6), labels, name=name)
