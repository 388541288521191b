"""Tag metrics: areas and precision as MIREX 2009 had them and as they are used today.

Rows are clips and columns are tags, as in the labels and scores of a multi-label
classifier. An area under a ROC curve is defined only where there are both a 0 and a 1;
tags and clips without both are left out of a mean, and one ``UndefinedMetricWarning``
says how many there were.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from scipy.stats import rankdata
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import make_scorer

__all__ = [
    "TAG_SCORERS",
    "auc_clip",
    "auc_tag",
    "average_precision_tag",
    "mean_and_se",
    "mirex2009_tag_scores",
    "precision_at_k",
    "tag_report",
]


def auc_tag(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    strict_mirex: bool = False,
) -> float | np.ndarray:
    """Area under the ROC curve of each tag over the clips: AUC-Tag.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores, larger for tags that are more likely. A list with an array of shape
        (n_clips, 2) for each tag, as from scikit-learn's forests, will do too.
    average : {"macro", "micro"} or None, default="macro"
        Mean over the tags; one area over all clips and tags at once; or None for an
        area per tag.
    strict_mirex : bool, default=False
        Whether to compute what the evaluator of MIREX 2009 did, see Notes.

    Returns
    -------
    area : float, or ndarray of shape (n_tags,) without ``average``
        NaN for tags without an area, and for the mean if no tag has one.

    Warns
    -----
    UndefinedMetricWarning
        If tags have no area, with their number.

    Notes
    -----
    The area is the probability that a clip with the tag has a larger score than one
    without it, where equal scores count half [1]_: with ranks r of the scores,

        AUC = (sum of r over clips with the tag - P (P + 1) / 2) / (P N)

    for P clips with and N clips without it.

    The evaluator of MIREX 2009 [2]_ differs in two ways. An area that is not defined
    counts as 0. And its curve has a point before each score that isn't 0, instead of
    one before each score that differs from the last: equal scores are taken in the
    order of the clips, while scores of 0 are merged with each other and with the last
    score above them. This can't be seen with scores that are all different and not 0,
    but with decisions of 0 and 1 it can.

    References
    ----------
    .. [1] T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters
       27, 2006.
    .. [2] ``TagClassificationAffinityEvaluator`` of the MIREX evaluation software M2K;
       E. Law, K. West, M. Mandel, M. Bay and J. S. Downie, "Evaluation of algorithms
       using games: the case of music tagging", ISMIR 2009.

    Examples
    --------
    >>> from skdeepmir.metrics import auc_tag
    >>> y_true = [[1, 0], [0, 1], [1, 1], [0, 0]]
    >>> y_score = [[0.9, 0.1], [0.2, 0.7], [0.6, 0.2], [0.7, 0.3]]
    >>> auc_tag(y_true, y_score, average=None)
    array([0.75, 0.75])
    >>> auc_tag(y_true, y_score)
    0.75
    """
    truth, scores = _check_scores(y_true, y_score)
    _check_average(average, ("macro", "micro", None))
    if average == "micro":
        truth, scores = truth.reshape(-1, 1), scores.reshape(-1, 1)
    areas, problem = _areas(truth, scores, strict_mirex, "tags")
    _warn(problem)
    return areas if average is None else _defined_mean(areas)


def auc_clip(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    strict_mirex: bool = False,
) -> float | np.ndarray:
    """Area under the ROC curve of each clip over the tags: AUC-Clip.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores as for :func:`auc_tag`; those of different tags are compared.
    average : {"macro"} or None, default="macro"
        Mean over the clips, or None for an area per clip.
    strict_mirex : bool, default=False
        Whether to compute what the evaluator of MIREX 2009 did, as :func:`auc_tag`
        explains. Clips without a tag then count as 0, however good the scores.

    Returns
    -------
    area : float, or ndarray of shape (n_clips,) without ``average``
        NaN for clips without an area, and for the mean if no clip has one.

    Warns
    -----
    UndefinedMetricWarning
        If clips have no area, with their number.

    Examples
    --------
    >>> from skdeepmir.metrics import auc_clip
    >>> auc_clip([[1, 0, 0], [0, 1, 1]], [[0.9, 0.1, 0.4], [0.5, 0.7, 0.2]])
    0.75
    """
    truth, scores = _check_scores(y_true, y_score)
    _check_average(average, ("macro", None))
    areas, problem = _areas(truth.T, scores.T, strict_mirex, "clips")
    _warn(problem)
    return areas if average is None else _defined_mean(areas)


def average_precision_tag(
    y_true: Any, y_score: Any, *, average: str | None = "macro"
) -> float | np.ndarray:
    """Average precision of each tag over the clips: PR-AUC.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores as for :func:`auc_tag`.
    average : {"macro", "micro"} or None, default="macro"
        Mean over the tags; one value over all clips and tags at once; or None for one
        per tag.

    Returns
    -------
    precision : float, or ndarray of shape (n_tags,) without ``average``
        NaN for tags that no clip has, and for the mean if there are no others.

    Warns
    -----
    UndefinedMetricWarning
        If tags occur in no clip, with their number.

    Notes
    -----
    AP = sum over thresholds n of (R_n - R_{n-1}) P_n with precision P and recall R, as
    ``sklearn.metrics.average_precision_score``; but that counts a tag that no clip has
    as 0, which pulls down the mean of folds that lack a tag.

    Examples
    --------
    >>> from skdeepmir.metrics import average_precision_tag
    >>> y_true = [[1, 0], [0, 1], [1, 0]]
    >>> y_score = [[0.9, 0.3], [0.7, 0.8], [0.6, 0.1]]
    >>> print(average_precision_tag(y_true, y_score, average=None).round(3))
    [0.833 1.   ]
    """
    truth, scores = _check_scores(y_true, y_score)
    _check_average(average, ("macro", "micro", None))
    if average == "micro":
        truth, scores = truth.reshape(-1, 1), scores.reshape(-1, 1)
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(truth, order, axis=0)
    ordered = np.take_along_axis(scores, order, axis=0)
    n_clips = len(truth)
    # A threshold takes all clips of equal score: read counts at the last of them.
    last = np.broadcast_to(np.arange(n_clips)[:, None], truth.shape).copy()
    last[:-1][ordered[1:] == ordered[:-1]] = n_clips - 1
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
    precisions = np.take_along_axis(np.cumsum(hits, axis=0), last, axis=0) / (last + 1)
    positives = truth.sum(axis=0)
    values = np.full(truth.shape[1], np.nan)
    np.divide((precisions * hits).sum(axis=0), positives, values, where=positives > 0)
    _warn(_undefined(positives == 0, "tags", "occur in no clip and are left out"))
    return values if average is None else _defined_mean(values)


def precision_at_k(
    y_true: Any, y_score: Any, *, k: int = 3, strict_mirex: bool = False
) -> float:
    """Share of true tags among the k tags of highest score, mean over clips.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores as for :func:`auc_tag`; those of different tags are compared.
    k : int, default=3
        Number of tags.
    strict_mirex : bool, default=False
        Whether tags of equal score are taken in the order of the columns, as by the
        evaluator of MIREX 2009. Otherwise all orders of them are averaged.

    Returns
    -------
    precision : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If there are fewer than k tags, unless ``strict_mirex``.

    Warns
    -----
    UndefinedMetricWarning
        If there are fewer than k tags: the evaluator of MIREX 2009 gives 0 then.

    Notes
    -----
    The denominator is always k. A clip with fewer than k tags can't reach 1, and a clip
    without a tag has 0: it counts in the mean, for its k best tags are all wrong.

    Examples
    --------
    >>> from skdeepmir.metrics import precision_at_k
    >>> precision_at_k([[1, 0, 1], [0, 1, 0]], [[0.9, 0.2, 0.1], [0.3, 0.8, 0.2]], k=2)
    0.5
    """
    truth, scores = _check_scores(y_true, y_score)
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k={k!r} must be an integer of at least 1.")
    if k > truth.shape[1] and not strict_mirex:
        raise ValueError(
            f"k={k} is more than the {truth.shape[1]} tags there are. Use a smaller k."
        )
    precision, problem = _precision_at(truth, scores, int(k), strict_mirex)
    _warn(problem)
    return precision


def mirex2009_tag_scores(
    y_true: Any, y_score: Any, *, strict_mirex: bool = True
) -> dict[str, float]:
    """Scores of the tag classification task of MIREX 2009.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores as for :func:`auc_tag`. What a system left out counts as 0.0 in MIREX;
        fill it in.
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
        One for all that is not defined: areas of tags and clips, which count as 0 or
        are left out, and precisions at more tags than there are, which are 0, or NaN.

    See Also
    --------
    auc_tag : Says how the evaluator resolves ties.

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
    truth, scores = _check_scores(y_true, y_score)
    of_tags, tag_problem = _areas(truth, scores, strict_mirex, "tags")
    of_clips, clip_problem = _areas(truth.T, scores.T, strict_mirex, "clips")
    results = {"AUC-Tag": _defined_mean(of_tags), "AUC-Clip": _defined_mean(of_clips)}
    problems = [tag_problem, clip_problem]
    for k in (3, 6, 9, 12, 15):
        results[f"P@{k}"], problem = _precision_at(truth, scores, k, strict_mirex)
        problems.append(problem)
    _warn(" ".join(filter(None, problems)))
    return results


