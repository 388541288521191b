"""Scores of notes for cross-validation and searches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from skdeepmir._errors import check_choice, check_frame_rate
from skdeepmir.metrics._annotation_scorers import EventScorer, MatchingScorer
from skdeepmir.metrics._event_counts import AVERAGES
from skdeepmir.metrics._frame_scores import FRAME_RATE, FrameCounts, count_frames
from skdeepmir.metrics._notes import (
    NoteCounts,
    NoteRules,
    count_notes,
    scored_notes,
)
from skdeepmir.notes._matching import OFFSET_MIN, OFFSET_RATIO, ONSET_WINDOW

NOTE_SCORES = ("f1", "precision", "recall")
FRAME_SCORES = ("accuracy", "f1", "precision", "recall")


@dataclass(frozen=True)
class NoteScorer(MatchingScorer):
    """Score the notes that an estimator predicts, see :func:`note_scorer`."""

    annotates: ClassVar[str] = "notes"
    event: ClassVar[str] = "note"

    score: str = "f1"
    rules: NoteRules = field(default_factory=NoteRules)
    average: str = "pooled"

    def count(self, y: Any, predicted: Any) -> NoteCounts:
        """Return what there is in each clip."""
        return count_notes(y, predicted, self.rules)

    def read(self, item: Any, name: str) -> np.ndarray:
        """Return the notes that were detected in a clip."""
        return scored_notes(item, name)

    def read_reference(self, item: Any, name: str) -> np.ndarray:
        """Return the notes of a clip."""
        return scored_notes(item, name)

    def match(self, reference: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """Return pairs of numbers (reference, detected), of shape (n_hits, 2)."""
        return self.rules.match(reference, detected)

    def places(self, events: np.ndarray) -> np.ndarray:
        """Return onsets, offsets and pitches as columns."""
        return np.column_stack([events[name] for name in ("onset", "offset", "pitch")])


@dataclass(frozen=True)
class FrameScorer(EventScorer):
    """Score the frames of predicted notes, see :func:`frame_scorer`."""

    annotates: ClassVar[str] = "notes"

    score: str = "accuracy"
    frame_rate: float = FRAME_RATE
    average: str = "pooled"

    def count(self, y: Any, predicted: Any) -> FrameCounts:
        """Return what there is in each clip."""
        return count_frames(y, predicted, self.frame_rate)


def note_scorer(
    score: str = "f1",
    *,
    onset_window: float = ONSET_WINDOW,
    offsets: bool = False,
    offset_ratio: float = OFFSET_RATIO,
    offset_min: float = OFFSET_MIN,
    velocities: bool = False,
    average: str = "pooled",
) -> NoteScorer:
    """Return a scorer for ``cross_validate(scoring=...)`` and ``GridSearchCV``.

    Parameters
    ----------
    score : {"f1", "precision", "recall"}, default="f1"
        Which score.
    onset_window, offsets, offset_ratio, offset_min, velocities : see note_scores
        What must be right.
    average : see :func:`note_scores`
        How clips count.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``. It can be pickled. ``estimator.predict(X)`` must
        return the notes of each clip; ``y`` holds references as for
        :func:`note_scores`.

    Raises
    ------
    ValueError
        If a parameter is invalid. Calling the scorer raises what :func:`note_scores`
        does.

    See Also
    --------
    frame_scorer : For scores of frames.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from skdeepmir.metrics import note_scorer
    >>> class MiddleC(BaseEstimator):
    ...     def predict(self, X):
    ...         return [[[0.0, 1.0, 60]] for clip in X]
    >>> y = [[[0.01, 0.5, 60], [0.5, 1.0, 62]]]
    >>> note_scorer("recall")(MiddleC(), [[0.0]], y)
    0.5
    >>> note_scorer("recall", offsets=True)(MiddleC(), [[0.0]], y)
    0.0
    """
    check_choice("score", score, NOTE_SCORES)
    check_choice("average", average, AVERAGES)
    rules = NoteRules(onset_window, offsets, offset_ratio, offset_min, velocities)
    return NoteScorer(score, rules, average)


def frame_scorer(
    score: str = "accuracy",
    *,
    frame_rate: float = FRAME_RATE,
    average: str = "pooled",
) -> FrameScorer:
    """Return a scorer for ``cross_validate(scoring=...)`` and ``GridSearchCV``.

    Parameters
    ----------
    score : {"accuracy", "f1", "precision", "recall"}, default="accuracy"
        Which score.
    frame_rate, average : see :func:`frame_scores`
        How references and detections are compared.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``. It can be pickled. ``estimator.predict(X)`` must
        return notes or a roll of each clip; ``y`` holds references as for
        :func:`frame_scores`.

    Raises
    ------
    ValueError
        If a parameter is invalid. Calling the scorer raises what :func:`frame_scores`
        does.

    See Also
    --------
    note_scorer : For scores of whole notes.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from skdeepmir.metrics import frame_scorer
    >>> class MiddleC(BaseEstimator):
    ...     def predict(self, X):
    ...         return [[[0.0, 1.0, 60]] for clip in X]
    >>> frame_scorer("recall")(MiddleC(), [[0.0]], [[[0.0, 2.0, 60]]])
    0.5
    """
    check_choice("score", score, FRAME_SCORES)
    check_choice("average", average, AVERAGES)
    check_frame_rate(frame_rate)
    return FrameScorer(score, frame_rate, average)


#: F of notes by what must be right, with offsets, velocities and both, and accuracy and
#: F of frames of 10 ms, pooled over the clips, by the names that :func:`get_scorer`
#: knows; :func:`note_scorer` and :func:`frame_scorer` take other limits or averages.
NOTE_SCORERS: dict[str, EventScorer] = {
    "note_f1": note_scorer(),
    "note_offset_f1": note_scorer(offsets=True),
    "note_velocity_f1": note_scorer(velocities=True),
    "note_offset_velocity_f1": note_scorer(offsets=True, velocities=True),
    "frame_accuracy": frame_scorer(),
    "frame_f1": frame_scorer("f1"),
}
