"""Areas under the ROC curve of tags and of clips."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from skdeepmir._errors import check_choice
from skdeepmir.metrics._checks import (
    check_scores,
    defined_mean,
    undefined,
    warn,
)


def auc_tag(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    strict_mirex: bool = False,
) -> float | np.ndarray:
    """Compute AUC-Tag, the area under the ROC curve of each tag over the clips.

    Parameters
    ----------
    y_true : array-like or sparse matrix of shape (n_clips, n_tags)
        0 or 1 for each tag of each clip.
    y_score : array-like of shape (n_clips, n_tags)
        Scores, larger for tags that are more likely. A list with an array of shape
        (n_clips, 2) for each tag, as from scikit-learn's forests, is accepted too.
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
        If tags have no area; it says how many.

    Notes
    -----
    The area is the probability that a clip with the tag has a larger score than one
    without it, where equal scores count half [1]_: with ranks r of the scores,

        AUC = (sum of r over clips with the tag - P (P + 1) / 2) / (P N)

    for P clips with and N clips without it.

    The evaluator of MIREX 2009 [2]_ differs in two ways. An undefined area counts as 0.
    And its curve has a point before each score that isn't 0, instead of one before each
    score that differs from the last: equal scores are taken in the order of the clips,
    while scores of 0 are merged with each other and with the last score above them.
    This makes no difference for scores that are all different and not 0, but it does
    for decisions of 0 and 1.

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
    truth, scores = check_scores(y_true, y_score)
    check_choice("average", average, ("macro", "micro", None))
    if average == "micro":
        truth, scores = truth.reshape(-1, 1), scores.reshape(-1, 1)
    areas, problem = roc_areas(truth, scores, strict_mirex, "tags")
    warn(problem)
    return areas if average is None else defined_mean(areas)


def auc_clip(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    strict_mirex: bool = False,
) -> float | np.ndarray:
    """Compute AUC-Clip, the area under the ROC curve of each clip over the tags.

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
        If clips have no area; it says how many.

    Examples
    --------
    >>> from skdeepmir.metrics import auc_clip
    >>> auc_clip([[1, 0, 0], [0, 1, 1]], [[0.9, 0.1, 0.4], [0.5, 0.7, 0.2]])
    0.75
    """
    truth, scores = check_scores(y_true, y_score)
    check_choice("average", average, ("macro", None))
    areas, problem = roc_areas(truth.T, scores.T, strict_mirex, "clips")
    warn(problem)
    return areas if average is None else defined_mean(areas)


def roc_areas(
    truth: np.ndarray, scores: np.ndarray, strict_mirex: bool, what: str
) -> tuple[np.ndarray, str]:
    """Return the ROC area of each column, and a warning about undefined ones."""
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
    return areas, undefined(pairs == 0, what, reason)


def _doubled_mirex_areas(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return twice the areas, in units of one positive times one negative."""
    # A curve has a point before each score that isn't 0, and one at its end.
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
