"""Chord annotations in .lab and .jams files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from skdeepmir._disk import path_name, shown, target_file, user_path, written_whole
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
    file, name = Path(user_path(path)), f"{path_name(path)!a}"
    suffix = file.suffix.lower()
    if suffix not in readers:
        raise ValueError(
            f"{name} has the extension {suffix!r}; expected the path of an "
            f"annotation that ends in {_listed(readers)}."
        )
    if not os.path.isfile(file):
        raise FileNotFoundError(
            f"There is no file {shown(path)}; expected a chord annotation. Check the "
            "path."
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not text in UTF-8 ({error}). Save it as UTF-8."
        ) from error
    intervals, labels = readers[suffix](text, name)
    return check_intervals(intervals, labels, name=name)


def _listed(suffixes: Any) -> str:
    return " or ".join(repr(suffix) for suffix in suffixes)


def _read_lab(text: str, name: str) -> tuple[Any, list[str]]:
    intervals, labels = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            start, end, label = line.split()
            intervals.append((float(start), float(end)))
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
    annotations = _jams_annotations(text, name)
    namespaces = [annotation["namespace"] for annotation in annotations]
    chords = [i for i, known in enumerate(namespaces) if known in _NAMESPACES]
    if not chords:
        raise ValueError(
            f"{name}: it has annotations in the namespaces {namespaces}; expected one "
            f"in {_listed(_NAMESPACES)}."
        )
    for i in chords:
        rows = _jams_rows(annotations[i], f"{name}: annotation {i}")
        if rows:
            return [(start, start + d) for start, d, _ in rows], [v for _, _, v in rows]
    raise ValueError(
        f"{name}: its chord annotations are empty; expected at least 1 chord."
    )


def _jams_annotations(text: str, name: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{name}: it is not a JAMS file, as it is not JSON ({error}). Save it "
            "again."
        ) from error
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise ValueError(
            f"{name}: it is not a JAMS file: expected an object with a list of "
            "'annotations'."
        )
    for i, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "namespace" not in annotation:
            raise ValueError(
                f"{name}: it is not a JAMS file: annotation {i} has no 'namespace'."
            )
    return annotations


def _jams_rows(annotation: dict[str, Any], name: str) -> list[tuple[float, float, str]]:
    """Return time, duration and value of entries, from a list or a dict of lists."""
    expected = "expected 'time', 'duration' and 'value' of each chord"
    if "data" not in annotation:
        raise ValueError(f"{name} has no 'data'; {expected}.")
    data = annotation["data"]
    if isinstance(data, dict):
        for key in _KEYS:
            if not isinstance(data.get(key), list):
                raise ValueError(f"{name} has no list of {key!r}; {expected}.")
        columns = [data[key] for key in _KEYS]
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            raise ValueError(f"{name} has lists of {lengths} entries; {expected}.")
        data = [
            dict(zip(_KEYS, row, strict=True)) for row in zip(*columns, strict=True)
        ]
    if not isinstance(data, list):
        raise ValueError(f"{name} has the data {data!r}; {expected}.")
    return [
        _jams_row(entry, f"{name}, entry {n}", expected) for n, entry in enumerate(data)
    ]


def _jams_row(entry: Any, name: str, expected: str) -> tuple[float, float, str]:
    if not isinstance(entry, dict):
        raise ValueError(f"{name} is {entry!r}; {expected}.")
    for key in _KEYS:
        if key not in entry:
            raise ValueError(f"{name} has no {key!r}; {expected}.")
    if not isinstance(entry["value"], str):
        raise ValueError(
            f"{name} has the value {entry['value']!r}; expected a label such as "
            "'C:maj'."
        )
    try:
        start, duration = float(entry["time"]), float(entry["duration"])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} has the time {entry['time']!r} and the duration "
            f"{entry['duration']!r}; expected seconds."
        ) from error
    return start, duration, entry["value"].strip()


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
    path = _target(path, ".lab")
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
    path = _target(path, ".jams")
    times, names = _rounded(path, intervals, labels, duration)
    if duration is None:
        duration = float(times[-1, 1])
    data = [
        {
            "time": float(start),
            "duration": round(float(end - start), 6),
            "value": label,
            "confidence": None,
        }
        for (start, end), label in zip(times, names, strict=True)
    ]
    annotation = {
        "namespace": "chord",
        "data": data,
        "annotation_metadata": {"annotation_tools": "skdeepmir"},
        "sandbox": {},
        "time": 0.0,
        "duration": float(duration),
    }
    content = {
        "file_metadata": {
            "title": title,
            "artist": "",
            "release": "",
            "duration": float(duration),
            "identifiers": {},
            "jams_version": "0.3.4",
        },
        "annotations": [annotation],
        "sandbox": {},
    }
    with written_whole(path) as file:
        file.write(json.dumps(content, indent=2).encode())


def _target(path: Any, suffix: str) -> Path:
    found = Path(user_path(path)).suffix
    if found.lower() != suffix:
        raise ValueError(
            f"{path_name(path)!a} has the extension {found!r}; expected {suffix!r}, "
            "which tells read_chords the format."
        )
    return target_file(path)


def _rounded(
    path: Path, intervals: Any, labels: Any, duration: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return a checked annotation with times in whole microseconds."""
    name = f"annotation for {str(path)!a}"
    times, labels = check_intervals(intervals, labels, duration=duration, name=name)
    return check_intervals(np.round(times, 6), labels, name=name)
