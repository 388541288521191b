"""Chord scores for cross-validation and searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.metrics._annotation_scorers import AnnotationScorer, ClipScores
from skdeepmir.metrics._chord_inputs import list_songs, overlay
from skdeepmir.metrics._chord_report import chord_report
from skdeepmir.metrics._chords import (
    COMPARISONS,
    SEGMENTATIONS,
    recalled,
    segmentation_score,
    segmented,
    wcsr,
)


@dataclass(frozen=True)
class ChordScorer(AnnotationScorer):
    """Score the frame labels that an estimator predicts, see :func:`chord_scorer`."""

    annotates: ClassVar[str] = "chords"
    vocabulary: str
    frame_rate: float | None = None

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        frame_rate = self.frame_rate
        if frame_rate is None:
            frame_rate = frame_rate_of(estimator)
        predicted = list(estimator.predict(X))
        if self.vocabulary in SEGMENTATIONS:
            score = segmentation_score(
                y, predicted, kind=self.vocabulary, frame_rate=frame_rate
            )
        else:
            score = wcsr(
                y, predicted, vocabulary=self.vocabulary, frame_rate=frame_rate
            )
        return float(score)

    def of_clips(self, y: Any, predicted: Any, frame_rate: float | None) -> ClipScores:
        """Return the score of each song, with its weight."""
        rate = self.frame_rate or frame_rate
        songs = list_songs(list(y), list(predicted), rate)
        if self.vocabulary in SEGMENTATIONS:
            durations = np.array([song.duration for song in songs])
            return ClipScores(segmented(songs)[self.vocabulary], durations)
        hits, scored = recalled(overlay(songs), self.vocabulary)
        values = np.divide(hits, scored, out=np.zeros_like(hits), where=scored > 0)
        return ClipScores(values, scored)


def frame_rate_of(estimator: Any) -> float | None:
    """Return the frame rate of an estimator, of its last step, or of its best one."""
    inner = estimator
    while inner is not None:
        for name in ("frame_rate", "frame_rate_"):
            if getattr(inner, name, None) is not None:
                return getattr(inner, name)
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        else:
            steps = getattr(inner, "steps", None)
            inner = steps[-1][1] if steps else None
    return None


def chord_scorer(
    vocabulary: str = "majmin", *, frame_rate: float | None = None
) -> ChordScorer:
    """Return a scorer for ``cross_validate(scoring=...)`` and ``GridSearchCV``.

    Parameters
    ----------
    vocabulary : str, default="majmin"
        As for :func:`wcsr`; or "seg", "overseg" or "underseg", as for
        :func:`segmentation_score`.
    frame_rate : float, default=None
        Frames per second of the predictions. None takes the estimator's attribute
        ``frame_rate``, or that of the last step of a pipeline. It is not needed where
        ``y`` holds frame labels.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``. It can be pickled. ``estimator.predict(X)`` must
        return an array of frame labels for each song; ``y`` holds references as for
        :func:`wcsr`. Songs of a fold are weighted by duration.

    Raises
    ------
    ValueError
        If the vocabulary is unknown. Calling the scorer raises what :func:`wcsr` does,
        for instance if ``y`` is in seconds and there is no frame rate.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from skdeepmir.metrics import chord_scorer
    >>> class AlwaysC(BaseEstimator):
    ...     def predict(self, X):
    ...         return [["C:maj"] * len(song) for song in X]
    >>> y = [([[0, 3], [3, 4]], ["C:maj", "A:min"])]
    >>> chord_scorer("majmin", frame_rate=10)(AlwaysC(), [[0.0] * 41], y)
    0.75
    """
    check_choice("vocabulary", vocabulary, (*COMPARISONS, *SEGMENTATIONS))
    return ChordScorer(vocabulary, frame_rate)


#: A scorer for each vocabulary of :func:`wcsr`, and "seg". The frame rate is that of
#: the estimator; :func:`chord_scorer` takes another.
CHORD_SCORERS = {name: chord_scorer(name) for name in (*COMPARISONS, "seg")}


def score_chords(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Return all scores of :data:`CHORD_SCORERS` from one prediction.

    For ``cross_validate(scoring=score_chords)``: the scorers would each predict again.

    Parameters
    ----------
    estimator : estimator
        As for :func:`chord_scorer`.
    X, y : list of length n_songs
        Input of the estimator, and references as for :func:`wcsr`.

    Returns
    -------
    scores : dict of str to float
        By the names of the vocabularies, and "seg".
    """
    report = chord_report(
        y, list(estimator.predict(X)), frame_rate=frame_rate_of(estimator)
    )
    return {name: float(report.loc[name, "score"]) for name in CHORD_SCORERS}
