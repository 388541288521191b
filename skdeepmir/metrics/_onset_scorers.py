"""Scores of onsets for cross-validation and searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.metrics._annotation_scorers import MatchingScorer
from skdeepmir.metrics._event_counts import AVERAGES
from skdeepmir.metrics._event_inputs import check_length
from skdeepmir.metrics._onsets import OnsetCounts, count_onsets
from skdeepmir.onsets import merge_onsets
from skdeepmir.onsets._files import onsets_of
from skdeepmir.onsets._matching import WINDOW, match_onsets
from skdeepmir.onsets._times import MERGE

SCORES = ("f1", "precision", "recall")


@dataclass(frozen=True)
class OnsetScorer(MatchingScorer):
    """Score the onsets that an estimator predicts, see :func:`onset_scorer`."""

    annotates: ClassVar[str] = "onsets"
    event: ClassVar[str] = "onset"

    score: str = "f1"
    window: float = WINDOW
    merge: float = MERGE
    average: str = "pooled"

    def count(self, y: Any, predicted: Any) -> OnsetCounts:
        """Return what there is in each clip."""
        return count_onsets(y, predicted, self.window, self.merge)

    def read(self, item: Any, name: str) -> np.ndarray:
        """Return the onsets that were detected in a clip."""
        return onsets_of(item, name)

    def read_reference(self, item: Any, name: str) -> np.ndarray:
        """Return the onsets of a clip, merged."""
        return merge_onsets(onsets_of(item, name), self.merge)

    def match(self, reference: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """Return pairs of numbers (reference, detected), of shape (n_hits, 2)."""
        return match_onsets(reference, detected, self.window)

    def places(self, events: np.ndarray) -> np.ndarray:
        """Return the onsets as a column."""
        return events[:, np.newaxis]


def onset_scorer(
    score: str = "f1",
    *,
    window: float = WINDOW,
    merge: float = MERGE,
    average: str = "pooled",
) -> OnsetScorer:
    """Return a scorer for ``cross_validate(scoring=...)`` and ``GridSearchCV``.

    Parameters
    ----------
    score : {"f1", "precision", "recall"}, default="f1"
        Which score.
    window, merge, average : see :func:`onset_scores`
        How references and detections are compared.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``. It can be pickled. ``estimator.predict(X)`` must
        return an array of seconds for each clip; ``y`` holds references as for
        :func:`onset_scores`.

    Raises
    ------
    ValueError
        If a parameter is invalid. Calling the scorer raises what
        :func:`onset_scores` does.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from skdeepmir.metrics import onset_scorer
    >>> class EverySecond(BaseEstimator):
    ...     def predict(self, X):
    ...         return [[0.0, 1.0, 2.0] for clip in X]
    >>> onset_scorer("recall", window=0.05)(EverySecond(), [[0.0]], [[0.04, 1.5]])
    0.5
    """
    check_choice("score", score, SCORES)
    check_choice("average", average, AVERAGES)
    window, merge = check_length("window", window), check_length("merge", merge)
    return OnsetScorer(score, window, merge, average)


#: F, precision and recall within 25 ms, pooled over the clips, by the names that
#: :func:`get_scorer` knows; :func:`onset_scorer` takes another window or average.
ONSET_SCORERS = {f"onset_{name}": onset_scorer(name) for name in SCORES}