def tag_report(
    y_true: Any,
    y_pred: Any,
    *,
    tag_names: Sequence[str] | None = None,
    zero_division: float = np.nan,
) -> Any:
    """Precision, recall, F-score and accuracy of each tag, with its prevalence.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_pred : array-like or sparse matrix of shape (n_clips, n_tags)
        Predictions, 0 or 1 too.
    tag_names : sequence of str, default=None
        Names of the tags. None takes the columns of a DataFrame ``y_true``, or numbers.
    zero_division : float, default=nan
        Value of what has a zero denominator: precision of a tag that is never
        predicted, recall of one that no clip has. 0 is what published tables often use.

    Returns
    -------
    report : DataFrame of shape (n_tags, 7)
        One row a tag: "precision", "recall", "f_score", "accuracy",
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
    truth, predicted = _indicators(y_true, "y_true"), _indicators(y_pred, "y_pred")
    _check_shapes(truth, predicted, "y_pred")
    n_clips, n_tags = truth.shape
    names = range(n_tags) if tag_names is None else tag_names
    if len(names) != n_tags:
        raise ValueError(f"tag_names has {len(names)} names, but there are {n_tags}.")

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
    """Mean over tags or folds with its standard error.

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
        If values are NaN, with their number.

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
            f"values has shape {values.shape}, expected one score a tag or fold."
        )
    missing = np.isnan(values)
    _warn(_undefined(missing, "values", "are NaN and left out"))
    values = values[~missing]
    if len(values) < 2:
        return (float(values[0]) if len(values) else float("nan")), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def _scorer(function: Any, **parameters: Any) -> Any:
    return make_scorer(
        function,
        response_method=("decision_function", "predict_proba"),
        **parameters,
    )


