"""Scores of piano rolls, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skdeepmir._errors import check_choice, check_frame_rate, telling_of
from skdeepmir.decoding._transitions import as_bools
from skdeepmir.metrics._event_counts import AVERAGES, EventCounts
from skdeepmir.metrics._event_inputs import list_pairs
from skdeepmir.metrics._notes import scored_notes
from skdeepmir.notes import note_roll
from skdeepmir.notes._notes import ALL_PITCHES, PIANO

FRAME_RATE = 100.0  # Hz, of the papers
RATIOS = ("accuracy", "precision", "recall", "f")
ERRORS = (
    "total_error",
    "substitution_error",
    "missed_error",
    "false_alarm_error",
)
PITCHES = {high - low + 1: (low, high) for low, high in (PIANO, ALL_PITCHES)}


class FrameScores(NamedTuple):
    """What :func:`frame_scores` returns.

    Attributes
    ----------
    accuracy, precision, recall, f : float
        From 0 to 1.
    total_error, substitution_error, missed_error, false_alarm_error : float
        Shares of the notes that sound in the frames of the references; the first is the
        sum of the others and may be above 1.
    n_reference, n_detected, n_hits : int
        Sums over frames of how many notes sound, in all clips.
    """

    accuracy: float
    precision: float
    recall: float
    f: float
    total_error: float
    substitution_error: float
    missed_error: float
    false_alarm_error: float
    n_reference: int
    n_detected: int
    n_hits: int


def frame_scores(
    y_true: Any,
    y_pred: Any,
    *,
    frame_rate: float = FRAME_RATE,
    average: str = "pooled",
) -> FrameScores:
    """Compute accuracy, F and errors of the notes that sound in each frame.

    Parameters
    ----------
    y_true : list of length n_clips
        References. An item is a roll, an array of shape (n_frames, n_pitches) of bools,
        or of 0 and 1 if it has more than 4 pitches; or notes, or the path of a file,
        as for :func:`note_scores`.
    y_pred : list of length n_clips
        Detections, of the same kinds. A roll and notes can be compared if the roll has
        the 88 pitches of a piano, or the 128 of MIDI.
    frame_rate : float, default=100.0
        Frames per second in which notes are compared; the default is that of the
        papers, 10 ms. Where there is a roll, it is the frame rate of the roll, whose
        frame t stands for the second ``t / frame_rate``.
    average : {"pooled", "clips"}, default="pooled"
        Whether frames of all clips are counted together, as papers do; or scores of
        clips are averaged.

    Returns
    -------
    scores : FrameScores
        A named tuple: accuracy, precision, recall, f, total_error, substitution_error,
        missed_error, false_alarm_error, n_reference, n_detected, n_hits.

    Raises
    ------
    ValueError
        If the numbers of clips differ, two rolls have different shapes, an item is
        neither a roll nor notes, or a parameter is invalid.

    Warns
    -----
    UndefinedMetricWarning
        If a score is not defined: accuracy and F if nothing sounds in either,
        precision without any detection, recall and errors without any reference. It is
        0, as in mir_eval. With ``average="clips"`` such clips are left out of means,
        and the warning says how many there are.

    See Also
    --------
    note_scores : Whole notes.

    Notes
    -----
    With tp notes in frames that are right, fp that are not and fn that are missed,
    accuracy is tp / (tp + fp + fn): not that of classifiers, as there are far too many
    notes that are rightly silent [1]_. In a frame with r notes in the reference and d
    detected, of which c are right, min(r, d) - c are substitutions, max(0, r - d) are
    missed and max(0, d - r) are false alarms.

    Notes become frames as by :func:`skdeepmir.notes.note_roll`. Where there is a roll,
    what is after its last frame is not compared.

    References
    ----------
    .. [1] G. E. Poliner and D. P. W. Ellis, "A discriminative model for polyphonic
       piano transcription", EURASIP Journal on Advances in Signal Processing, 2007.

    Examples
    --------
    >>> from skdeepmir.metrics import frame_scores
    >>> reference = [[0.0, 1.0, 60], [0.5, 1.0, 64]]
    >>> detected = [[0.0, 0.8, 60], [0.5, 1.0, 65]]
    >>> scores = frame_scores([reference], [detected])
    >>> scores.n_reference, scores.n_detected, scores.n_hits
    (150, 130, 80)
    >>> print(f"{scores.accuracy:.2f} {scores.f:.2f} {scores.total_error:.2f}")
    0.40 0.57 0.47
    """
    counts = count_frames(y_true, y_pred, frame_rate)
    check_choice("average", average, AVERAGES)
    names = (*RATIOS, *ERRORS)
    scores: dict[str, Any] = {name: counts.averaged(name, average) for name in names}
    return FrameScores(**scores, **counts.totals())


def frame_accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    frame_rate: float = FRAME_RATE,
    average: str = "pooled",
) -> float:
    """Compute the accuracy of the notes that sound in each frame.

    It is the number of hits among all notes in frames that sound in the reference or
    were detected, see :func:`frame_scores`.

    Parameters
    ----------
    y_true, y_pred, frame_rate, average : see :func:`frame_scores`
        References and detections, and how they are compared.

    Returns
    -------
    accuracy : float
        From 0 to 1; 0, with an ``UndefinedMetricWarning``, if nothing sounds in either.

    Raises
    ------
    ValueError
        As :func:`frame_scores`.

    See Also
    --------
    frame_scores : All scores of frames.

    Examples
    --------
    >>> from skdeepmir.metrics import frame_accuracy
    >>> frame_accuracy([[[0.0, 1.0, 60]]], [[[0.0, 0.5, 60]]])
    0.5
    """
    check_choice("average", average, AVERAGES)
    return count_frames(y_true, y_pred, frame_rate).averaged("accuracy", average)


def frame_f1(
    y_true: Any,
    y_pred: Any,
    *,
    frame_rate: float = FRAME_RATE,
    average: str = "pooled",
) -> float:
    """Compute the F-measure of the notes that sound in each frame.

    Parameters
    ----------
    y_true, y_pred, frame_rate, average : see :func:`frame_scores`
        References and detections, and how they are compared.

    Returns
    -------
    f : float
        From 0 to 1; 0, with an ``UndefinedMetricWarning``, if nothing sounds in either.

    Raises
    ------
    ValueError
        As :func:`frame_scores`.

    See Also
    --------
    frame_scores : All scores of frames.

    Examples
    --------
    >>> from skdeepmir.metrics import frame_f1
    >>> print(f"{frame_f1([[[0.0, 1.0, 60]]], [[[0.0, 0.5, 60]]]):.3f}")
    0.667
    """
    check_choice("average", average, AVERAGES)
    return count_frames(y_true, y_pred, frame_rate).averaged("f", average)


@dataclass(frozen=True)
class FrameCounts(EventCounts):
    """What there is in each clip, in sums over frames."""

    what: ClassVar[str] = "notes"

    n_missed: np.ndarray
    n_false: np.ndarray

    def ratio(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return numerators and denominators of a score of each clip."""
        if name not in ERRORS:
            return super().ratio(name)
        n_substituted = self.n_reference - self.n_missed - self.n_hits
        above = {
            "total_error": n_substituted + self.n_missed + self.n_false,
            "substitution_error": n_substituted,
            "missed_error": self.n_missed,
            "false_alarm_error": self.n_false,
        }
        return above[name], self.n_reference

    def of_clips(self, name: str) -> np.ndarray:
        """Return a score of each clip; errors are NaN where nothing sounds."""
        return self.values(name) if name in ERRORS else super().of_clips(name)

    def _reason(self, name: str) -> str:
        return super()._reason("recall" if name in ERRORS else name)

    def _reason_in_clips(self, name: str) -> str:
        return self._reason("recall" if name in ERRORS else "f")


