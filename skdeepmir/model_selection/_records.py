"""What pipelines answered for each test clip, and what each group does to a score."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepmir.frames import object_array
from skdeepmir.metrics._checks import collected
from skdeepmir.model_selection._answers import Answers, Recorded
from skdeepmir.model_selection._scoring import Metric, clip_scores
from skdeepmir.model_selection._setting import Setting
from skdeepmir.model_selection._significance import (
    UNKNOWN,
    Difference,
    sign_flip_test,
    standard_error,
)

MOST_BLOCKS = 200  # for scores that are computed without each block of clips


@dataclass(frozen=True)
class Shares:
    """What each unit of test clips contributes to a score, and how much it weighs.

    A unit is a group, or a clip where there are no groups. The contributions sum to the
    score, and the weights to 1. ``total`` is the sum of the weights before that: of
    some scores, as precision, it depends on what was predicted.
    """

    values: np.ndarray  # (n_units,)
    weights: np.ndarray  # (n_units,)
    total: float = 1.0

    def minus(self, other: Shares) -> tuple[np.ndarray, np.ndarray]:
        """Return what units contribute to the difference of two scores, and weigh."""
        if self.total == other.total and np.array_equal(self.weights, other.weights):
            return self.values - other.values, self.weights
        # For scores n/w and m/v, of sums over units, with the mean score s,
        #   n/w - m/v = sum of (n_u - m_u - s (w_u - v_u)) / ((w + v) / 2):
        # a unit with the same answers contributes nothing, whatever others have.
        share = self.total / (self.total + other.total)
        values = share * self.values - (1 - share) * other.values
        mine, others = share * self.weights, (1 - share) * other.weights
        mean = (self.values.sum() + other.values.sum()) / 2
        return 2 * (values - mean * (mine - others)), mine + others


@dataclass
class Records:
    """The answers of all pipelines on all test sets.

    Attributes
    ----------
    metrics : list of Metric
        Those that need nothing but answers.
    y : ndarray of shape (n_clips, ...)
        The labels of all clips that may be tested on.
    groups : ndarray of shape (n_clips,) or None
        Their groups.
    tests : list of ndarray
        The rows of each test set.
    tag_names : tuple of str or None
        Names of the columns of y, if it has some.
    answers : dict of (str, int) to Answers
        By pipeline and test set.
    setting : Setting or None
        How they came about.
    annotates : str
        What y holds annotations of, such as "chords"; "" for other labels.
    """

    metrics: Sequence[Metric]
    y: np.ndarray
    groups: np.ndarray | None
    tests: list[np.ndarray]
    tag_names: tuple[str, ...] | None = None
    answers: dict[tuple[str, int], Answers] = field(default_factory=dict)
    setting: Setting | None = None
    annotates: str = ""
    _shares: dict[Any, Shares | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.units = np.arange(len(self.y))
        if self.groups is not None:
            self.units = np.unique(self.groups, return_inverse=True)[1]

    def metric(self, name: str) -> Metric | None:
        """Return the metric of a name, if answers suffice for it."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def shares(self, pipeline: str, fold: int, metric: str) -> Shares | None:
        """Return what units contribute to a score; None if that cannot be told."""
        key = pipeline, fold, metric
        if key not in self._shares:
            self._shares[key] = self._find_shares(*key)
        return self._shares[key]

    def _find_shares(self, pipeline: str, fold: int, name: str) -> Shares | None:
        metric, answers = self.metric(name), self.answers.get((pipeline, fold))
        if metric is None or answers is None:
            return None
        test = self.tests[fold]
        y, units, n_units = self.y[test], self.units[test], int(self.units.max()) + 1
        of_clips = clip_scores(metric, answers, y)
        if of_clips is not None:
            values, weights = of_clips
            values, total = np.where(weights > 0, values, 0), float(weights.sum())
            if not total:
                return None
            return Shares(
                np.bincount(units, values * weights, n_units) / total,
                np.bincount(units, weights, n_units) / total,
                total,
            )
        # A block is a unit, or several together.
        order = np.random.RandomState(0).permutation(n_units)
        if n_units > MOST_BLOCKS:
            units = order[units] % MOST_BLOCKS
        found = _without_each_block(metric, answers, y, units)
        if found is None:
            return None
        blocks, values = found
        padded = np.zeros(n_units), np.zeros(n_units)
        padded[0][blocks], padded[1][blocks] = values, 1 / len(blocks)
        return Shares(*padded)

    def compare(
        self, name: str, other: str, metric: str, folds: Sequence[int], **options: Any
    ) -> Difference:
        """Test two pipelines by sign flips of whole groups, over test sets."""
        pairs = [
            (self.shares(name, fold, metric), self.shares(other, fold, metric))
            for fold in folds
        ]
        if not pairs:
            return UNKNOWN
        values: Any = 0
        weights: Any = 0
        for first, second in pairs:
            if first is None or second is None:
                return UNKNOWN
            contributed, weighed = first.minus(second)
            values = values + contributed / len(pairs)
            weights = weights + weighed / len(pairs)
        is_there = (weights > 0) | (values != 0)
        return sign_flip_test(values[is_there], weights[is_there], **options)

    def standard_error(self, name: str, metric: str, folds: Sequence[int]) -> float:
        """Return the standard error of a mean score over groups."""
        found = [self.shares(name, fold, metric) for fold in folds]
        known = [shares for shares in found if shares is not None]
        if not known or len(known) < len(found):
            return float("nan")
        values = np.mean([shares.values for shares in known], axis=0)
        weights = np.mean([shares.weights for shares in known], axis=0)
        return standard_error(values[weights > 0], weights[weights > 0])

    @property
    def n_groups(self) -> int:
        """Number of groups, or of clips without groups, that were tested on."""
        return len(np.unique(self.units[np.concatenate(self.tests)]))

    def predictions(self) -> Any:
        """Return a table with a row for each pipeline, test set and clip."""
        rows = []
        for (pipeline, fold), answers in self.answers.items():
            scores = answers.scores_of("predict_proba", "decision_function")
            table = self._clips(pipeline, fold)
            table["true"] = _items(self.y[self.tests[fold]])
            if answers.predicted is not None:
                table["predicted"] = _items(answers.predicted)
            if scores is not None:
                table["scores"] = _items(scores)
            for name in ("activations", "times"):
                if found := getattr(answers, name):
                    table[name] = object_array(found)
            rows.append(table)
        return _joined(rows)

    def clip_scores(self) -> Any:
        """Return a table of the scores of clips, where a score is a mean of these."""
        rows = []
        for (pipeline, fold), answers in self.answers.items():
            table = self._clips(pipeline, fold)
            for metric in self.metrics:
                found = clip_scores(metric, answers, self.y[self.tests[fold]])
                if found is not None:
                    table[metric.name] = found[0]
            rows.append(table)
        return _joined(rows)

    def _clips(self, pipeline: str, fold: int) -> dict[str, Any]:
        test = self.tests[fold]
        table: dict[str, Any] = {"pipeline": pipeline, "fold": fold, "clip": test}
        if self.groups is not None:
            table["group"] = self.groups[test]
        return table


def _joined(tables: list[dict[str, Any]]) -> Any:
    import pandas as pd

    frames = [pd.DataFrame(table) for table in tables]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _items(values: Any) -> Any:
    """Return one item for each clip: a number, text or array."""
    is_column = isinstance(values, np.ndarray) and values.ndim == 1
    return values if is_column else object_array(values)


def _without_each_block(
    metric: Metric, answers: Answers, y: np.ndarray, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return blocks of clips, and what each contributes: its jackknife pseudo-value."""

    def score(rows: np.ndarray) -> float:
        some = y[rows]
        return float(metric.scorer(Recorded(answers.take(rows)), some, some))

    blocks = np.unique(units)
    with warnings.catch_warnings(), collected():
        warnings.simplefilter("ignore")
        whole = score(np.arange(len(y)))
        if len(blocks) == 1:
            return blocks, np.array([whole])
        try:
            rest = np.array([score(np.flatnonzero(units != block)) for block in blocks])
        except ValueError:  # not defined for some, as for those of one class
            return None
    n = len(blocks)
    values = whole / n + (n - 1) / n * (rest.mean() - rest)
    return (blocks, values) if np.isfinite(values).all() else None