#: Scorers for ``cross_validate(scoring=TAG_SCORERS)``, or one of them for a search:
#: ``GridSearchCV(..., scoring=TAG_SCORERS["auc_tag"])``. They take
#: ``decision_function`` where there is one, ``predict_proba`` otherwise.
TAG_SCORERS = {
    "auc_tag": _scorer(auc_tag),
    "auc_clip": _scorer(auc_clip),
    "average_precision_tag": _scorer(average_precision_tag),
    "precision_at_3": _scorer(precision_at_k, k=3),
}


def _areas(
    truth: np.ndarray, scores: np.ndarray, strict_mirex: bool, what: str
) -> tuple[np.ndarray, str]:
    """Return the ROC area of each column, and what is to be said of undefined ones."""
    positives = truth.sum(axis=0)
    pairs = positives * (len(truth) - positives)
    if strict_mirex:
        areas, value = np.zeros(truth.shape[1]), "count as 0, as in MIREX 2009"
        doubled = _doubled_mirex_areas(truth, scores)
    else:
        areas, value = np.full(truth.shape[1], np.nan), "are left out"
        ranks = rankdata(scores, axis=0)
        doubled = 2 * (ranks * truth).sum(axis=0) - positives * (positives + 1)
    np.divide(doubled, 2 * pairs, areas, where=pairs > 0)
    reason = f"have no area, for lack of a 0 or a 1, and {value}"
    return areas, _undefined(pairs == 0, what, reason)


