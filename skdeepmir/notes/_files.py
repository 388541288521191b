"""Notes in .tsv, .csv, .txt, .jams and MIDI files."""

from __future__ import annotations

import os
import reprlib
from typing import Any

import numpy as np

from skdeepmir._annotation_files import (
    Row,
    has_number,
    number_of,
    read_if_path,
    read_table,
    read_words,
)
from skdeepmir._disk import (
    annotation_file,
    annotation_target,
    annotation_text,
    written_whole,
)
from skdeepmir._errors import check_choice, is_number
from skdeepmir._jams import jams_annotation, jams_seconds, write_jams_file
from skdeepmir.notes._midi import MIDI, read_midi
from skdeepmir.notes._notes import (
    PIANO,
    UNKNOWN_VELOCITY,
    arranged,
    check_notes,
    notes_of_columns,
    rounded_notes,
)

CONVENTIONS = ("pedal", "key")  # of when a note ends

_TABLES = (".tsv", ".csv")
_WRITERS = {".jams": "write_jams or to_jams", **dict.fromkeys(MIDI, "write_midi")}
_STEPS = 1_000_000  # of a second, in files that we write

# Names of the columns of tables, without case, spaces and underscores; the first of
# them that is there.
_NAMES = {
    "onset": ("onset", "onsettime", "start", "starttime"),
    "offset": ("offset", "offsettime", "end", "endtime"),
    "pitch": ("pitch", "midipitch", "note", "midinote"),
    "velocity": ("velocity",),
}
_KEY_OFFSETS = ("keyoffset", "keyoffsettime")  # beside "offset", that of the pedal
_EXPECTED = {
    "onset": "seconds with a decimal point, as in '1.25'",
    "offset": "seconds with a decimal point, as in '1.25'",
    "pitch": "a MIDI note number, as in '60'",
    "velocity": "a MIDI velocity, as in '64'",
}

_HERTZ = ("note_hz", "pitch_hz")
_NAMESPACES = ("note_midi", "note_hz", "pitch_midi", "pitch_hz")  # of JAMS
_KEYS = ("time", "duration", "value")  # of a note in JAMS


def read_notes(
    path: str | bytes | os.PathLike[Any],
    *,
    offsets: str = "pedal",
    overlaps: str = "cut",
) -> np.ndarray:
    r"""Read the notes of a file.

    Parameters
    ----------
    path : str, bytes or PathLike
        A file in one of these formats. ``~`` is the home folder.

        - ``.mid`` or ``.midi``: the notes of all tracks and channels but drums (channel
          10), in seconds by the changes of tempo, whatever track has them.
        - ``.tsv`` or ``.csv``: a row for each note, separated by tabs, semicolons or
          commas. The first row may name the columns: "onset", "offset", "pitch" and, if
          they are there, "velocity" and "key_offset", in any order, among others; so do
          "OnsetTime", "OffsetTime", "MidiPitch". Else the columns are onset, offset,
          pitch and, if there is a fourth, velocity. Empty lines and those that begin
          with "#" are ignored.
        - ``.txt``: such a table, separated by spaces or tabs, as of MAPS [1]_.
        - ``.jams`` [2]_: the first annotation with notes in the namespace "note_midi",
          "note_hz", "pitch_midi" or "pitch_hz". Fractional pitches are rounded to the
          nearest note.
    offsets : {"pedal", "key"}, default="pedal"
        What a note ends with. "pedal": with its sound, as transcription is evaluated
        [3]_: a note lasts while its key is down or the sustain pedal holds it, until
        its pitch begins again. "key": when its key is released. In MIDI the pedal is
        controller 64 of the channel, down from the value 64 on; in tables the column
        "offset" is that of the pedal if there is "key_offset" too. Files that do not
        tell the two apart give the same for both.
    overlaps : {"cut", "keep"}, default="cut"
        What becomes of a note during which its pitch begins again, see
        :func:`check_notes`. A channel of MIDI plays a pitch once at a time, so that
        "keep" keeps those of several channels.

    Returns
    -------
    notes : ndarray of shape (n_notes,), dtype=NOTE_DTYPE
        Sorted by onset, then pitch, as by :func:`check_notes`. Any MIDI note number may
        occur, from 0 to 127. A file may have no notes.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file has another extension, is damaged or not what its extension says, or
        a line or an entry is malformed or refused by :func:`check_notes`. The message
        names the file and the line.

    See Also
    --------
    write_notes, write_midi, write_jams : The other way round.

    Notes
    -----
    A note of MIDI that is not ended lasts until the end of the file, as does a pedal
    that is not released; one that ends at the tick at which it begins makes no sound
    and is left out. A note that begins while its pitch sounds ends the one before.
    Of format 2, whose tracks are pieces of their own, only files with a single track
    are read.

    References
    ----------
    .. [1] V. Emiya, R. Badeau and B. David, "Multipitch estimation of piano sounds
       using a new probabilistic spectral smoothness principle", IEEE TASLP, 2010.
    .. [2] E. J. Humphrey et al., "JAMS: A JSON annotated music specification for
       reproducible MIR research", ISMIR 2014.
    .. [3] C. Hawthorne et al., "Onsets and frames: Dual-objective piano transcription",
       ISMIR 2018.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.notes import read_notes
    >>> path = Path(tempfile.mkdtemp()) / "song.tsv"
    >>> _ = path.write_text("onset\toffset\tkey_offset\tpitch\n0.1\t1.2\t0.5\t60\n")
    >>> read_notes(path).tolist()
    [(0.1, 1.2, 60, 64)]
    >>> read_notes(path, offsets="key").tolist()
    [(0.1, 0.5, 60, 64)]
    """
    check_choice("offsets", offsets, CONVENTIONS)
    suffixes = (*_TABLES, ".txt", *MIDI, ".jams")
    file, suffix, name = annotation_file(path, suffixes, "a file of notes")
    if suffix in MIDI:
        found = read_midi(file.read_bytes(), name, with_pedal=offsets == "pedal")
        return arranged(found, overlaps)
    text = annotation_text(file, name)
    if suffix == ".jams":
        return arranged(_read_jams(text, name), overlaps)
    rows = read_words(text) if suffix == ".txt" else read_table(text, name)
    return arranged(_read_rows(rows, name, offsets), overlaps)


