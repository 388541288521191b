"""Kinds of annotations in seconds: how each is checked, called and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepmir.chord_recognition._coding import check_annotations
from skdeepmir.frames import object_array
from skdeepmir.metrics._annotation_scorers import AnnotationScorer, MatchingScorer
from skdeepmir.metrics._event_inputs import list_events
from skdeepmir.metrics._note_scorers import NoteScorer
from skdeepmir.metrics._onset_scorers import OnsetScorer

if TYPE_CHECKING:
    from skdeepmir.model_selection._scoring import Metric


@dataclass(frozen=True)
class AnnotationKind:
    """What pipelines and scorers with this ``name`` in ``annotates`` work on.

    Attributes
    ----------
    name : str
        What is annotated, such as "chords".
    what : str
        What a message says that scores are of.
    scoring : str
        The score that is taken if none is asked for.
    read : callable
        ``read(y, X)`` gives an array of one annotation for each clip, and raises a
        ValueError that names those that cannot be used.
    matching : MatchingScorer or None
        What tells which events are hits, if annotations are of events.
    """

    name: str
    what: str
    scoring: str
    read: Callable[[np.ndarray, Any], np.ndarray]
    matching: MatchingScorer | None = None


def _read_chords(y: np.ndarray, X: Any) -> np.ndarray:
    # Of rows, which are clips of one frame, each has the label of its frame.
    are_rows = all(isinstance(item, str) for item in y) and np.ndim(X) == 2
    if not are_rows:
        check_annotations(y)
    return y


def _kind_of_events(what: str, scoring: str, scorer: MatchingScorer) -> AnnotationKind:
    def read(y: np.ndarray, X: Any) -> np.ndarray:
        list_events(y, "y", scorer.read)
        return object_array(y) if y.ndim > 1 else y

    return AnnotationKind(scorer.annotates, what, scoring, read, scorer)


KINDS = {
    kind.name: kind
    for kind in (
        AnnotationKind("chords", "annotations of chords", "wcsr_majmin", _read_chords),
        _kind_of_events("times of onsets", "onset_f1", OnsetScorer()),
        _kind_of_events("notes", "note_f1", NoteScorer()),
    )
}


def kind_of_step(step: Any) -> AnnotationKind | None:
    """Return the kind of annotation that an estimator predicts, if it tells."""
    return KINDS.get(getattr(step, "_annotates", ""))


def kind_of_metric(metric: Metric) -> AnnotationKind | None:
    """Return the kind of annotation that a metric scores, or None."""
    if isinstance(metric.scorer, AnnotationScorer):
        return KINDS[metric.scorer.annotates]
    return None


def common_kind(steps: Iterable[Any], metrics: Sequence[Metric]) -> str:
    """Return what is annotated: as pipelines tell, or else scores; "" if nothing is."""
    found = [*map(kind_of_step, steps), *map(kind_of_metric, metrics)]
    return next((kind.name for kind in found if kind is not None), "")


def default_scoring(steps: Iterable[Any]) -> str:
    """Return the score of the field: of annotations, if all pipelines predict such."""
    kinds = set(map(kind_of_step, steps))
    kind = kinds.pop() if len(kinds) == 1 else None
    return "accuracy" if kind is None else kind.scoring