def count_frames(y_true: Any, y_pred: Any, frame_rate: Any) -> FrameCounts:
    """Compare the frames of each clip, see :func:`frame_scores`."""
    check_frame_rate(frame_rate)
    clips = list_pairs(y_true, y_pred, _roll_or_notes)
    return FrameCounts.of(
        _counted(*_as_rolls(*clip, i, float(frame_rate)))
        for i, clip in enumerate(clips)
    )


def _roll_or_notes(item: Any, name: str) -> np.ndarray:
    """Return a roll of bools, or notes."""
    if isinstance(item, np.ndarray) and item.ndim == 2 and not item.dtype.names:
        if item.dtype == bool or item.shape[1] > 4:
            return as_bools(item, name)
    return scored_notes(item, name)


def _as_rolls(
    reference: np.ndarray, detected: np.ndarray, clip: int, frame_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return two rolls of the same shape."""
    sides = {f"y_true[{clip}]": reference, f"y_pred[{clip}]": detected}
    shapes = {name: side.shape for name, side in sides.items() if side.ndim == 2}
    if len(set(shapes.values())) == 2:
        (a, of_a), (b, of_b) = shapes.items()
        raise ValueError(
            f"{a} has the shape {of_a}, and {b} {of_b}; expected rolls of the same "
            "shape (n_frames, n_pitches)."
        )
    if len(shapes) == 2:
        return reference, detected
    if shapes:
        ((name, (n_frames, n_pitches)),) = shapes.items()
        if n_pitches not in PITCHES:
            raise ValueError(
                f"{name} has {n_pitches} pitches; expected 88, those of a piano, or "
                "128, those of MIDI, to compare it with notes."
            )
        pitches = PITCHES[n_pitches]
    else:
        pitches = ALL_PITCHES
        end = max(side["offset"].max(initial=0.0) for side in sides.values())
        n_frames = int(np.ceil(end * frame_rate)) + 1
    rolls = [
        side if side.ndim == 2 else _roll(side, name, n_frames, frame_rate, pitches)
        for name, side in sides.items()
    ]
    return rolls[0], rolls[1]


def _roll(
    notes: np.ndarray,
    name: str,
    n_frames: int,
    frame_rate: float,
    pitches: tuple[int, int],
) -> np.ndarray:
    with telling_of(name):
        return note_roll(notes, n_frames, frame_rate, pitches=pitches)


def _counted(reference: np.ndarray, detected: np.ndarray) -> tuple[int, ...]:
    n_reference, n_detected = reference.sum(axis=1), detected.sum(axis=1)
    surplus = n_detected - n_reference  # in each frame
    return (
        int(n_reference.sum()),
        int(n_detected.sum()),
        int((reference & detected).sum()),
        int(-surplus[surplus < 0].sum()),
        int(surplus[surplus > 0].sum()),
    )
