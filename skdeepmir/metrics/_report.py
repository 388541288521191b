"""Scores of MIREX 2009, a report on each tag, and tag scorers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

from skdeepmir._printable import printable
from skdeepmir.metrics._areas import auc_clip, auc_tag, roc_areas
from skdeepmir.metrics._checks import (
    check_scores,
    check_shapes,
    defined_mean,
    indicators,
    positive_columns,
    undefined,
    warn,
)
from skdeepmir.metrics._precision import (
    average_precision_tag,
    mean_precision_at,
    precision_at_k,
)


def mirex2009_tag_scores(
    y_true: Any, y_score: Any, *, strict_mirex: bool = True
) -> dict[str, float]:
    """Compute the scores of the MIREX 2009 tag classification task.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores as for :func:`auc_tag`. MIREX counts scores that a system left out as
        0.0; fill them in.
    strict_mirex : bool, default=True
        Whether to compute what the evaluator of MIREX 2009 did, for comparison with
        published numbers. False leaves out tags and clips without an area and treats
        equal scores as equal.

    Returns
    -------
    scores : dict of str to float
        "AUC-Tag", "AUC-Clip", and "P@3", "P@6", "P@9", "P@12" and "P@15".

    Warns
    -----
    UndefinedMetricWarning
        One for everything undefined: areas of tags and clips, which count as 0 or are
        left out, and precisions at more tags than there are, which are 0 or NaN.

    See Also
    --------
    auc_tag : Explains how the evaluator resolves ties.

    Notes
    -----
    These are the scores of one test set. Over several folds the evaluator averaged the
    area of each tag, but AUC-Clip and the precisions over the clips of all folds, so
    that large folds weigh more.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.metrics import mirex2009_tag_scores
    >>> y_true = np.eye(16)
    >>> scores = mirex2009_tag_scores(y_true, y_true + np.linspace(0.1, 0.2, 16))
    >>> {name: round(score, 3) for name, score in scores.items()}
    {'AUC-Tag': 1.0, 'AUC-Clip': 1.0, 'P@3': 0.333, 'P@6': 0.167, 'P@9': 0.111,
     'P@12': 0.083, 'P@15': 0.067}
    """
    truth, scores = check_scores(y_true, y_score)
    of_tags, tag_problem = roc_areas(truth, scores, strict_mirex, "tags")
    of_clips, clip_problem = roc_areas(truth.T, scores.T, strict_mirex, "clips")
    results = {"AUC-Tag": defined_mean(of_tags), "AUC-Clip": defined_mean(of_clips)}
    problems = [tag_problem, clip_problem]
    for k in (3, 6, 9, 12, 15):
        results[f"P@{k}"], problem = mean_precision_at(truth, scores, k, strict_mirex)
        problems.append(problem)
    warn(" ".join(filter(None, problems)))
    return results


def tag_report(
    y_true: Any,
    y_pred: Any,
    *,
    tag_names: Sequence[str] | None = None,
    zero_division: float = np.nan,
) -> Any:
    """Report precision, recall, F-score, accuracy and prevalence of each tag.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_pred : array-like or sparse matrix of shape (n_clips, n_tags)
        Predictions, also 0 or 1.
    tag_names : sequence of str, default=None
        Names of the tags. None takes the columns of a DataFrame ``y_true``, or numbers.
        Control characters in them are escaped in the report.
    zero_division : float, default=nan
        Value where the denominator is zero: precision of a tag that is never predicted,
        recall of one that no clip has. Published tables often use 0.

    Returns
    -------
    report : DataFrame of shape (n_tags, 7)
        One row per tag: "precision", "recall", "f_score", "accuracy",
        "balanced_accuracy" (mean recall of presence and absence, 0.5 by chance),
        "support" (clips with the tag) and "prevalence" (their share).

    See Also
    --------
    mean_and_se : Mean of a column with its standard error.

    Notes
    -----
    A tag of prevalence p reaches an F-score of 2p / (1 + p) if it is predicted for
    every clip, and an accuracy of 1 - p if for none: read them beside the prevalence.

    Examples
    --------
    >>> from skdeepmir.metrics import tag_report
    >>> y_true = [[1, 0], [1, 0], [0, 1], [0, 0]]
    >>> y_pred = [[1, 0], [0, 0], [0, 1], [0, 1]]
    >>> report = tag_report(y_true, y_pred, tag_names=["guitar", "voice"])
    >>> report[["precision", "recall", "support", "prevalence"]]
            precision  recall  support  prevalence
    guitar        1.0     0.5        2        0.50
    voice         0.5     1.0        1        0.25
    """
    import pandas as pd  # the one function here that needs it

    if tag_names is None:
        tag_names = getattr(y_true, "columns", None)
    truth, predicted = indicators(y_true, "y_true"), indicators(y_pred, "y_pred")
    check_shapes(truth, predicted, "y_pred")
    n_clips, n_tags = truth.shape
    names: Sequence[Any] = range(n_tags) if tag_names is None else tag_names
    names = [printable(n) if isinstance(n, str) else n for n in names]
    if len(names) != n_tags:
        raise ValueError(
            f"tag_names has {len(names)} names, but there are {n_tags} tags."
        )

    hits = (truth & predicted).sum(axis=0)
    support, predictions = truth.sum(axis=0), predicted.sum(axis=0)
    rejections = (~truth & ~predicted).sum(axis=0)

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        values = np.full(n_tags, float(zero_division))
        return np.divide(numerator, denominator, values, where=denominator > 0)

    recall = ratio(hits, support)
    return pd.DataFrame(
        {
            "precision": ratio(hits, predictions),
            "recall": recall,
            "f_score": ratio(2 * hits, support + predictions),
            "accuracy": (hits + rejections) / n_clips,
            "balanced_accuracy": (recall + ratio(rejections, n_clips - support)) / 2,
            "support": support,
            "prevalence": support / n_clips,
        },
        index=pd.Index(names),
    )


def mean_and_se(values: Any) -> tuple[float, float]:
    """Compute the mean over tags or folds with its standard error.

    Parameters
    ----------
    values : array-like of shape (n_values,)
        One score for each tag or each fold. NaN, which stands for a score that is not
        defined, is left out.

    Returns
    -------
    mean : float
        NaN if there is no value.
    se : float
        Standard deviation (with n - 1) over the square root of n; NaN for fewer than
        two values.

    Warns
    -----
    UndefinedMetricWarning
        If values are NaN; it says how many.

    Notes
    -----
    Scores of folds are not independent, since training sets overlap; of two systems,
    test the difference with :func:`skdeepmir.compare`.

    Examples
    --------
    >>> from skdeepmir.metrics import mean_and_se
    >>> mean, se = mean_and_se([0.7, 0.8, 0.75])
    >>> print(f"{mean:.3f} ± {se:.3f}")
    0.750 ± 0.029
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"values has shape {values.shape}, expected one score per tag or fold."
        )
    missing = np.isnan(values)
    warn(undefined(missing, "values", "are NaN and left out"))
    values = values[~missing]
    if len(values) < 2:
        return (float(values[0]) if len(values) else float("nan")), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