def notes_of(
    item: Any,
    name: str,
    duration: float | None = None,
    *,
    pitches: tuple[int, int] | None = PIANO,
    offsets: str = "pedal",
    overlaps: str = "cut",
) -> np.ndarray:
    """Return the checked notes of an annotation, notes or the path of a file."""

    def read(path: Any) -> np.ndarray:
        return read_notes(path, offsets=offsets, overlaps=overlaps)

    notes, name = read_if_path(item, name, read)
    return check_notes(
        notes, duration=duration, pitches=pitches, overlaps=overlaps, name=name
    )


def _read_rows(rows: list[Row], name: str, offsets: str) -> np.ndarray:
    columns = {field: i for i, field in enumerate(_NAMES)}
    n_cells = 3
    if rows:
        number, first = rows[0]
        if not has_number(first):
            columns = _named_columns(first, f"{name}: line {number}", offsets)
            rows = rows[1:]
            n_cells = max(columns.values()) + 1
        elif len(first) in (3, 4):
            n_cells = len(first)
            columns = dict(list(columns.items())[:n_cells])
        else:
            raise ValueError(
                f"{name}: line {number} has {len(first)} cells, and no line names them;"
                " expected onset, offset, pitch and at most velocity. Name the columns "
                "in the first line."
            )
    found: dict[str, list[float]] = {field: [] for field in _NAMES}
    for number, row in rows:
        place = f"{name}: line {number}"
        if len(row) < n_cells:
            raise ValueError(f"{place} has {len(row)} cells; expected {n_cells}.")
        for field, i in columns.items():
            expected = _EXPECTED[field]
            found[field].append(number_of(row[i], place, f"the {field}", expected))
    if "velocity" not in columns:
        found["velocity"] = [float(UNKNOWN_VELOCITY)] * len(rows)
    places = [f"line {number}" for number, _ in rows]
    return _notes_of(found, name, places)


def _named_columns(header: list[str], name: str, offsets: str) -> dict[str, int]:
    """Return the place of each column that a header names."""
    cells = [cell.casefold().replace(" ", "").replace("_", "") for cell in header]
    wanted = dict(_NAMES)
    if offsets == "key":
        wanted["offset"] = _KEY_OFFSETS + wanted["offset"]
    columns = {
        field: cells.index(next(n for n in names if n in cells))
        for field, names in wanted.items()
        if not set(names).isdisjoint(cells)
    }
    for field in ("onset", "offset", "pitch"):
        if field not in columns:
            raise ValueError(
                f"{name} names the columns {header}; expected 'onset', 'offset', "
                f"'pitch' and, if known, 'velocity' among them, but {field!r} is not."
            )
    return columns


def _notes_of(
    columns: dict[str, list[float]], name: str, places: list[str]
) -> np.ndarray:
    arrays = {field: np.array(values, float) for field, values in columns.items()}
    return notes_of_columns(arrays, name, places.__getitem__)


def _read_jams(text: str, name: str) -> np.ndarray:
    entries, annotation = jams_annotation(text, name, _NAMESPACES, _KEYS, "note")
    found: dict[str, list[float]] = {field: [] for field in _NAMES}
    is_hertz = annotation["namespace"] in _HERTZ
    for place, entry in entries:
        at = f"{name}: {place}"
        start = jams_seconds(entry, "time", at)
        # Times in decimal places meet as they do in the file.
        end = round(start + jams_seconds(entry, "duration", at), 9)
        found["onset"].append(start)
        found["offset"].append(end)
        found["pitch"].append(_jams_pitch(entry["value"], at, is_hertz))
    found["velocity"] = _jams_velocities(annotation.get("sandbox"), len(entries), name)
    return _notes_of(found, name, [place for place, _ in entries])


