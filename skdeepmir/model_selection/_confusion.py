"""What pipelines take for what, or miss: classes, tags, chords and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.metrics import multilabel_confusion_matrix

from skdeepmir._printable import printable
from skdeepmir.metrics import chord_confusion
from skdeepmir.metrics._annotation_scorers import MatchingScorer
from skdeepmir.model_selection._annotations import KINDS
from skdeepmir.model_selection._answers import Answers

By = Literal["root", "quality", "interval"]


def confusion_of(
    pipeline: str,
    truths: Sequence[np.ndarray],
    answers: Sequence[Answers],
    by: By,
    target_names: Sequence[str] | None,
    annotates: str,
) -> pd.DataFrame:
    """Return the table of what was predicted for what, in all test sets."""
    if annotates and (scorer := KINDS[annotates].matching):
        return _confusion_of_events(truths, answers, scorer)
    if isinstance(answers[0].predicted[0], np.ndarray | tuple) and truths[0].ndim == 1:
        tables = [  # frames of each at their own rate, which a search may have chosen
            chord_confusion(
                list(true), list(found.predicted), by=by, frame_rate=found.frame_rate
            )
            for true, found in zip(truths, answers, strict=True)
        ]
        return reduce(add, tables)
    true = np.concatenate(truths)
    predicted = np.concatenate([answer.predicted for answer in answers])
    if true.ndim == 2:
        return _confusion_of_tags(true, predicted, target_names)
    if not are_labels(answers, true, predicted):
        raise ValueError(
            f"pipeline {pipeline!a} predicts numbers; expected labels, tags or "
            "chords. Use predictions."
        )
    return _confusion_of_classes(true, predicted, target_names)


def _confusion_of_classes(
    true: np.ndarray, predicted: np.ndarray, target_names: Sequence[str] | None
) -> pd.DataFrame:
    labels = in_order({*true.tolist(), *predicted.tolist()})
    places = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    pairs = zip(true.tolist(), predicted.tolist(), strict=True)
    for row, column in pairs:
        counts[places[row], places[column]] += 1
    index = names_of_classes(labels, target_names)
    return pd.DataFrame(
        counts,
        index=pd.Index(index, name="true"),
        columns=pd.Index(index, name="predicted"),
    )


def _confusion_of_tags(
    true: np.ndarray, predicted: np.ndarray, target_names: Sequence[str] | None
) -> pd.DataFrame:
    counts = multilabel_confusion_matrix(true, predicted)
    columns = {
        "true_positive": counts[:, 1, 1],
        "false_positive": counts[:, 0, 1],
        "false_negative": counts[:, 1, 0],
        "true_negative": counts[:, 0, 0],
    }
    index = names_of_tags(true.shape[1], target_names)
    return pd.DataFrame(columns, index=pd.Index(index, name="tag"))


def _confusion_of_events(
    truths: Sequence[np.ndarray], answers: Sequence[Answers], scorer: MatchingScorer
) -> pd.DataFrame:
    predicted = [events for answer in answers for events in answer.predicted]
    counts = scorer.count(np.concatenate(truths), predicted).totals()
    columns = {
        "true_positive": counts["n_hits"],
        "false_positive": counts["n_detected"] - counts["n_hits"],
        "false_negative": counts["n_reference"] - counts["n_hits"],
    }
    return pd.DataFrame(
        columns, index=pd.Index([scorer.event], name="event"), dtype=int
    )


def in_order(labels: Iterable[Any]) -> list[Any]:
    """Return labels sorted; those that do not compare, by their types and texts."""
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda label: (type(label).__name__, repr(label)))


def are_labels(answers: Iterable[Answers], *values: Any) -> bool:
    """Tell whether values are labels: of classifiers, or at least no fractions."""
    return all(each.kind == "classifier" for each in answers) or not any(
        np.asarray(each).dtype.kind == "f" for each in values
    )


def names_of_classes(
    labels: Sequence[Any], target_names: Sequence[str] | None
) -> list[Any]:
    """Return what classes are called: by their names, or as they are."""
    if target_names is None:
        return _shown(labels)
    if not all(
        isinstance(n, int | float) and n in range(len(target_names)) for n in labels
    ):
        raise ValueError(
            f"target_names has {len(target_names)} names; expected one for each of "
            f"the classes {list(labels[:10])}, which must be 0, 1 and so on."
        )
    return _shown([target_names[int(label)] for label in labels])


def names_of_tags(n_tags: int, target_names: Sequence[str] | None) -> list[Any]:
    """Return what tags are called: by their names, or their numbers."""
    names: Sequence[Any] = range(n_tags) if target_names is None else target_names
    if len(names) != n_tags:
        raise ValueError(f"target_names has {len(names)} names; expected {n_tags}.")
    return _shown(names)


def _shown(names: Sequence[Any]) -> list[Any]:
    return [printable(name) if isinstance(name, str) else name for name in names]
