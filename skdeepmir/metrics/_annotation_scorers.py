"""What scorers of annotations have in common, whatever they annotate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skdeepmir.metrics._event_counts import EventCounts

# By the names of scorers, where they are others than those of counts.
RATIOS = {"f1": "f"}


class ClipScores(NamedTuple):
    """Scores of clips, whose weighted mean is the score of all."""

    values: np.ndarray  # (n_clips,)
    weights: np.ndarray  # (n_clips,)


class AnnotationScorer(ABC):
    """A scorer that compares ``estimator.predict(X)`` with annotations, in seconds.

    It needs no other method. ``annotates`` is what is annotated, as the attribute of
    the same name of estimators: "chords", "onsets" or "notes".
    """

    annotates: ClassVar[str]

    @abstractmethod
    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the score."""

    @abstractmethod
    def of_clips(self, y: Any, predicted: Any, frame_rate: float | None) -> ClipScores:
        """Return the score of each clip, with its weight."""


class EventScorer(AnnotationScorer):
    """A scorer that counts events: those that were found, and those that were not."""

    score: str
    average: str

    @abstractmethod
    def count(self, y: Any, predicted: Any) -> EventCounts:
        """Return what there is in each clip."""

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        counts = self.count(y, list(estimator.predict(X)))
        return counts.averaged(self._ratio, self.average)

    def of_clips(self, y: Any, predicted: Any, frame_rate: float | None) -> ClipScores:
        """Return the score of each clip, with its weight."""
        counts = self.count(list(y), list(predicted))
        values = counts.of_clips(self._ratio)
        if self.average == "clips":
            return ClipScores(values, np.isfinite(values).astype(float))
        _, weights = counts.ratio(self._ratio)
        return ClipScores(values, weights.astype(float))

    @property
    def _ratio(self) -> str:
        return RATIOS.get(self.score, self.score)


class MatchingScorer(EventScorer):
    """A scorer that matches single events, so that each is a hit or not."""

    event: ClassVar[str]  # what one is called

    @abstractmethod
    def read(self, item: Any, name: str) -> np.ndarray:
        """Return the events that were detected in a clip."""

    @abstractmethod
    def read_reference(self, item: Any, name: str) -> np.ndarray:
        """Return the events of a clip as they are scored."""

    @abstractmethod
    def match(self, reference: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """Return pairs of numbers (reference, detected), of shape (n_hits, 2)."""

    @abstractmethod
    def places(self, events: np.ndarray) -> np.ndarray:
        """Return when events begin in seconds, and perhaps when they end, and pitch."""