_TAG_METRICS: dict[str, Any] = {
    "auc_tag": auc_tag,
    "auc_clip": auc_clip,
    "average_precision_tag": average_precision_tag,
    "precision_at_k": precision_at_k,
}


class _TagScorer(type(make_scorer(auc_tag))):  # type: ignore[misc]
    """A scorer for estimators that saw tags never, or always."""

    # scikit-learn's forests, trees and neighbours give a single column for those, and
    # only their ``classes_`` say of what.
    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **kwargs: Any
    ) -> Any:
        def call(estimator: Any, method: str, *args: Any, **options: Any) -> Any:
            found = method_caller(estimator, method, *args, **options)
            classes = getattr(estimator, "classes_", None)
            if isinstance(found, list) and isinstance(classes, list):
                return positive_columns(found, classes)
            return found

        return super()._score(call, estimator, X, y_true, **kwargs)


def tag_scorer(name: str, **parameters: Any) -> Any:
    """Return a scorer from the tag metric of a name."""
    scorer = make_scorer(
        _TAG_METRICS[name],
        response_method=("decision_function", "predict_proba"),
        **parameters,
    )
    scorer.__class__ = _TagScorer
    return scorer


#: Scorers for ``cross_validate(scoring=TAG_SCORERS)``, or one of them for a search:
#: ``GridSearchCV(..., scoring=TAG_SCORERS["auc_tag"])``. They take
#: ``decision_function`` where there is one, ``predict_proba`` otherwise. A tag that the
#: training set lacks has probability 0 by scikit-learn's forests, trees and neighbours.
TAG_SCORERS = {
    "auc_tag": tag_scorer("auc_tag"),
    "auc_clip": tag_scorer("auc_clip"),
    "average_precision_tag": tag_scorer("average_precision_tag"),
    "precision_at_3": tag_scorer("precision_at_k", k=3),
}
