"""Precision, recall and F of notes, with and without their offsets and velocities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skdeepmir._errors import check_choice, is_number
from skdeepmir.metrics._event_counts import AVERAGES, EventCounts
from skdeepmir.metrics._event_inputs import check_length, list_pairs
from skdeepmir.notes._files import notes_of
from skdeepmir.notes._matching import (
    OFFSET_MIN,
    OFFSET_RATIO,
    ONSET_WINDOW,
    match_notes,
)

RATIOS = ("precision", "recall", "f")
VELOCITY_TOLERANCE = 0.1  # of the range of velocities of the reference


class NoteScores(NamedTuple):
    """What :func:`note_scores` returns.

    Attributes
    ----------
    precision, recall, f : float
        From 0 to 1.
    overlap_ratio : float
        Of the hits, the mean of how much of the time of both notes is common to both; 0
        without hits, as in mir_eval.
    n_reference, n_detected, n_hits : int
        Over all clips.
    """

    precision: float
    recall: float
    f: float
    overlap_ratio: float
    n_reference: int
    n_detected: int
    n_hits: int


def note_scores(
    y_true: Any,
    y_pred: Any,
    *,
    onset_window: float = ONSET_WINDOW,
    offsets: bool = False,
    offset_ratio: float = OFFSET_RATIO,
    offset_min: float = OFFSET_MIN,
    velocities: bool = False,
    average: str = "pooled",
) -> NoteScores:
    """Compute precision, recall, F and overlap of transcribed notes.

    Parameters
    ----------
    y_true : list of length n_clips
        References. An item has the notes of a clip, as for
        :func:`skdeepmir.notes.check_notes`, of any MIDI pitch, or is the path of a file
        for :func:`skdeepmir.notes.read_notes`. An object array is accepted too.
    y_pred : list of length n_clips
        Detected notes, of the same kinds.
    onset_window : float, default=0.05
        How far the onset of a detected note may be from its reference (seconds), to
        either side. The default is that of MIREX and mir_eval.
    offsets : bool, default=False
        Whether the offset must be right as well. Whether notes end with the key or with
        the pedal then makes a great difference, see :mod:`skdeepmir.notes`.
    offset_ratio, offset_min : float, default=0.2, 0.05
        How far the offset may be from that of the reference: this share of its
        duration, but these seconds at least. Only with ``offsets``.
    velocities : bool, default=False
        Whether the velocity must be right as well: within a tenth of the range of
        velocities of the clip's reference, after those of the detected notes have been
        stretched and moved to fit [1]_.
    average : {"pooled", "clips"}, default="pooled"
        Whether hits are counted over all clips, so that clips with many notes count
        more; or scores of clips are averaged, as in most papers on pianos.

    Returns
    -------
    scores : NoteScores
        A named tuple: precision, recall, f, overlap_ratio, n_reference, n_detected,
        n_hits.

    Raises
    ------
    ValueError
        If the numbers of clips differ, notes are refused by
        :func:`skdeepmir.notes.check_notes`, or a parameter is invalid.

    Warns
    -----
    UndefinedMetricWarning
        If a score is not defined: precision without any detection, recall without any
        reference, F without either. It is 0, as in mir_eval. With ``average="clips"``
        clips without either are left out of means, and the warning says how many.

    See Also
    --------
    note_f1 : F alone.
    frame_scores : How much of the time is right, whatever notes it falls into.
    transcription_report : All of these.

    Notes
    -----
    A note is a hit if its pitch, its onset and whatever else is asked for are right.
    Each is a hit of one reference at most and the other way round, and as many are
    matched as can be. All scores are those of mir_eval [2]_. Notes that overlap
    another of their pitch are taken as they are.

    References
    ----------
    .. [1] C. Hawthorne et al., "Onsets and frames: Dual-objective piano transcription",
       ISMIR 2018.
    .. [2] C. Raffel et al., "mir_eval: A transparent implementation of common MIR
       metrics", ISMIR 2014.

    Examples
    --------
    The second note is too short, the third is another:

    >>> from skdeepmir.metrics import note_scores
    >>> reference = [[0.5, 1.0, 60], [1.0, 2.0, 64], [1.5, 2.0, 67]]
    >>> detected = [[0.51, 1.0, 60], [1.0, 1.5, 64], [1.5, 2.0, 68]]
    >>> scores = note_scores([reference], [detected])
    >>> scores.n_hits, round(scores.f, 3), round(scores.overlap_ratio, 2)
    (2, 0.667, 0.74)
    >>> note_scores([reference], [detected], offsets=True).n_hits
    1
    """
    rules = NoteRules(onset_window, offsets, offset_ratio, offset_min, velocities)
    check_choice("average", average, AVERAGES)
    counts = count_notes(y_true, y_pred, rules)
    scores: dict[str, Any] = {
        **{name: counts.averaged(name, average) for name in RATIOS},
        "overlap_ratio": float(np.nan_to_num(counts.mean_of_hits("overlap", average))),
        **counts.totals(),
    }
    return NoteScores(**scores)


def note_f1(
    y_true: Any,
    y_pred: Any,
    *,
    onset_window: float = ONSET_WINDOW,
    offsets: bool = False,
    offset_ratio: float = OFFSET_RATIO,
    offset_min: float = OFFSET_MIN,
    velocities: bool = False,
    average: str = "pooled",
) -> float:
    """Compute the F-measure of transcribed notes.

    Parameters
    ----------
    y_true, y_pred : see :func:`note_scores`
        Notes of references and detections.
    onset_window, offsets, offset_ratio, offset_min, velocities : see note_scores
        What must be right.
    average : see :func:`note_scores`
        How clips count.

    Returns
    -------
    f : float
        From 0 to 1; 0, with an ``UndefinedMetricWarning``, if there are neither
        references nor detections.

    Raises
    ------
    ValueError
        As :func:`note_scores`.

    See Also
    --------
    note_scores : Precision, recall and overlap as well.

    Examples
    --------
    >>> from skdeepmir.metrics import note_f1
    >>> reference, detected = [[0.5, 1.0, 60, 80]], [[0.51, 1.5, 60, 70]]
    >>> note_f1([reference], [detected])
    1.0
    >>> note_f1([reference], [detected], offsets=True)
    0.0
    """
    rules = NoteRules(onset_window, offsets, offset_ratio, offset_min, velocities)
    check_choice("average", average, AVERAGES)
    return count_notes(y_true, y_pred, rules).averaged("f", average)


@dataclass(frozen=True)
class NoteRules:
    """When a note is a hit, see :func:`note_scores`."""

    onset_window: float = ONSET_WINDOW
    offsets: bool = False
    offset_ratio: float = OFFSET_RATIO
    offset_min: float = OFFSET_MIN
    velocities: bool = False

    def __post_init__(self) -> None:
        check_length("onset_window", self.onset_window)
        check_length("offset_min", self.offset_min)
        if not (is_number(self.offset_ratio) and 0 <= self.offset_ratio < np.inf):
            raise ValueError(
                f"offset_ratio={self.offset_ratio!r}; expected a share of the duration "
                "of a note, finite and at least 0. Pass offsets=False to ignore "
                "offsets."
            )
        for name in ("offsets", "velocities"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ValueError(
                    f"{name}={getattr(self, name)!r}; expected True or False."
                )

    def match(self, reference: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """Return pairs of numbers (reference, detected), of shape (n_hits, 2)."""
        pairs = match_notes(
            reference,
            detected,
            self.onset_window,
            offset_ratio=self.offset_ratio if self.offsets else None,
            offset_min=self.offset_min,
        )
        if self.velocities and len(pairs):
            pairs = pairs[_are_as_loud(reference, detected, pairs)]
        return pairs


def _are_as_loud(
    reference: np.ndarray, detected: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """Return which pairs have the same velocity, by the rules of mir_eval."""
    velocity = reference["velocity"]
    lowest = velocity.min()
    span = max(1, velocity.max() - lowest)
    wanted = (velocity[pairs[:, 0]] - lowest) / span
    found = detected["velocity"][pairs[:, 1]]
    line = np.column_stack([found, np.ones(len(found))])
    errors = line @ np.linalg.lstsq(line, wanted, rcond=None)[0] - wanted
    return np.abs(errors) < VELOCITY_TOLERANCE


@dataclass(frozen=True)
class NoteCounts(EventCounts):
    """What there is in each clip; overlaps are sums over hits."""

    what: ClassVar[str] = "notes"

    overlap: np.ndarray


def count_notes(y_true: Any, y_pred: Any, rules: NoteRules) -> NoteCounts:
    """Match the notes of each clip, see :func:`note_scores`."""
    return count_matches(list_pairs(y_true, y_pred, scored_notes), rules)


def count_matches(
    clips: list[tuple[np.ndarray, np.ndarray]], rules: NoteRules
) -> NoteCounts:
    """Match the notes of each clip, references and detections that were checked."""
    return NoteCounts.of(_counted(*clip, rules) for clip in clips)


def scored_notes(item: Any, name: str) -> np.ndarray:
    """Return the notes of an annotation as they are scored: as they are."""
    return notes_of(item, name, pitches=None, overlaps="keep")


def _counted(
    reference: np.ndarray, detected: np.ndarray, rules: NoteRules
) -> tuple[float, ...]:
    pairs = rules.match(reference, detected)
    overlap = _overlap_ratios(reference[pairs[:, 0]], detected[pairs[:, 1]])
    return len(reference), len(detected), len(pairs), float(overlap.sum())


def _overlap_ratios(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    both = np.minimum(a["offset"], b["offset"]) - np.maximum(a["onset"], b["onset"])
    either = np.maximum(a["offset"], b["offset"]) - np.minimum(a["onset"], b["onset"])
    return both / either
