"""Scorers by name: those of the field beside those of scikit-learn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sklearn.metrics

from skdeepmir._errors import did_you_mean
from skdeepmir.metrics._chord_scorers import chord_scorer
from skdeepmir.metrics._chords import COMPARISONS, SEGMENTATIONS
from skdeepmir.metrics._note_scorers import NOTE_SCORERS
from skdeepmir.metrics._onset_scorers import ONSET_SCORERS
from skdeepmir.metrics._report import TAG_SCORERS, tag_scorer

#: Names of the field; "precision_at_k" is one for each number k.
FIELD_SCORERS: dict[str, Callable[..., float]] = {
    **TAG_SCORERS,
    "ap_tag": TAG_SCORERS["average_precision_tag"],
    **{f"wcsr_{name}": chord_scorer(name) for name in COMPARISONS},
    **{f"chord_{kind}": chord_scorer(kind) for kind in SEGMENTATIONS},
    **ONSET_SCORERS,
    **NOTE_SCORERS,
}
_PRECISION_AT = re.compile(r"precision_at_([1-9]\d*)")


def get_scorer(scoring: str | Callable[..., Any]) -> Any:
    """Return a scorer by its name, the field's as well as scikit-learn's.

    Parameters
    ----------
    scoring : str or callable
        A name: one of scikit-learn's, such as "accuracy"; of tags "auc_tag",
        "auc_clip", "average_precision_tag" (or "ap_tag") and "precision_at_3" (or
        another number); of chords "wcsr_majmin" and so on for each vocabulary of
        :func:`wcsr`, and "chord_seg", "chord_overseg" and "chord_underseg"; of onsets
        "onset_f1", "onset_precision" and "onset_recall"; of notes "note_f1",
        "note_offset_f1", "note_velocity_f1", "note_offset_velocity_f1",
        "frame_accuracy" and "frame_f1". A callable is returned as it is.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y)``; greater is better.

    Raises
    ------
    ValueError
        If there is no scorer of that name; the message has a name that is similar.

    See Also
    --------
    get_scorer_names : All names.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skdeepmir.metrics import get_scorer
    >>> X, tags = [[0], [1], [2]], [[1, 0], [0, 1], [1, 0]]
    >>> tagger = DummyClassifier(strategy="prior").fit(X, tags)
    >>> print(get_scorer("auc_tag")(tagger, X, tags))
    0.5
    """
    if not isinstance(scoring, str):
        if callable(scoring):
            return scoring
        raise ValueError(
            f"scoring={scoring!r} is not a scorer; expected a name, or a callable "
            "scorer(estimator, X, y)."
        )
    if scoring in FIELD_SCORERS:
        return FIELD_SCORERS[scoring]
    if found := _PRECISION_AT.fullmatch(scoring):
        return tag_scorer("precision_at_k", k=int(found[1]))
    try:
        return sklearn.metrics.get_scorer(scoring)
    except ValueError as error:
        hint = did_you_mean(scoring, get_scorer_names())
        raise ValueError(
            f"scoring={scoring!a} is not the name of a scorer.{hint} See "
            "skdeepmir.metrics.get_scorer_names()."
        ) from error


def get_scorer_names() -> list[str]:
    """Return the names that :func:`get_scorer` knows, sorted.

    Returns
    -------
    names : list of str
        The field's and scikit-learn's.

    Examples
    --------
    >>> from skdeepmir.metrics import get_scorer_names
    >>> [name for name in get_scorer_names() if name.startswith("wcsr_maj")]
    ['wcsr_majmin', 'wcsr_majmin_inv']
    """
    return sorted({*FIELD_SCORERS, *sklearn.metrics.get_scorer_names()})
