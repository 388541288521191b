"""Notes as data: what they must be, and how long they last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skdeepmir._errors import check_choice, check_duration, refuse_masked
from skdeepmir._warnings import warn_user
from skdeepmir.frames import PATH_TYPES
from skdeepmir.onsets._times import as_floats, refuse_wrong_times

#: Fields of notes: seconds, seconds, MIDI note number, MIDI velocity.
NOTE_DTYPE = np.dtype(
    [("onset", "f8"), ("offset", "f8"), ("pitch", "i8"), ("velocity", "i8")]
)
#: Velocity of notes whose own is not known.
UNKNOWN_VELOCITY = 64

PIANO = (21, 108)  # A0 to C8
ALL_PITCHES = (0, 127)  # of MIDI

Columns = dict[str, np.ndarray]  # "onset", "offset", "pitch", "velocity", as float64

_FIELDS = ("onset", "offset", "pitch", "velocity")
_EXPECTED = (
    "expected an array of shape (n_notes, 3) or (n_notes, 4), with onset and offset in "
    "seconds, MIDI note number and velocity; or a structured array or DataFrame with "
    "these columns"
)


def check_notes(
    notes: Any,
    *,
    duration: float | None = None,
    pitches: tuple[int, int] | None = PIANO,
    overlaps: str = "cut",
    warn: bool = True,
    name: str = "notes",
) -> np.ndarray:
    """Check notes and return them as a sorted structured array.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Onset and offset in seconds, MIDI note number and velocity of each note, in any
        order of notes; there may be none. Or a structured array or DataFrame with the
        columns "onset", "offset", "pitch" and, if it is known, "velocity"; others are
        ignored. Velocities are whole numbers from 1 to 127 (MIDI takes 0 for the end of
        a note), ``UNKNOWN_VELOCITY`` where there are none.
    duration : float, default=None
        Duration of the clip in seconds. Notes that last longer are cut there. Those
        that begin up to 1 s after it, which come from audio that was cut or from
        rounding, are dropped; later ones are an error.
    pitches : tuple of two int, default=(21, 108)
        Lowest and highest MIDI note number that may occur; the default is the keys of a
        piano, A0 to C8. None allows all of MIDI, 0 to 127.
    overlaps : {"cut", "keep"}, default="cut"
        What becomes of a note during which its pitch begins again. "cut": it ends
        there, as on a piano; of several with the same pitch and onset, the longest
        stays. "keep": all stay as they are, as metrics count them.
    warn : bool, default=True
        Whether to warn about notes that are dropped.
    name : str, default="notes"
        Name of the annotation in errors, such as that of its file.

    Returns
    -------
    notes : ndarray of shape (n_notes,), dtype=NOTE_DTYPE
        A copy, sorted by onset, then pitch.

    Raises
    ------
    ValueError
        If notes are none of the above; if one has a time that is not finite, is
        negative or looks like a sample index, an offset that is not after the onset, a
        pitch or velocity that is not whole or out of range; if one begins more than 1 s
        later than ``duration``. The message gives the position, from 0.

    Warns
    -----
    UserWarning
        If notes are dropped.

    See Also
    --------
    read_notes : Notes of a file.
    note_roll : Notes to frames.

    Examples
    --------
    >>> from skdeepmir.notes import check_notes
    >>> notes = check_notes([[0.5, 2, 64, 80], [0, 1, 60, 70], [0.8, 1.5, 60, 75]])
    >>> notes["onset"], notes["offset"]
    (array([0. , 0.5, 0.8]), array([0.8, 2. , 1.5]))
    >>> notes[["pitch", "velocity"]].tolist()
    [(60, 70), (64, 80), (60, 75)]
    >>> check_notes([[0.0, 1.0, 261.63]], name="'song.tsv'")
    Traceback (most recent call last):
    ...
    ValueError: 'song.tsv': note 0 has the pitch 261.63; expected a whole MIDI note
    number from 21 to 108. Is it a frequency in Hz? Pass 69 + 12 * log2(hz / 440),
    rounded.
    """
    if duration is not None:
        check_duration(duration)
    found = checked_notes(notes, name, duration, pitches, overlaps)
    if duration is None:
        return found
    late = found["onset"] >= duration
    if warn and late.any():
        warn_user(
            f"{name}: {late.sum()} of {len(found)} notes, from "
            f"{found['onset'][late][0]} s on, begin after the end of the clip "
            f"({round(float(duration), 3)} s) and are ignored."
        )
    found = found[~late]
    found["offset"] = np.minimum(found["offset"], duration)
    return found


def checked_notes(
    notes: Any,
    name: str,
    end: float | None = None,
    pitches: tuple[int, int] | None = PIANO,
    overlaps: str = "cut",
) -> np.ndarray:
    """Return a sorted copy of notes that are right, also if up to 1 s after the end."""
    columns = _columns_of(notes, name)
    found = notes_of_columns(columns, name, "note {}".format, pitches, end)
    return arranged(found, overlaps)


def pitch_range(pitches: Any) -> tuple[int, int]:
    """Return the lowest and highest pitch, checked; None stands for all of MIDI."""
    if pitches is None:
        return ALL_PITCHES
    try:
        low, high = map(int, pitches)
        is_right = (low, high) == tuple(pitches) and 0 <= low <= high <= 127
    except (TypeError, ValueError):
        is_right = False
    if not is_right:
        raise ValueError(
            f"pitches={pitches!r}, expected the lowest and the highest MIDI note "
            "number, from 0 to 127, such as (21, 108)."
        )
    return low, high


def _columns_of(notes: Any, name: str) -> Columns:
    if isinstance(notes, PATH_TYPES):
        raise ValueError(
            f"{name}: {notes!r} is the path of a file; {_EXPECTED}. read_notes reads a "
            "file."
        )
    if hasattr(notes, "columns"):
        return _columns_by_name(notes, list(notes.columns), name)
    try:
        found = np.asarray(notes)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"{name}: {error}; {_EXPECTED}.") from error
    if found.dtype.names and found.ndim == 1:
        # A mask would be lost on the way through np.asarray.
        table = notes if isinstance(notes, np.ndarray) else found
        return _columns_by_name(table, list(found.dtype.names), name)
    if found.size == 0 and found.shape in ((0,), (0, 3), (0, 4)):
        return {field: np.empty(0) for field in _FIELDS}
    if found.ndim != 2 or found.shape[1] not in (3, 4):
        shape = f"shape {found.shape}" if found.ndim else repr(notes)
        advice = ""
        if found.ndim == 1 and found.dtype.kind in "iuf":
            advice = " One note is passed as [[0.5, 1.0, 60]]."
        elif found.ndim == 2 and found.shape[1] > 4:
            advice = " roll_notes takes a roll of frames."
        raise ValueError(f"{name}: {_EXPECTED}; found {shape}.{advice}")
    refuse_masked(name, notes, "note")
    columns: Sequence[Any] = list(found.T)
    if isinstance(notes, list | tuple):  # whose items np.asarray has made alike
        columns = [[row[i] for row in notes] for i in range(found.shape[1])]
    return _as_columns(dict(zip(_FIELDS, columns, strict=False)), name)


def _columns_by_name(table: Any, names: list[Any], name: str) -> Columns:
    missing = [field for field in _FIELDS[:3] if field not in names]
    if missing:
        raise ValueError(
            f"{name}: it has the columns {names}, without {missing}; {_EXPECTED}."
        )
    columns = {field: table[field] for field in _FIELDS if field in names}
    for field, column in columns.items():
        refuse_masked(f"{name}: {field}", column, "note")
        if np.ndim(column) != 1:
            raise ValueError(
                f"{name}: the column {field!r} has the shape {np.shape(column)}; "
                "expected one number for each note."
            )
    return _as_columns(columns, name)


def _as_columns(columns: dict[str, Any], name: str) -> Columns:
    found = {
        field: as_floats(column, name, f"the {field} of note", "a number")
        for field, column in columns.items()
    }
    if "velocity" not in found:
        found["velocity"] = np.full(len(found["onset"]), float(UNKNOWN_VELOCITY))
    return found


def notes_of_columns(
    columns: Columns,
    name: str,
    place: Callable[[int], str],
    pitches: tuple[int, int] | None = None,
    end: float | None = None,
) -> np.ndarray:
    """Return notes in their order; a ValueError tells the place of a wrong one."""
    for field, last in (("onset", end), ("offset", None)):
        refuse_wrong_times(
            columns[field],
            name,
            lambda i, field=field: f"the {field} of {place(i)}",  # type: ignore[misc]
            last,
            in_order=False,
        )
    _refuse_wrong_lengths(columns, name, place)
    _refuse_wrong_pitches(columns["pitch"], name, place, pitch_range(pitches))
    velocity = columns["velocity"]
    wrong = ~((velocity >= 1) & (velocity <= 127) & (velocity == np.floor(velocity)))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: {place(i)} has the velocity {velocity[i]:g}; expected a whole "
            "number from 1 to 127, as in MIDI. Leave the column out if velocities are "
            "not known."
        )
    notes = np.empty(len(velocity), dtype=NOTE_DTYPE)
    for field in _FIELDS:
        notes[field] = columns[field]
    return notes


def _refuse_wrong_lengths(
    columns: Columns, name: str, place: Callable[[int], str]
) -> None:
    onset, offset = columns["onset"], columns["offset"]
    wrong = offset <= onset
    if wrong.any():
        i = int(np.argmax(wrong))
        advice = (
            "Leave it out."
            if offset[i] == onset[i]
            else "Is the offset a duration? Pass onset + duration."
        )
        raise ValueError(
            f"{name}: {place(i)} begins at {onset[i]} s and ends at {offset[i]} s; "
            f"expected an offset after the onset. {advice}"
        )


def _refuse_wrong_pitches(
    pitch: np.ndarray,
    name: str,
    place: Callable[[int], str],
    pitches: tuple[int, int],
) -> None:
    low, high = pitches
    wrong = ~((pitch >= low) & (pitch <= high) & (pitch == np.floor(pitch)))
    if not wrong.any():
        return
    i = int(np.argmax(wrong))
    if pitch[i] in range(128):
        advice = "Leave such notes out, or move them by octaves."
        if pitches != PIANO:
            advice = "Leave such notes out, or widen the range."
    else:
        advice = "Is it a frequency in Hz? Pass 69 + 12 * log2(hz / 440), rounded."
    if not np.isfinite(pitch[i]):
        advice = "Leave such notes out."
    raise ValueError(
        f"{name}: {place(i)} has the pitch {pitch[i]:g}; expected a whole MIDI note "
        f"number from {low} to {high}. {advice}"
    )


def arranged(notes: np.ndarray, overlaps: str = "cut") -> np.ndarray:
    """Return sorted notes, those that overlap in pitch and time cut or kept."""
    check_choice("overlaps", overlaps, ("cut", "keep"))
    if overlaps == "cut":
        notes = _cut(notes)
    return notes[np.lexsort((notes["pitch"], notes["onset"]))]


def _cut(notes: np.ndarray) -> np.ndarray:
    """Return notes that end where their pitch begins again, at the latest."""
    keys = (-notes["velocity"], -notes["offset"], notes["onset"], notes["pitch"])
    notes = notes[np.lexsort(keys)]
    if not len(notes):
        return notes
    is_new = np.ones(len(notes), dtype=bool)
    is_new[1:] = np.diff(notes["pitch"]) != 0
    is_new[1:] |= np.diff(notes["onset"]) != 0
    notes = notes[is_new]
    again = np.diff(notes["pitch"]) == 0
    limits = np.where(again, notes["onset"][1:], np.inf)
    notes["offset"][:-1] = np.minimum(notes["offset"][:-1], limits)
    return notes


def rounded_notes(
    notes: Any, name: str, rate: int, duration: float | None = None
) -> np.ndarray:
    """Return checked notes that begin, end and last whole steps, `rate` of a second."""
    found = check_notes(notes, duration=duration, pitches=None, name=name)
    onset = np.rint(found["onset"] * rate)
    found["offset"] = np.maximum(np.rint(found["offset"] * rate), onset + 1) / rate
    found["onset"] = onset / rate
    return arranged(found)


def extend_by_pedal(notes: Any, pedal: Any) -> np.ndarray:
    """Extend notes while the sustain pedal holds them.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes that end when their key is released, as for :func:`check_notes`; any MIDI
        note number may occur.
    pedal : array-like of shape (n_times, 2)
        Seconds at which the pedal goes down and up again; there may be none.

    Returns
    -------
    notes : ndarray of shape (n_notes,), dtype=NOTE_DTYPE
        A note whose key is released while the pedal is down lasts until the pedal goes
        up, or its pitch begins again.

    Raises
    ------
    ValueError
        If the notes are refused by :func:`check_notes`, or ``pedal`` has another shape,
        times that are not finite or negative, or an end before its start.

    See Also
    --------
    read_notes : Notes of a file, extended by its pedal or not.

    Examples
    --------
    >>> from skdeepmir.notes import extend_by_pedal
    >>> notes = [[0.0, 0.5, 60], [0.2, 1.2, 64], [1.1, 1.4, 60]]
    >>> extend_by_pedal(notes, [[0.4, 1.3]])["offset"]
    array([1.1, 1.3, 1.4])
    """
    found = checked_notes(notes, "notes", pitches=None)
    down, up = _check_pedal(pedal)
    if not len(down):
        return found
    # Times that overlap are one; one that begins as another ends is a change of pedal.
    up = np.maximum.accumulate(up)
    starts = np.append(True, down[1:] >= up[:-1])
    down, up = down[starts], up[np.append(starts[1:], True)]
    held = np.searchsorted(down, found["offset"], side="right") - 1
    # Before the first time (-1), the end of none.
    found["offset"] = np.maximum(found["offset"], np.append(up, 0.0)[held])
    return arranged(found)


def _check_pedal(pedal: Any) -> tuple[np.ndarray, np.ndarray]:
    expected = "expected shape (n_times, 2): the seconds at which it goes down and up"
    refuse_masked("pedal", pedal, "row")
    try:
        found = np.asarray(pedal)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"pedal: {error}; {expected}.") from error
    if found.shape == (0,):
        found = np.empty((0, 2))
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iuf":
        raise ValueError(
            f"pedal has the shape {found.shape} and the type {found.dtype}; {expected}."
        )
    down, up = found.astype(np.float64).T
    wrong = ~((down >= 0) & (down <= up) & np.isfinite(up))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(
            f"pedal: row {i} goes down at {down[i]} s and up at {up[i]} s; expected "
            "finite seconds from 0 on, in this order."
        )
    order = np.argsort(down, kind="stable")
    return down[order], up[order]
