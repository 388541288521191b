"""Scores of MIREX 2009, a report on each tag, and tag scorers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import make_scorer

from skdeepmir._printable import printable
from skdeepmir._tag_names import aligned, check_names, fitted_names, names_of
from skdeepmir.metrics._areas import auc_clip, auc_tag, roc_areas
from skdeepmir.metrics._checks import (
    check_scores,
    check_shapes,
    collected,
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

if TYPE_CHECKING:
    from skdeepmir.metrics._tag_table import TagReport


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
    y_score: Any = None,
    tag_names: Any = None,
    zero_division: float = np.nan,
) -> TagReport:
    """Report what each tag scores, and all tags together.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_pred : array-like or sparse matrix of shape (n_clips, n_tags)
        Predictions, also 0 or 1.
    y_score : array-like of shape (n_clips, n_tags), default=None
        Scores as for :func:`auc_tag`, such as probabilities, for two more columns.
    tag_names : sequence of str or fitted estimator, default=None
        Names of the tags, or the estimator that predicted them and knows their names
        (``tag_names_``). None takes the columns of a DataFrame ``y_true``, or
        ``y_pred``, or numbers. Columns of data frames are taken by their names, in
        whatever order they are, those of arrays by their place; a sequence of other
        names than the columns have renames them. Control characters in names are
        escaped in the report.
    zero_division : float, default=nan
        Value where the denominator is zero: precision of a tag that is never predicted,
        recall of one that no clip has. Published tables often use 0.

    Returns
    -------
    report : DataFrame of shape (n_tags, 7) or (n_tags, 9)
        One row per tag: "precision", "recall", "f_score", "accuracy",
        "balanced_accuracy" (mean recall of presence and absence, 0.5 by chance), with
        ``y_score`` also "average_precision" and "auc" (NaN where they are not defined),
        "support" (clips with the tag) and "prevalence" (their share). ``print`` shows
        all of it, and below the tags ``report.averages``, a DataFrame of two rows:
        "macro", the mean over the tags whose score is not NaN, and "micro", the score
        of all decisions on all clips and tags at once. Their support is that of all
        tags.

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
    >>> print(report)
            precision  recall  f_score  accuracy  balanced_accuracy  support  prevalence
    guitar      1.000   0.500    0.667     0.750              0.750        2       0.500
    voice       0.500   1.000    0.667     0.750              0.833        1       0.250
    <BLANKLINE>
    macro       0.750   0.750    0.667     0.750              0.792        3       0.375
    micro       0.667   0.667    0.667     0.750              0.733        3       0.375
    >>> print(report.averages.loc["macro", "f_score"].round(3))
    0.667
    """
    import pandas as pd  # the one function here that needs it

    from skdeepmir.metrics._tag_table import TagReport

    y_true, y_pred, y_score, names = _named(y_true, y_pred, y_score, tag_names)
    truth, predicted = indicators(y_true, "y_true"), indicators(y_pred, "y_pred")
    check_shapes(truth, predicted, "y_pred")
    n_tags = truth.shape[1]
    index: Any = range(n_tags) if names is None else [printable(n) for n in names]
    if len(index) != n_tags:
        raise ValueError(
            f"tag_names has {len(index)} names, but there are {n_tags} tags."
        )
    columns = _scores_of(truth, predicted, zero_division)
    together = truth.reshape(-1, 1), predicted.reshape(-1, 1)
    micro = _scores_of(*together, zero_division)
    if y_score is not None:
        scores = check_scores(truth, y_score)[1]
        with collected():  # what is not defined is seen in the table
            for name, function in (
                ("average_precision", average_precision_tag),
                ("auc", auc_tag),
            ):
                columns[name] = function(truth, scores, average=None)
                micro[name] = [function(truth, scores, average="micro")]
    shares = {"support": truth.sum(axis=0), "prevalence": truth.mean(axis=0)}
    macro = {n: [defined_mean(values)] for n, values in columns.items()}
    report = TagReport({**columns, **shares}, index=pd.Index(index))
    both = pd.DataFrame({name: [*macro[name], *micro[name]] for name in columns})
    report.averages = both.assign(
        support=truth.sum(), prevalence=truth.mean()
    ).set_axis(["macro", "micro"])
    return report


def _named(
    y_true: Any, y_pred: Any, y_score: Any, tag_names: Any
) -> tuple[Any, Any, Any, tuple[str, ...] | None]:
    """Return tags and scores with their columns in one order, and names of these."""
    order, whose = names_of(y_true, "y_true") or names_of(y_pred, "y_pred"), "y_true"
    shown = order
    if hasattr(tag_names, "predict"):
        shown = order = fitted_names(tag_names) or order
        whose = "the estimator"
    elif tag_names is not None:
        shown = check_names(tag_names, "tag_names")
        if order is not None and {*order} == {*shown}:
            order = shown
    y_true = aligned(y_true, order, "y_true", whose)
    y_pred = aligned(y_pred, order, "y_pred", whose)
    return y_true, y_pred, aligned(y_score, order, "y_score", whose), shown


def _scores_of(
    truth: np.ndarray, predicted: np.ndarray, zero_division: float
) -> dict[str, Any]:
    """Return the scores of each column of decisions."""
    n_clips, n_tags = truth.shape
    hits = (truth & predicted).sum(axis=0)
    support, predictions = truth.sum(axis=0), predicted.sum(axis=0)
    rejections = (~truth & ~predicted).sum(axis=0)

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        values = np.full(n_tags, float(zero_division))
        return np.divide(numerator, denominator, values, where=denominator > 0)

    recall = ratio(hits, support)
    return {
        "precision": ratio(hits, predictions),
        "recall": recall,
        "f_score": ratio(2 * hits, support + predictions),
        "accuracy": (hits + rejections) / n_clips,
        "balanced_accuracy": (recall + ratio(rejections, n_clips - support)) / 2,
    }


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

        y_true = aligned(y_true, fitted_names(estimator), "y_true")
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
