"""Onset annotations in .onsets, .txt, .csv and .jams files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from skdeepmir._annotation_files import (
    has_number,
    number_of,
    read_if_path,
    read_table,
    read_words,
)
from skdeepmir._disk import annotation_target, listed, read_annotation, written_whole
from skdeepmir._jams import jams_entries, jams_seconds, write_jams_file
from skdeepmir.onsets._times import check_onsets, refuse_wrong_times

_NAMESPACE = "onset"  # of JAMS
_LISTS = (".onsets", ".txt", ".csv")
_COLUMNS = ("time", "onset", "onset_time")  # of .csv files; the first that is there
_SECONDS = (
    "seconds with a decimal point, as in '1.25'. Put '#' before lines that are not "
    "onsets"
)

_Found = tuple[list[float], list[str]]  # times, and the place of each for errors


def read_onsets(path: str | bytes | os.PathLike[Any]) -> np.ndarray:
    r"""Read an onset annotation.

    Parameters
    ----------
    path : str, bytes or PathLike
        A file in one of these formats. ``~`` is the home folder.

        - ``.onsets`` or ``.txt``: a line for each onset, that begins with its time in
          seconds; what follows after a space or tab, such as a label, is ignored. So
          are empty lines, and what follows after "#".
        - ``.csv``: the column "time", "onset" or "onset_time" if the first row names
          columns, else the first column. Separated by commas, semicolons or tabs.
        - ``.jams`` [1]_: the first annotation with onsets in the namespace "onset".

    Returns
    -------
    times : ndarray of shape (n_onsets,), dtype=float64
        Seconds, in order. An annotation may be empty.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has another extension, or a line or an entry is malformed, negative,
        out of order or not a time in seconds. The message names the file and the line.

    See Also
    --------
    write_onsets, write_jams : The other way round.

    References
    ----------
    .. [1] E. J. Humphrey et al., "JAMS: A JSON annotated music specification for
       reproducible MIR research", ISMIR 2014.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.onsets import read_onsets
    >>> path = Path(tempfile.mkdtemp()) / "song.onsets"
    >>> _ = path.write_text("# drums\n0.175\n0.852 snare\n")
    >>> read_onsets(path)
    array([0.175, 0.852])
    """
    readers = {
        ".onsets": _read_lines,
        ".txt": _read_lines,
        ".csv": _read_csv,
        ".jams": _read_jams,
    }
    text, suffix, name = read_annotation(path, readers, "an onset annotation")
    found, places = readers[suffix](text, name)
    times = np.array(found, dtype=np.float64)
    refuse_wrong_times(times, name, places.__getitem__)
    return times


def onsets_of(item: Any, name: str, duration: float | None = None) -> np.ndarray:
    """Return the checked onsets of an annotation, times or the path of a file."""
    times, name = read_if_path(item, name, read_onsets)
    return check_onsets(times, duration=duration, name=name)


def _read_lines(text: str, name: str) -> _Found:
    return _times_of(((number, row[0]) for number, row in read_words(text)), name)


def _times_of(cells: Iterable[tuple[int, str]], name: str) -> _Found:
    """Return the times that cells, each with the number of its line, hold."""
    times, places = [], []
    for number, cell in cells:
        places.append(f"line {number}")
        times.append(number_of(cell, f"{name}: {places[-1]}", "a time", _SECONDS))
    return times, places


def _read_csv(text: str, name: str) -> _Found:
    table = read_table(text, name)
    if not table:
        return [], []
    column = _column(table[0][1], f"{name}: line {table[0][0]}")
    rows = table if column is None else table[1:]
    column = column or 0
    for number, row in rows:
        if len(row) <= column:
            raise ValueError(
                f"{name}: line {number} has {len(row)} columns; expected the time in "
                f"column {column + 1}."
            )
    return _times_of(((number, row[column]) for number, row in rows), name)


def _column(row: list[str], name: str) -> int | None:
    """Return the column of times that a header names; None if it is not a header."""
    if has_number(row):
        return None
    names = [cell.casefold().replace(" ", "_") for cell in row]
    for wanted in _COLUMNS:
        if wanted in names:
            return names.index(wanted)
    if any(character.isdigit() for character in row[0]):
        return None  # "O.5" is a time with a mistake
    if len(row) > 1:
        raise ValueError(
            f"{name} names the columns {row}; expected one of them to be "
            f"{listed(_COLUMNS)}."
        )
    return 0


def _read_jams(text: str, name: str) -> _Found:
    entries = jams_entries(text, name, [_NAMESPACE], ["time"], "onset")
    times = [
        jams_seconds(entry, "time", f"{name}: {place}") for place, entry in entries
    ]
    return times, [place for place, _ in entries]


def write_onsets(path: str | bytes | os.PathLike[Any], times: Any) -> None:
    """Write an onset annotation to an ``.onsets``, ``.txt`` or ``.csv`` file.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    times : array-like of shape (n_onsets,)
        Seconds, as for :func:`check_onsets`; written with six decimals, one a line. A
        ``.csv`` file gets the header "time".

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the times are refused by
        :func:`check_onsets`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.onsets import write_onsets
    >>> path = Path(tempfile.mkdtemp()) / "song.onsets"
    >>> write_onsets(path, [0.175, 0.852])
    >>> print(path.read_text(), end="")
    0.175000
    0.852000
    """
    writers = {".jams": "write_jams or to_jams"}
    path = annotation_target(path, _LISTS, "read_onsets", writers)
    found = check_onsets(times, name=f"onsets for {str(path)!a}")
    header = ["time\n"] if path.suffix.lower() == ".csv" else []
    lines = [*header, *(f"{time:.6f}\n" for time in found)]
    with written_whole(path) as file:
        file.write("".join(lines).encode())


def write_jams(
    path: str | bytes | os.PathLike[Any],
    times: Any,
    *,
    duration: float | None = None,
    title: str = "",
) -> None:
    """Write an onset annotation to a ``.jams`` file, version 0.3 of the format.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    times : array-like of shape (n_onsets,)
        Seconds, as for :func:`check_onsets`; rounded to six decimals.
    duration : float, default=None
        Duration of the audio in seconds. None takes the time of the last onset.
    title : str, default=""
        Title of the song.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the times are refused by
        :func:`check_onsets`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.onsets import read_onsets, write_jams
    >>> path = Path(tempfile.mkdtemp()) / "song.jams"
    >>> write_jams(path, [0.175, 0.852], duration=3.5, title="A song")
    >>> read_onsets(path)
    array([0.175, 0.852])
    """
    writers = dict.fromkeys(_LISTS, "write_onsets or to_txt")
    path = annotation_target(path, [".jams"], "read_onsets", writers)
    name = f"onsets for {str(path)!a}"
    found = np.round(check_onsets(times, duration=duration, name=name), 6)
    if duration is None:
        duration = found[-1] if len(found) else 0.0
    entries = ((time, 0.0, None) for time in found)
    write_jams_file(path, _NAMESPACE, entries, duration=duration, title=title)
