"""Checks of tags and scores, and warnings about undefined ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import UndefinedMetricWarning

from skdeepmir._errors import refuse_masked
from skdeepmir._warnings import warn_user

# Warnings about undefined scores, where they are collected to be given at once.
_COLLECTED: ContextVar[list[str] | None] = ContextVar("collected", default=None)


def check_scores(y_true: Any, y_score: Any) -> tuple[np.ndarray, np.ndarray]:
    truth = indicators(y_true, "y_true")
    if isinstance(y_score, list) and y_score and np.ndim(y_score[0]) == 2:
        y_score = positive_columns(y_score)
    refuse_masked("y_score", y_score)
    if issparse(y_score):
        y_score = y_score.toarray()
    scores = np.asarray(y_score, dtype=np.float64)
    check_shapes(truth, scores, "y_score")
    if np.isnan(scores).any():
        clip, tag = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"the score of clip {clip} for tag {tag} is NaN, one of "
            f"{np.isnan(scores).sum()}; expected numbers. MIREX counts missing scores "
            "as 0."
        )
    return truth, scores


def positive_columns(probabilities: list[Any], classes: Any = None) -> np.ndarray:
    """Return probabilities of 1 from a list of (n_clips, 2), one for each tag."""
    # A tag that was all 0 or all 1 in the training set has a single column; only the
    # classes of each tag tell which.
    if classes is not None:
        return np.column_stack(
            [
                np.asarray(columns) @ (np.asarray(known) == 1)
                for columns, known in zip(probabilities, classes, strict=True)
            ]
        )
    for tag, columns in enumerate(probabilities):
        if np.ndim(columns) != 2 or np.shape(columns)[1] != 2:
            raise ValueError(
                f"y_score has shape {np.shape(columns)} for tag {tag}, expected "
                "(n_clips, 2): probabilities of 0 and 1. Was a tag all 0 or all 1 in "
                "the training set?"
            )
    return np.column_stack([np.asarray(columns)[:, 1] for columns in probabilities])


def indicators(y: Any, name: str) -> np.ndarray:
    """Return tags as booleans of shape (n_clips, n_tags)."""
    refuse_masked(name, y)
    y = y.toarray() if issparse(y) else np.asarray(y)
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(
            f"{name} has shape {y.shape}, expected (n_clips, n_tags): 0 or 1 for each "
            "tag of each clip. A single tag is a column, y[:, np.newaxis]."
        )
    present = y == 1
    wrong = ~(present | (y == 0))
    if wrong.any():
        clip, tag = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name} is {y[clip].tolist()[tag]!r} for clip {clip} and tag {tag}, "
            "expected 0 or 1."
        )
    return present


def check_shapes(truth: np.ndarray, other: np.ndarray, name: str) -> None:
    if other.shape != truth.shape:
        raise ValueError(
            f"{name} has shape {other.shape}, but y_true has {truth.shape}; expected "
            "the same (n_clips, n_tags)."
        )


def defined_mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def undefined(mask: np.ndarray, what: str, reason: str) -> str:
    if not mask.any():
        return ""
    if what in ("tags", "clips"):
        reason += f" (the first is number {int(np.argmax(mask))})"
    return f"{mask.sum()} of {len(mask)} {what} {reason}."


@contextmanager
def collected() -> Iterator[list[str]]:
    """Collect the warnings of metrics in this thread in a list instead."""
    problems: list[str] = []
    token = _COLLECTED.set(problems)
    try:
        yield problems
    finally:
        _COLLECTED.reset(token)


def warn(problem: str) -> None:
    collecting = _COLLECTED.get()
    if problem and collecting is not None:
        collecting.append(problem)
    elif problem:
        warn_user(problem, UndefinedMetricWarning)
