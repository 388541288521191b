"""Notes to rolls of frames, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._errors import check_whole, refuse_masked
from skdeepmir.notes._notes import (
    NOTE_DTYPE,
    PIANO,
    UNKNOWN_VELOCITY,
    arranged,
    checked_notes,
    pitch_range,
)
from skdeepmir.onsets._frames import check_clock, frame_times, nearest_frames

#: Bit of frames in which a pitch sounds.
SOUNDING = 1
#: Bit of the frame that is nearest to an onset, in which the pitch sounds.
ONSET = 2
#: Bit of frames near the onset, and of its own.
NEAR_ONSET = 4
#: Bit of the first frame after a note.
OFFSET = 8
#: Bit of frames near the offset, and of its own.
NEAR_OFFSET = 16

_Notes = tuple[np.ndarray, np.ndarray, np.ndarray]  # first frames, ends, columns


def note_roll(
    notes: Any,
    n_frames: int,
    frame_rate: float,
    *,
    offset: float = 0.0,
    pitches: tuple[int, int] | None = PIANO,
) -> np.ndarray:
    """Return which pitches sound in which frames.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes, as for :func:`check_notes`.
    n_frames : int
        Number of frames.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        The second that frame 0 stands for; frame t stands for ``t / frame_rate +
        offset``, see :func:`skdeepmir.onsets.frame_targets`.
    pitches : tuple of two int, default=(21, 108)
        MIDI note numbers of the first and the last column; the default is the 88 keys
        of a piano. None stands for (0, 127).

    Returns
    -------
    roll : ndarray of shape (n_frames, n_pitches), dtype=bool
        A note sounds from the frame nearest to its onset up to the one before that
        nearest to its offset, and in one frame at least. What is before the first frame
        or after the last is left out.

    Raises
    ------
    ValueError
        If notes are refused by :func:`check_notes`, one begins more than 1 s after the
        last frame, or another parameter is not what it must be.

    See Also
    --------
    roll_notes : The other way round.
    note_targets : Onsets and offsets as well.

    Examples
    --------
    >>> from skdeepmir.notes import note_roll
    >>> note_roll([[0.1, 0.4, 60], [0.2, 0.3, 61]], 5, 10, pitches=(60, 62)).astype(int)
    array([[0, 0, 0],
           [1, 0, 0],
           [1, 1, 0],
           [1, 0, 0],
           [0, 0, 0]])
    """
    first, end, column = _frames_of(notes, n_frames, frame_rate, offset, pitches)
    low, high = pitch_range(pitches)
    roll = np.zeros((n_frames, high - low + 1), dtype=bool)
    roll[_cells(first, end, column, n_frames)] = True
    return roll


def note_targets(
    notes: Any,
    n_frames: int,
    frame_rate: float,
    *,
    offset: float = 0.0,
    pitches: tuple[int, int] | None = PIANO,
    near: int = 1,
) -> np.ndarray:
    """Return where notes begin, sound and end, as bits of frames.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes, as for :func:`check_notes`.
    n_frames : int
        Number of frames.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        The second that frame 0 stands for, see :func:`note_roll`.
    pitches : tuple of two int, default=(21, 108)
        MIDI note numbers of the first and the last column. None stands for (0, 127).
    near : int, default=1
        Frames on either side of an onset or offset that are near it.

    Returns
    -------
    targets : ndarray of shape (n_frames, n_pitches), dtype=uint8
        Sums of these bits:

        - ``SOUNDING`` (1): the pitch sounds, as in :func:`note_roll`.
        - ``ONSET`` (2): the first frame of a note.
        - ``NEAR_ONSET`` (4): frames at most ``near`` from that, itself among them.
        - ``OFFSET`` (8): the first frame after a note, where the next may begin.
        - ``NEAR_OFFSET`` (16): frames at most ``near`` from that, itself among them.

    Raises
    ------
    ValueError
        As for :func:`note_roll`, and if ``near`` is not a whole number from 0 on.

    See Also
    --------
    note_roll : Which pitches sound alone.
    skdeepmir.transcription.form_notes : Notes from what a net tells of the same.

    Examples
    --------
    >>> from skdeepmir.notes import NEAR_ONSET, ONSET, note_targets
    >>> targets = note_targets([[0.2, 0.4, 60]], 6, 10, pitches=(60, 60))
    >>> targets[:, 0]
    array([ 0,  4,  7, 21, 24, 16], dtype=uint8)
    >>> (targets[:, 0] & ONSET > 0).astype(int)
    array([0, 0, 1, 0, 0, 0])
    >>> (targets[:, 0] & NEAR_ONSET > 0).astype(int)
    array([0, 1, 1, 1, 0, 0])
    """
    check_whole("near", near)
    first, end, column = _frames_of(notes, n_frames, frame_rate, offset, pitches)
    low, high = pitch_range(pitches)
    targets = np.zeros((n_frames, high - low + 1), dtype=np.uint8)
    reach = float(min(near, 2**53))  # more is all frames as well
    for bit, start, stop in (
        (SOUNDING, first, end),
        (ONSET, first, first + 1),
        (NEAR_ONSET, first - reach, first + reach + 1),
        (OFFSET, end, end + 1),
        (NEAR_OFFSET, end - reach, end + reach + 1),
    ):
        targets[_cells(start, stop, column, n_frames)] |= bit
    return targets


def _frames_of(
    notes: Any, n_frames: Any, frame_rate: Any, offset: Any, pitches: Any
) -> _Notes:
    """Return the first frame, the first frame after it and the column of each note."""
    check_whole("n_frames", n_frames)
    check_clock(frame_rate, offset)
    last = max(n_frames - 1, 0) / frame_rate + offset
    found = checked_notes(notes, "notes", last, pitches)
    first = nearest_frames(found["onset"], frame_rate, offset)
    end = nearest_frames(found["offset"], frame_rate, offset)
    return first, np.maximum(end, first + 1), found["pitch"] - pitch_range(pitches)[0]


def _cells(
    start: np.ndarray, stop: np.ndarray, column: np.ndarray, n_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the cells from start to stop, in each column."""
    start = np.clip(start, 0, n_frames).astype(np.int64)
    n = np.clip(stop, 0, n_frames).astype(np.int64) - start
    before = np.cumsum(n) - n  # cells of the notes before each
    rows = np.arange(n.sum()) + np.repeat(start - before, n)
    return rows, np.repeat(column, n)


