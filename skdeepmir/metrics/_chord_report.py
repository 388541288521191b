"""All chord scores at once, and confusion matrices of chords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.chords import NO_CHORD, UNSCORED, VOCABULARIES, parse, simplify
from skdeepmir.metrics._checks import undefined, warn
from skdeepmir.metrics._chord_inputs import Overlay, Song, list_songs, overlay
from skdeepmir.metrics._chords import (
    COMPARISONS,
    NOT_SCORED,
    averaged,
    recalled,
    segmented,
)

OTHER = "other"  # qualities that no tetrad has
_ROOTS = [label.removesuffix(":maj") for label in VOCABULARIES["majmin"][:12]]
_QUALITIES = [label.removeprefix("C:") for label in VOCABULARIES["tetrads"][:-1:12]]


def chord_report(
    y_true: Any,
    y_pred: Any,
    *,
    by: str = "vocabulary",
    frame_rate: float | None = None,
) -> Any:
    """Report the scores of each vocabulary, or of each quality of chords.

    Parameters
    ----------
    y_true : list of length n_songs
        References, checked as by :func:`wcsr`.
    y_pred : list of length n_songs
        Estimates.
    by : {"vocabulary", "quality"}, default="vocabulary"
        What the rows are. A system that names the triad of every seventh chord has a
        fine score in "majmin", and in "tetrads" too where sevenths are rare: the
        qualities show it.
    frame_rate : float, default=None
        Frames per second of frame labels, as for :func:`wcsr`. Without it, each frame
        counts 1.

    Returns
    -------
    report : DataFrame of shape (15, 2) or (n_qualities, 6)
        By vocabulary, one row for each of :func:`wcsr` and each kind of
        :func:`segmentation_score`. The columns are "score", the weighted average, and
        "coverage", as by :func:`chord_coverage`, which is 1 for segmentation.

        By quality, one row for each that references or estimates have, of the 14 in the
        vocabulary "tetrads", "other" and "N", as in :func:`chord_confusion`. The
        columns are

        - "share" and "estimated", the shares of the time that references and estimates
          have such chords;
        - "recall", the share of the time of these references in which the chord is
          right, as for "tetrads": weighted by "share", recalls sum to that score;
        - "precision", the share of the time of these estimates that is right;
        - "triad" and "root", the share of the time of these references in which at
          least as much is right.

        Time that references call "X" is left out; estimates of "X" count as "N".

    Raises
    ------
    ValueError
        As by :func:`wcsr`, or if ``by`` is neither of the two.

    Warns
    -----
    UndefinedMetricWarning
        If there are vocabularies that score no time of any song; it says how many.
        Their scores are NaN. By quality there is no warning: recall is NaN where no
        reference has a quality, and precision where no estimate does.

    See Also
    --------
    chord_confusion : What each quality is taken for.

    Examples
    --------
    >>> from skdeepmir.metrics import chord_report
    >>> reference = ([[0, 1], [1, 4], [4, 5]], ["N", "C:maj7", "G:sus4"])
    >>> estimate = ([[0, 2], [2, 5]], ["N", "C:maj"])
    >>> chord_report([reference], [estimate]).loc[["root", "majmin", "tetrads", "seg"]]
             score  coverage
    root      0.60       1.0
    majmin    0.75       0.8
    tetrads   0.20       1.0
    seg       0.60       1.0
    >>> chord_report([reference], [estimate], by="quality").round(2)
          share  estimated  recall  precision  triad  root
    maj     0.0        0.6     NaN        0.0    NaN   NaN
    sus4    0.2        0.0     0.0        NaN   0.00  0.00
    maj7    0.6        0.0     0.0        NaN   0.67  0.67
    N       0.2        0.4     1.0        0.5   1.00  1.00
    """
    check_choice("by", by, ("vocabulary", "quality"))
    songs = list_songs(y_true, y_pred, frame_rate)
    shared = overlay(songs)
    return _by_vocabulary(songs, shared) if by == "vocabulary" else _by_quality(shared)


def _by_vocabulary(songs: list[Song], shared: Overlay) -> Any:
    import pandas as pd  # as in tag_report

    durations = np.array([song.duration for song in songs])
    rows = {}
    for name in COMPARISONS:
        hits, scored = recalled(shared, name)
        coverage = scored.sum() / shared.seconds.sum()
        rows[name] = averaged(hits, scored, "weighted"), coverage
    for kind, scores in segmented(songs).items():
        rows[kind] = averaged(scores * durations, durations, "weighted"), 1.0
    report = pd.DataFrame.from_dict(
        rows, orient="index", columns=["score", "coverage"], dtype=float
    )
    unscored = report["coverage"].to_numpy() == 0
    warn(undefined(unscored, "scores", "are NaN: the songs " + NOT_SCORED))
    return report


def _by_quality(shared: Overlay) -> Any:
    import pandas as pd  # as in tag_report

    references, estimates = map(list, zip(*shared.pairs, strict=True))
    is_known = np.array([label != UNSCORED for label in references])
    seconds = shared.seconds.sum(axis=0) * is_known  # (n_pairs,)
    pieces = pd.DataFrame(
        {
            "true": map(_quality, references),
            "found": map(_quality, estimates),
            "seconds": seconds,
            **{
                name: seconds * np.maximum(COMPARISONS[name](references, estimates), 0)
                for name in ("tetrads", "triads", "root")
            },
        }
    )
    qualities = KINDS["quality"][0]
    true, found = (
        pieces.groupby(side)[["seconds", "tetrads", "triads", "root"]]
        .sum()
        .reindex(qualities, fill_value=0)
        for side in ("true", "found")
    )
    recalls, precisions = (part.div(part["seconds"], axis=0) for part in (true, found))
    report = pd.DataFrame(
        {
            "share": true["seconds"] / seconds.sum(),
            "estimated": found["seconds"] / seconds.sum(),
            "recall": recalls["tetrads"],
            "precision": precisions["tetrads"],
            "triad": recalls["triads"],
            "root": recalls["root"],
        }
    )
    report.index.name = None
    return report[(report["share"] > 0) | (report["estimated"] > 0)]


def chord_confusion(
    y_true: Any,
    y_pred: Any,
    *,
    by: str = "root",
    frame_rate: float | None = None,
) -> Any:
    """Compute the confusion matrix of chord roots, qualities or intervals in seconds.

    Parameters
    ----------
    y_true : list of length n_songs
        References, checked as by :func:`wcsr`. Time that is "X" is left out.
    y_pred : list of length n_songs
        Estimates. "X" counts as "N".
    by : {"root", "quality", "interval"}, default="root"
        "root" compares the twelve roots and "N". "quality" compares the 14 qualities of
        the vocabulary "tetrads", whatever root and bass; all other qualities are
        "other". "interval" has the qualities of references as rows and the semitones
        from the true root up to the estimated one as columns: 7 is the dominant.
    frame_rate : float, default=None
        Frames per second of frame labels, as for :func:`wcsr`. Without it, frames are
        counted instead of seconds.

    Returns
    -------
    seconds : DataFrame
        References as rows, estimates as columns. Shape (13, 13) for "root", (16, 16)
        for "quality" and (15, 13) for "interval", where references of "N" are left out.

    Examples
    --------
    >>> from skdeepmir.metrics import chord_confusion
    >>> reference = ([[0, 1], [1, 4], [4, 5]], ["N", "C:maj", "A:min/b3"])
    >>> estimate = ([[0, 3], [3, 5]], ["C:maj", "A:min"])
    >>> seconds = chord_confusion([reference], [estimate], by="quality")
    >>> seconds.loc[["maj", "min", "N"], ["maj", "min"]]
    estimate   maj  min
    reference
    maj        2.0  1.0
    min        0.0  1.0
    N          1.0  0.0
    >>> seconds = chord_confusion([reference], [estimate], by="interval")
    >>> seconds.loc[["maj", "min"], [0, 9, "N"]]
    estimate     0    9    N
    reference
    maj        2.0  1.0  0.0
    min        1.0  0.0  0.0
    """
    import pandas as pd  # as in tag_report

    check_choice("by", by, KINDS)
    rows, columns, cell_of = KINDS[by]
    shared = overlay(list_songs(y_true, y_pred, frame_rate))
    seconds = np.zeros((len(rows), len(columns)))
    totals = shared.seconds.sum(axis=0)
    for (reference, estimate), total in zip(shared.pairs, totals, strict=True):
        row, column = cell_of(reference, estimate)
        if reference != UNSCORED and row in rows:
            seconds[rows.index(row), columns.index(column)] += total
    return pd.DataFrame(
        seconds,
        index=pd.Index(rows, name="reference"),
        columns=pd.Index(columns, name="estimate"),
    )


def _root(label: str) -> str:
    root = parse(label).root
    return NO_CHORD if root < 0 else _ROOTS[root]


def _quality(label: str) -> str:
    if parse(label).root < 0:
        return NO_CHORD
    in_root_position = label.partition("/")[0]
    (tetrad,) = simplify([in_root_position], "tetrads")
    return OTHER if tetrad == UNSCORED else tetrad.partition(":")[2]


def _interval(reference: str, estimate: str) -> int | str:
    root = parse(estimate).root
    return NO_CHORD if root < 0 else (root - parse(reference).root) % 12


_Kind = tuple[list[Any], list[Any], Callable[[str, str], tuple[Any, Any]]]
KINDS: dict[str, _Kind] = {
    "root": (
        [*_ROOTS, NO_CHORD],
        [*_ROOTS, NO_CHORD],
        lambda reference, estimate: (_root(reference), _root(estimate)),
    ),
    "quality": (
        [*_QUALITIES, OTHER, NO_CHORD],
        [*_QUALITIES, OTHER, NO_CHORD],
        lambda reference, estimate: (_quality(reference), _quality(estimate)),
    ),
    "interval": (
        [*_QUALITIES, OTHER],
        [*range(12), NO_CHORD],
        lambda reference, estimate: (
            _quality(reference),
            _interval(reference, estimate),
        ),
    ),
}
