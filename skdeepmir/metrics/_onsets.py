"""Precision, recall and F of onsets within a window, pooled or clip by clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.metrics._event_counts import AVERAGES, EventCounts, report_of_groups
from skdeepmir.metrics._event_inputs import check_length, list_pairs
from skdeepmir.onsets import merge_onsets
from skdeepmir.onsets._files import onsets_of
from skdeepmir.onsets._matching import WINDOW, match_onsets
from skdeepmir.onsets._times import MERGE

RATIOS = ("precision", "recall", "f")
ERRORS = ("error", "absolute_error")


class OnsetScores(NamedTuple):
    """What :func:`onset_scores` returns.

    Attributes
    ----------
    precision, recall, f : float
        From 0 to 1.
    mean_error, mean_absolute_error : float
        Of the hits, detection minus reference, in seconds; NaN without hits.
    n_reference, n_detected, n_hits : int
        Over all clips. References are counted after they were merged.
    """

    precision: float
    recall: float
    f: float
    mean_error: float
    mean_absolute_error: float
    n_reference: int
    n_detected: int
    n_hits: int


def onset_scores(
    y_true: Any,
    y_pred: Any,
    *,
    window: float = WINDOW,
    merge: float = MERGE,
    average: str = "pooled",
) -> OnsetScores:
    """Compute precision, recall, F and timing errors of detected onsets.

    Parameters
    ----------
    y_true : list of length n_clips
        References. An item is an array of times in seconds, in order, or the path of a
        file for :func:`skdeepmir.onsets.read_onsets`. An object array is accepted too.
    y_pred : list of length n_clips
        Detections, of the same kinds.
    window : float, default=0.025
        How far a detection may be from its reference (seconds), to either side. The
        default is that of MIREX and of the papers since 2012 [1]_; mir_eval's is 0.05.
    merge : float, default=0.03
        References that are closer together than this (seconds) are one, see
        :func:`skdeepmir.onsets.merge_onsets`: the ear hears them as one [1]_.
        Detections are never merged. 0 merges nothing, as mir_eval.
    average : {"pooled", "clips"}, default="pooled"
        Whether hits are counted over all clips, as papers report it, so that clips with
        many onsets count more; or scores of clips are averaged.

    Returns
    -------
    scores : OnsetScores
        A named tuple: precision, recall, f, mean_error, mean_absolute_error,
        n_reference, n_detected, n_hits.

    Raises
    ------
    ValueError
        If the numbers of clips differ, times are refused by
        :func:`skdeepmir.onsets.check_onsets`, or a parameter is invalid.

    Warns
    -----
    UndefinedMetricWarning
        If a score is not defined: precision without any detection, recall without any
        reference, F without either. It is 0, as in mir_eval. With ``average="clips"``
        clips without either are left out of means, and the warning says how many.

    See Also
    --------
    onset_report : The same for kinds of material.
    onset_f1 : F alone.

    Notes
    -----
    Each detection is a hit of one reference at most and the other way round, and as
    many are matched as can be, as by mir_eval [2]_; of several such matchings, that
    with the smallest errors is taken. F is the harmonic mean of precision and recall,
    2 * hits / (references + detections).

    A clip with onsets on one side only has an F of 0. The mean errors of
    ``average="clips"`` are those of clips with hits.

    References
    ----------
    .. [1] S. Boeck, F. Krebs and M. Schedl, "Evaluating the online capabilities of
       onset detection methods", ISMIR 2012.
    .. [2] C. Raffel et al., "mir_eval: A transparent implementation of common MIR
       metrics", ISMIR 2014.

    Examples
    --------
    >>> from skdeepmir.metrics import onset_scores
    >>> reference, detected = [0.5, 1.0, 1.01, 2.0], [0.51, 1.0, 1.5]
    >>> scores = onset_scores([reference], [detected])
    >>> scores.n_reference, scores.n_detected, scores.n_hits
    (3, 3, 2)
    >>> print(f"{scores.f:.3f}, {1000 * scores.mean_absolute_error:.1f} ms")
    0.667, 7.5 ms
    """
    counts = count_onsets(y_true, y_pred, window, merge)
    check_choice("average", average, AVERAGES)
    scores: dict[str, Any] = {
        **{name: counts.averaged(name, average) for name in RATIOS},
        **{f"mean_{name}": counts.mean_of_hits(name, average) for name in ERRORS},
        **counts.totals(),
    }
    return OnsetScores(**scores)


def onset_f1(
    y_true: Any,
    y_pred: Any,
    *,
    window: float = WINDOW,
    merge: float = MERGE,
    average: str = "pooled",
) -> float:
    """Compute the F-measure of detected onsets.

    Parameters
    ----------
    y_true, y_pred, window, merge, average : see :func:`onset_scores`
        References and detections, and how they are compared.

    Returns
    -------
    f : float
        From 0 to 1; 0, with an ``UndefinedMetricWarning``, if there are neither
        references nor detections.

    Raises
    ------
    ValueError
        As :func:`onset_scores`.

    See Also
    --------
    onset_scores : Precision, recall and timing errors as well.

    Examples
    --------
    >>> from skdeepmir.metrics import onset_f1
    >>> onset_f1([[0.5, 1.0], [0.3]], [[0.51, 1.1], [0.3]])
    0.6666666666666666
    >>> onset_f1([[0.5, 1.0], [0.3]], [[0.51, 1.1], [0.3]], average="clips")
    0.75
    """
    check_choice("average", average, AVERAGES)
    return count_onsets(y_true, y_pred, window, merge).averaged("f", average)


def onset_report(
    y_true: Any,
    y_pred: Any,
    *,
    groups: Any = None,
    window: float = WINDOW,
    merge: float = MERGE,
) -> Any:
    """Report the scores of detected onsets for each kind of material, and for all.

    Parameters
    ----------
    y_true, y_pred, window, merge : see :func:`onset_scores`
        References and detections, and how they are compared.
    groups : array-like of shape (n_clips,), default=None
        Kind of material, instrument or file of each clip. None reports all together.

    Returns
    -------
    report : DataFrame of shape (n_groups + 1, 9)
        One row for each group, sorted, and "all". The columns are "n_clips",
        "n_reference", "n_detected", "n_hits", and "precision", "recall", "f",
        "mean_error" and "mean_absolute_error" (seconds), pooled over the clips of the
        group. What is not defined is NaN.

    Raises
    ------
    ValueError
        As :func:`onset_scores`; if there is not a group for each clip, or one is called
        "all".

    See Also
    --------
    onset_scores : The same for all clips together.

    Examples
    --------
    >>> from skdeepmir.metrics import onset_report
    >>> references = [[0.5, 1.0], [0.3, 0.6], [0.2]]
    >>> detections = [[0.51, 1.0], [0.3], [0.3]]
    >>> groups = ["drums", "flute", "flute"]
    >>> report = onset_report(references, detections, groups=groups)
    >>> report[["n_reference", "n_hits", "precision", "recall", "f"]].round(2)
           n_reference  n_hits  precision  recall     f
    drums            2       2       1.00    1.00  1.00
    flute            3       1       0.50    0.33  0.40
    all              5       3       0.75    0.60  0.67
    """
    counts = count_onsets(y_true, y_pred, window, merge)

    def line_of(rows: np.ndarray) -> dict[str, Any]:
        some = counts.take(rows).sum()
        return {
            **some.totals(),
            **{name: float(some.values(name)[0]) for name in RATIOS},
            **{f"mean_{name}": some.mean_of_hits(name) for name in ERRORS},
        }

    return report_of_groups(len(counts), groups, line_of)


@dataclass(frozen=True)
class OnsetCounts(EventCounts):
    """What there is in each clip; errors are sums over hits."""

    what: ClassVar[str] = "onsets"

    error: np.ndarray
    absolute_error: np.ndarray


def count_onsets(y_true: Any, y_pred: Any, window: Any, merge: Any) -> OnsetCounts:
    """Match the onsets of each clip, see :func:`onset_scores`."""
    window, merge = check_length("window", window), check_length("merge", merge)
    pairs = list_pairs(y_true, y_pred, onsets_of)
    return OnsetCounts.of(
        _counted(merge_onsets(reference, merge), detected, window)
        for reference, detected in pairs
    )


def _counted(
    reference: np.ndarray, detected: np.ndarray, window: float
) -> tuple[float, ...]:
    matched = match_onsets(reference, detected, window)
    errors = detected[matched[:, 1]] - reference[matched[:, 0]]
    n_both = len(reference), len(detected)
    return *n_both, len(errors), float(errors.sum()), float(np.abs(errors).sum())