def roll_notes(
    roll: Any,
    frame_rate: float,
    *,
    offset: float = 0.0,
    pitches: tuple[int, int] | None = PIANO,
    min_frames: int = 1,
) -> np.ndarray:
    """Return the notes of a roll: runs of frames in which a pitch sounds.

    Parameters
    ----------
    roll : array-like of shape (n_frames, n_pitches)
        Which pitches sound, as bool or as velocities: 0, or up to 127. If none is above
        1, velocities are not known.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        The second that frame 0 stands for, see :func:`note_roll`.
    pitches : tuple of two int, default=(21, 108)
        MIDI note numbers of the first and the last column. None stands for (0, 127).
    min_frames : int, default=1
        Shorter notes are left out.

    Returns
    -------
    notes : ndarray of shape (n_notes,), dtype=NOTE_DTYPE
        Sorted by onset, then pitch. The velocity of a note is the largest of its
        frames, ``UNKNOWN_VELOCITY`` if they are not known. A note that follows
        another of its pitch at once is one with it in a roll. What is before second 0,
        with a negative ``offset``, is left out.

    Raises
    ------
    ValueError
        If the roll has another shape or other values, or another parameter is not what
        it must be.

    See Also
    --------
    note_roll : The other way round.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.notes import roll_notes
    >>> roll = np.array([[0, 70], [60, 0], [60, 0], [60, 90]])
    >>> notes = roll_notes(roll, frame_rate=10, pitches=(60, 61))
    >>> notes["onset"], notes["offset"]
    (array([0. , 0.1, 0.3]), array([0.1, 0.4, 0.4]))
    >>> notes[["pitch", "velocity"]].tolist()
    [(61, 70), (60, 60), (61, 90)]
    """
    low, high = pitch_range(pitches)
    check_clock(frame_rate, offset)
    check_whole("min_frames", min_frames, 1)
    found = _check_roll(roll, low, high)
    # A pitch after the other, each with silence at its end.
    padded = np.zeros((high - low + 1, len(found) + 1), dtype=np.uint8)
    padded[:, :-1] = found.T
    line = padded.ravel()
    changes = np.flatnonzero(np.diff(line > 0, prepend=False)).reshape(-1, 2)
    changes = changes[np.diff(changes)[:, 0] >= min_frames]
    pitch, first = np.divmod(changes[:, 0], padded.shape[1])
    end = changes[:, 1] % padded.shape[1]
    notes = np.empty(len(changes), dtype=NOTE_DTYPE)
    for field, frames in (("onset", first), ("offset", end)):
        seconds = frame_times(frames, frame_rate, offset=offset)
        notes[field] = np.maximum(seconds, 0.0)
    notes["pitch"] = pitch + low
    notes["velocity"] = UNKNOWN_VELOCITY
    if len(notes) and line.max() > 1:
        notes["velocity"] = np.maximum.reduceat(line, changes.ravel())[::2]
    return arranged(notes[notes["offset"] > 0])


def _check_roll(roll: Any, low: int, high: int) -> np.ndarray:
    refuse_masked("roll", roll, "frame")
    try:
        found = np.asarray(roll)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(
            f"roll: {error}; expected an array of shape (n_frames, n_pitches)."
        ) from error
    n_pitches = high - low + 1
    if found.ndim != 2 or found.shape[1] != n_pitches:
        advice = " Transpose it." if found.shape[:1] == (n_pitches,) else ""
        raise ValueError(
            f"roll has the shape {found.shape}; expected (n_frames, {n_pitches}), for "
            f"the pitches from {low} to {high}.{advice}"
        )
    if found.dtype.kind not in "biuf":
        raise ValueError(f"roll has the type {found.dtype}; expected bool or numbers.")
    if found.dtype.kind == "b":
        return found
    wrong = ~((found >= 0) & (found <= 127) & (found == np.floor(found)))
    if wrong.any():
        t, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"roll: frame {t} has the value {found[t, column]:g} at pitch "
            f"{low + column}; expected bool, or velocities from 0 to 127. Make "
            "probabilities bool first, as in roll >= 0.5."
        )
    return found
