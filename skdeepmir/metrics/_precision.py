"""Average precision of tags, and precision at k of clips."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.metrics._checks import (
    check_scores,
    defined_mean,
    undefined,
    warn,
)


def average_precision_tag(
    y_true: Any, y_score: Any, *, average: str | None = "macro"
) -> float | np.ndarray:
    """Compute the average precision (PR-AUC) of each tag over the clips.

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
        If tags occur in no clip; it says how many.

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
    truth, scores = check_scores(y_true, y_score)
    check_choice("average", average, ("macro", "micro", None))
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
    warn(undefined(positives == 0, "tags", "occur in no clip and are left out"))
    return values if average is None else defined_mean(values)


def precision_at_k(
    y_true: Any, y_score: Any, *, k: int = 3, strict_mirex: bool = False
) -> float:
    """Compute the mean share of true tags among the k highest scores of a clip.

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
    truth, scores = check_scores(y_true, y_score)
    if not isinstance(k, Integral) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k={k!r} must be an integer of at least 1.")
    if k > truth.shape[1] and not strict_mirex:
        raise ValueError(
            f"k={k} is more than the {truth.shape[1]} tags. Use a smaller k."
        )
    precision, problem = mean_precision_at(truth, scores, int(k), strict_mirex)
    warn(problem)
    return precision


def mean_precision_at(
    truth: np.ndarray, scores: np.ndarray, k: int, strict_mirex: bool
) -> tuple[float, str]:
    """Return the mean precision at k, and a warning about too few tags."""
    n_tags = truth.shape[1]
    if k > n_tags:
        value = 0.0 if strict_mirex else float("nan")
        return value, f"P@{k} is {value:.0f}: there are only {n_tags} tags."
    if strict_mirex:
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return float(np.take_along_axis(truth, best, axis=1).mean()), ""
    return float(clip_precisions_at(truth, scores, k).mean()), ""


def clip_precisions_at(truth: np.ndarray, scores: np.ndarray, k: int) -> np.ndarray:
    """Return the precision at k of each clip; orders of equal scores are averaged."""
    n_tags = truth.shape[1]
    threshold = np.partition(scores, n_tags - k, axis=1)[:, n_tags - k, None]
    above, tied = scores > threshold, scores == threshold
    share = (k - above.sum(axis=1)) / tied.sum(axis=1)
    return ((above & truth).sum(axis=1) + share * (tied & truth).sum(axis=1)) / k
