"""Notes from what a net tells of their onsets, frames and offsets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skdeepmir._errors import check_whole, is_number, refuse_masked
from skdeepmir.notes import NOTE_DTYPE, UNKNOWN_VELOCITY
from skdeepmir.notes._notes import pitch_range
from skdeepmir.onsets import frame_times
from skdeepmir.onsets._frames import check_clock


class Peaks(NamedTuple):
    """Peaks of the onsets of all keys, ordered by key, then frame."""

    keys: np.ndarray
    frames: np.ndarray
    strengths: np.ndarray
    shifts: np.ndarray  # of a frame, to the top of the parabola through three

    def above(self, threshold: float, wait: int) -> Peaks:
        """Return those from a threshold up, none within ``wait`` after another."""
        kept = self.where(self.strengths >= threshold)
        if not wait:
            return kept
        taken, key, last = np.ones(len(kept.keys), dtype=bool), -1, 0
        places = zip(kept.keys.tolist(), kept.frames.tolist(), strict=True)
        for i, (own, frame) in enumerate(places):
            taken[i] = own != key or frame > last + wait
            if taken[i]:
                key, last = own, frame
        return kept.where(taken)

    def where(self, kept: np.ndarray) -> Peaks:
        """Return some of them."""
        return Peaks(*(column[kept] for column in self))


def form_notes(
    onsets: Any,
    frames: Any,
    offsets: Any,
    frame_rate: float,
    *,
    offset: float = 0.0,
    onset_threshold: float = 0.5,
    frame_threshold: float = 0.5,
    offset_threshold: float = 0.5,
    wait: int = 0,
    min_length: float = 0.0,
    pitches: tuple[int, int] = (21, 108),
) -> np.ndarray:
    """Form notes from activations, as nets with several heads give them.

    A note begins where the activation of its onset peaks [1]_, at the top of the
    parabola through the peak and its two neighbours. It lasts until its frames are
    below the threshold, its offset peaks, or the same key is struck again, and for at
    least one frame. None begins in the last frame.

    Parameters
    ----------
    onsets, frames : array-like of shape (n_frames, n_keys)
        How much each key looks struck, and sounding, in each frame.
    offsets : array-like of shape (n_frames, n_keys) or None
        How much it looks as if its note ended. None takes frames alone.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        Second that frame 0 stands for.
    onset_threshold, frame_threshold, offset_threshold : float, default=0.5
        Lowest activations of an onset, of a frame that sounds, and of an offset.
    wait : int, default=0
        Frames after an onset in which the same key is not struck again.
    min_length : float, default=0.0
        Shorter notes (s) are left out.
    pitches : tuple of two int, default=(21, 108)
        MIDI note numbers of the first and the last key.

    Returns
    -------
    notes : ndarray of shape (n_notes,), dtype=NOTE_DTYPE
        See :mod:`skdeepmir.notes`. Velocities are 64: nothing here tells them.

    Raises
    ------
    ValueError
        If shapes do not fit each other, values are not finite numbers, or a parameter
        is not what it must be.

    See Also
    --------
    skdeepmir.decoding.pick_peaks : The same peaks, of a single activation.
    skdeepmir.notes.roll_notes : Notes from frames alone.

    References
    ----------
    .. [1] C. Hawthorne et al. Onsets and frames: dual-objective piano transcription.
       ISMIR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.transcription import form_notes
    >>> onsets, frames = np.zeros((10, 88)), np.zeros((10, 88))
    >>> onsets[[2, 6], 39] = 0.9
    >>> frames[2:9, 39] = 0.8
    >>> notes = form_notes(onsets, frames, None, frame_rate=10.0)
    >>> notes["onset"], notes["offset"], notes["pitch"]
    (array([0.2, 0.6]), array([0.6, 0.9]), array([60, 60]))
    """
    low, high = pitch_range(pitches)
    check_clock(frame_rate, offset)
    check_whole("wait", wait)
    parts = {"onsets": onsets, "frames": frames}
    if offsets is not None:
        parts["offsets"] = offsets
    checked = [_checked(part, name, high - low + 1) for name, part in parts.items()]
    shapes = {name: np.shape(part) for name, part in parts.items()}
    if len({*shapes.values()}) > 1:
        raise ValueError(f"Activations have shapes {shapes}; expected the same.")
    thresholds = {
        "onset_threshold": onset_threshold,
        "frame_threshold": frame_threshold,
        "offset_threshold": offset_threshold,
        "min_length": min_length,
    }
    for name, value in thresholds.items():
        if not is_number(value) or np.isnan(value):
            raise ValueError(f"{name}={value!r}, expected a number.")
    peaks = find_onset_peaks(checked[0], float(onset_threshold)).above(
        float(onset_threshold), wait
    )
    ends = note_ends(
        peaks, checked[1] >= frame_threshold, *checked[2:], threshold=offset_threshold
    )
    starts = peaks.frames + peaks.shifts
    notes = np.empty(len(ends), NOTE_DTYPE)
    for name, places in (("onset", starts), ("offset", ends)):
        notes[name] = np.maximum(frame_times(places, frame_rate, offset=offset), 0.0)
    notes["pitch"], notes["velocity"] = peaks.keys + low, UNKNOWN_VELOCITY
    again = np.flatnonzero(np.diff(peaks.keys) == 0)  # interpolated onsets may be early
    notes["offset"][again] = np.minimum(
        notes["offset"][again], notes["onset"][again + 1]
    )
    length = notes["offset"] - notes["onset"]
    notes = notes[(length > 0) & (length >= min_length)]
    return notes[np.lexsort((notes["pitch"], notes["onset"]))]


def find_onset_peaks(onsets: np.ndarray, floor: float) -> Peaks:
    """Return all peaks of activations (n_frames, n_keys) from ``floor`` up."""
    from skdeepmir.transcription._forming_kernel import onset_peaks

    by_key = np.ascontiguousarray(onsets.T)
    n_most = by_key.size
    peaks = Peaks(
        *(np.empty(n_most, np.int64) for _ in range(2)),
        *(np.empty(n_most) for _ in range(2)),
    )
    keys, frames, strengths, shifts = peaks
    n = onset_peaks(by_key, floor, keys, frames, strengths, shifts)
    return Peaks(*(column[:n].copy() for column in peaks))


def note_ends(
    peaks: Peaks,
    sounds: np.ndarray,
    offsets: np.ndarray | None = None,
    *,
    threshold: float = 0.5,
) -> np.ndarray:
    """Return the frame before which each note ends, from (n_frames, n_keys)."""
    from skdeepmir.transcription._forming_kernel import ends_of

    ends = np.empty(len(peaks.keys), np.int64)
    by_key = np.ascontiguousarray(sounds.T)
    if offsets is None:
        offsets, threshold = np.zeros(sounds.shape), np.inf
    of_key = np.ascontiguousarray(offsets.T)
    ends_of(peaks.keys, peaks.frames, by_key, of_key, float(threshold), ends)
    return ends


def _checked(activations: Any, name: str, n_keys: int) -> np.ndarray:
    refuse_masked(name, activations, "frame")
    try:
        values = np.asarray(activations)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"{name}: {error}; expected one array.") from error
    is_right = values.ndim == 2 and values.shape[1] == n_keys
    if not is_right or values.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} have shape {values.shape} and dtype {values.dtype}; expected "
            f"numbers of shape (n_frames, {n_keys}), those of one clip."
        )
    values = values.astype(np.float64)
    strange = np.argwhere(~np.isfinite(values))
    if len(strange):
        frame, key = strange[0]
        raise ValueError(
            f"{name} are {values[frame, key]} in frame {frame} of key {key}; expected "
            "finite numbers."
        )
    return values