def _doubled_mirex_areas(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return twice the areas, in units of one positive times one negative.

    A curve has a point before each score that isn't 0, and one at its end.
    """
    n_rows, n_columns = scores.shape
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(truth, order, axis=0)
    has_point = np.take_along_axis(scores, order, axis=0) != 0
    row = np.arange(n_rows)[:, None]
    # Where there is no point, repeat the one before, or else the first one: a curve
    # begins there, which is (0, 0) only if the highest score is not 0.
    point = np.maximum.accumulate(np.where(has_point, row, -1), axis=0)
    point = np.where(point < 0, has_point.argmax(axis=0), point)
    counts = np.zeros((n_rows + 1, n_columns), dtype=np.int64)
    np.cumsum(hits, axis=0, out=counts[1:])
    point = np.vstack([point, np.full((1, n_columns), n_rows)])
    true_positives = np.take_along_axis(counts, point, axis=0)
    false_positives = point - true_positives
    heights = true_positives[1:] + true_positives[:-1]
    return (heights * np.diff(false_positives, axis=0)).sum(axis=0)


def _precision_at(
    truth: np.ndarray, scores: np.ndarray, k: int, strict_mirex: bool
) -> tuple[float, str]:
    """Return the mean precision at k, and what is to be said of too few tags."""
    n_tags = truth.shape[1]
    if k > n_tags:
        value = 0.0 if strict_mirex else float("nan")
        return value, f"P@{k} is {value:.0f}: there are only {n_tags} tags."
    if strict_mirex:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return float(np.take_along_axis(truth, best, axis=1).mean()), ""
    threshold = np.partition(scores, n_tags - k, axis=1)[:, n_tags - k, None]
    above, tied = scores > threshold, scores == threshold
    share = (k - above.sum(axis=1)) / tied.sum(axis=1)
    hits = (above & truth).sum(axis=1) + share * (tied & truth).sum(axis=1)
    return float(hits.mean() / k), ""


def _check_scores(y_true: Any, y_score: Any) -> tuple[np.ndarray, np.ndarray]:
    truth = _indicators(y_true, "y_true")
    if isinstance(y_score, list) and y_score and np.ndim(y_score[0]) == 2:
        y_score = _positive_columns(y_score)
    scores = np.asarray(y_score, dtype=np.float64)
    _check_shapes(truth, scores, "y_score")
    if np.isnan(scores).any():
        clip, tag = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"the score of clip {clip} for tag {tag} is NaN, one of "
            f"{np.isnan(scores).sum()}; expected numbers. MIREX takes 0 for scores "
            "that are missing."
        )
    return truth, scores


def _positive_columns(probabilities: list[Any]) -> np.ndarray:
    """Return probabilities of 1 from a list of (n_clips, 2), one for each tag."""
    for tag, columns in enumerate(probabilities):
        if np.ndim(columns) != 2 or np.shape(columns)[1] != 2:
            raise ValueError(
                f"y_score has shape {np.shape(columns)} for tag {tag}, expected "
                "(n_clips, 2): probabilities of 0 and 1. Was a tag all 0 or all 1 in "
                "the training set?"
            )
    return np.column_stack([np.asarray(columns)[:, 1] for columns in probabilities])


def _indicators(y: Any, name: str) -> np.ndarray:
    """Return tags as booleans of shape (n_clips, n_tags)."""
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


def _check_shapes(truth: np.ndarray, other: np.ndarray, name: str) -> None:
    if other.shape != truth.shape:
        raise ValueError(
            f"{name} has shape {other.shape}, but y_true has {truth.shape}; expected "
            "the same (n_clips, n_tags)."
        )


def _check_average(average: str | None, known: tuple[str | None, ...]) -> None:
    if average not in known:
        raise ValueError(f"average={average!r} is none of {list(known)}.")


def _defined_mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _undefined(mask: np.ndarray, what: str, reason: str) -> str:
    if not mask.any():
        return ""
    return f"{mask.sum()} of {len(mask)} {what} {reason}."


def _warn(problem: str) -> None:
    if problem:
        warnings.warn(problem, UndefinedMetricWarning, stacklevel=3)