def _jams_velocities(sandbox: Any, n_notes: int, name: str) -> list[float]:
    """Return the velocities in a sandbox, if it is as we write it."""
    found = sandbox.get("velocity") if isinstance(sandbox, dict) else None
    if found is None:
        return [UNKNOWN_VELOCITY] * n_notes
    if not isinstance(found, list) or len(found) != n_notes:
        raise ValueError(
            f"{name}: the sandbox has the velocities {reprlib.repr(found)}; expected a "
            f"list of {n_notes}, one for each note."
        )
    for n, velocity in enumerate(found):
        if not (is_number(velocity) and 0 < velocity < 128):
            raise ValueError(
                f"{name}: the sandbox has the velocity {reprlib.repr(velocity)} for "
                f"entry {n}; expected a whole number from 1 to 127."
            )
    return found


def _jams_pitch(value: Any, place: str, is_hertz: bool) -> float:
    """Return the number of the note that a value stands for."""
    unit = "a frequency in Hz above 0" if is_hertz else "a MIDI note number"
    lowest = 0.0 if is_hertz else -1.0  # exclusive; what else is wrong is seen later
    if not (is_number(value) and lowest < value < 1e6):
        raise ValueError(
            f"{place} has the value {reprlib.repr(value)}; expected {unit}."
        )
    number = 69 + 12 * np.log2(value / 440) if is_hertz else value
    return float(np.floor(number + 0.5))


def write_notes(path: str | bytes | os.PathLike[Any], notes: Any) -> None:
    r"""Write notes to a ``.tsv`` or ``.csv`` file.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes, as for :func:`check_notes`; any MIDI note number may occur. Times are
        written with six decimals; a note lasts a microsecond at least.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the notes are refused by
        :func:`check_notes`.

    See Also
    --------
    skdeepmir.notes.write_midi : MIDI.
    write_jams : JAMS.
    read_notes : The other way round.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.notes import write_notes
    >>> path = Path(tempfile.mkdtemp()) / "song.csv"
    >>> write_notes(path, [[0.1, 1.2, 60, 80], [0.5, 1.0, 64, 70]])
    >>> print(path.read_text(), end="")
    onset,offset,pitch,velocity
    0.100000,1.200000,60,80
    0.500000,1.000000,64,70
    """
    target = annotation_target(path, _TABLES, "read_notes", _WRITERS)
    found = rounded_notes(notes, f"notes for {str(target)!a}", _STEPS)
    gap = "\t" if target.suffix.lower() == ".tsv" else ","
    lines = [gap.join(_NAMES)]
    for onset, offset, pitch, velocity in found.tolist():
        cells = (f"{onset:.6f}", f"{offset:.6f}", f"{pitch}", f"{velocity}")
        lines.append(gap.join(cells))
    with written_whole(target) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


def write_jams(
    path: str | bytes | os.PathLike[Any],
    notes: Any,
    *,
    duration: float | None = None,
    title: str = "",
) -> None:
    """Write notes to a ``.jams`` file, version 0.3 of the format.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; one that exists is replaced. ``~`` is the home folder.
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes, as for :func:`check_notes`; any MIDI note number may occur. They are
        written in the namespace "note_midi", with times rounded to six decimals; the
        velocities, for which it has no place, are in the sandbox of the annotation.
    duration : float, default=None
        Duration of the audio in seconds. None takes the end of the last note.
    title : str, default=""
        Title of the song.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension or the notes are refused by
        :func:`check_notes`.

    See Also
    --------
    write_notes : Tables.
    skdeepmir.notes.write_midi : MIDI.
    read_notes : The other way round.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.notes import read_notes, write_jams
    >>> path = Path(tempfile.mkdtemp()) / "song.jams"
    >>> write_jams(path, [[0.1, 1.2, 60, 80]], duration=3.5, title="A song")
    >>> read_notes(path).tolist()
    [(0.1, 1.2, 60, 80)]
    """
    writers = {**dict.fromkeys(_TABLES, "write_notes or to_tsv"), **_WRITERS}
    target = annotation_target(path, [".jams"], "read_notes", writers)
    found = rounded_notes(notes, f"notes for {str(target)!a}", _STEPS, duration)
    if duration is None:
        duration = found["offset"].max(initial=0.0)
    rows = found.tolist()
    write_jams_file(
        target,
        "note_midi",
        ((onset, offset - onset, pitch) for onset, offset, pitch, _ in rows),
        duration=duration,
        title=title,
        sandbox={"velocity": found["velocity"].tolist()},
    )
