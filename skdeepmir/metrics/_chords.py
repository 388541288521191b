"""Weighted chord symbol recall, coverage and segmentation, as in mir_eval."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import mir_eval.chord
import numpy as np

from skdeepmir._errors import check_choice
from skdeepmir.metrics._checks import defined_mean, undefined, warn
from skdeepmir.metrics._chord_inputs import (
    Overlay,
    Segmentation,
    Song,
    list_songs,
    overlay,
)

#: The comparisons of mir_eval, from roots alone to whole chords with their bass.
COMPARISONS = {
    name: getattr(mir_eval.chord, name)
    for name in (
        *("root", "mirex", "thirds", "thirds_inv", "majmin", "majmin_inv"),
        *("triads", "triads_inv", "sevenths", "sevenths_inv"),
        *("tetrads", "tetrads_inv"),
    )
}
SEGMENTATIONS = ("seg", "overseg", "underseg")
_AVERAGES = ("weighted", "macro", None)
NOT_SCORED = "have no time that the vocabulary scores"


def wcsr(
    y_true: Any,
    y_pred: Any,
    *,
    vocabulary: str = "majmin",
    frame_rate: float | None = None,
    average: str | None = "weighted",
) -> float | np.ndarray:
    """Compute weighted chord symbol recall, the share of time with the right chord.

    Parameters
    ----------
    y_true : list of length n_songs
        References. An item is ``(intervals, labels)``, with ``intervals`` of shape
        (n_chords, 2) in seconds and labels in Harte's grammar; or the path of a
        ``.lab`` or ``.jams`` file; or an array with a label for each frame. An object
        array is accepted too.
    y_pred : list of length n_songs
        Estimates, of the same kinds.
    vocabulary : str, default="majmin"
        Which chords are scored and what counts as right: "root", "mirex", "thirds",
        "majmin", "triads", "sevenths" or "tetrads"; all but the first two with "_inv"
        too, where the bass has to be right [1]_. The default is the one reported most
        often.
    frame_rate : float, default=None
        Frames per second of frame labels: frame t is at second ``t / frame_rate``. Not
        needed if both sides are frame labels of equal lengths: each frame counts 1.
    average : {"weighted", "macro"} or None, default="weighted"
        Share of the scored time of all songs, as in MIREX; mean over songs; or None for
        a recall per song.

    Returns
    -------
    recall : float, or ndarray of shape (n_songs,) without ``average``
        NaN for songs without scored time, and for the mean if no song has any.

    Raises
    ------
    ValueError
        If the numbers of songs or frames differ, an annotation is refused by
        :func:`skdeepmir.chords.check_intervals`, the frame rate is missing, or a
        parameter is invalid.

    Warns
    -----
    UndefinedMetricWarning
        If songs have no scored time; it says how many. They are left out of means.

    See Also
    --------
    chord_coverage : The share of the time that is scored at all.

    Notes
    -----
    Time is scored as by mir_eval: for "majmin" only where the reference is major, minor
    or "N", for "sevenths" only maj, min, maj7, 7, min7 or "N", and never where it is
    "X". The estimate is cut to the span of the reference, and counts as "N" where it
    has no chord. Gaps in the reference are not scored. The recall of a song is thus
    that of ``mir_eval.chord.evaluate``, except that there each chord of reference and
    estimate lasts through the gap after it. Here only gaps of up to 1 ms, which come
    from rounding, are closed in this way.

    References
    ----------
    .. [1] C. Raffel et al., "mir_eval: A transparent implementation of common MIR
       metrics", ISMIR 2014.

    Examples
    --------
    >>> from skdeepmir.metrics import wcsr
    >>> reference = ([[0, 1], [1, 4], [4, 5]], ["N", "C:maj7", "G:sus4"])
    >>> estimate = ([[0, 2], [2, 5]], ["N", "C:maj"])
    >>> wcsr([reference], [estimate])  # 1 + 2 of 4 s; G:sus4 is not scored
    0.75
    >>> wcsr([["C:maj", "A:min"]], [["C:maj", "C:maj"]], vocabulary="mirex")
    0.5
    """
    check_choice("vocabulary", vocabulary, COMPARISONS)
    check_choice("average", average, _AVERAGES)
    shared = overlay(list_songs(y_true, y_pred, frame_rate))
    hits, scored = recalled(shared, vocabulary)
    warn(undefined(scored == 0, "songs", NOT_SCORED))
    return averaged(hits, scored, average)


def chord_coverage(
    y_true: Any, *, vocabulary: str = "majmin", frame_rate: float | None = None
) -> float:
    """Compute the share of the time of the references that a vocabulary scores.

    Parameters
    ----------
    y_true : list of length n_songs
        References, checked as by :func:`wcsr`.
    vocabulary : str, default="majmin"
        As for :func:`wcsr`.
    frame_rate : float, default=None
        Frames per second of frame labels. With None each frame counts 1.

    Returns
    -------
    coverage : float
        Scored time over the time from the start of the first chord to the end of the
        last, summed over songs.

    Notes
    -----
    Recall covers scored time only: chords outside of the vocabulary are not wrong, they
    don't count. Report the coverage with the recall.

    Examples
    --------
    >>> from skdeepmir.metrics import chord_coverage
    >>> chord_coverage([([[0, 3], [3, 4]], ["C:maj", "G:sus4"])])
    0.75
    """
    check_choice("vocabulary", vocabulary, COMPARISONS)
    shared = overlay(list_songs(y_true, y_true, frame_rate))
    _, scored = recalled(shared, vocabulary)
    return float(scored.sum() / shared.seconds.sum())


def segmentation_score(
    y_true: Any,
    y_pred: Any,
    *,
    kind: str = "seg",
    frame_rate: float | None = None,
    average: str | None = "weighted",
) -> float | np.ndarray:
    """Compute the agreement of chord boundaries, whatever the chords are.

    Parameters
    ----------
    y_true : list of length n_songs
        References, checked as by :func:`wcsr`.
    y_pred : list of length n_songs
        Estimates.
    kind : {"seg", "overseg", "underseg"}, default="seg"
        "overseg" is low where estimates have too many boundaries, "underseg" where too
        few, and "seg" is the smaller of the two in each song.
    frame_rate : float, default=None
        Frames per second of frame labels, as for :func:`wcsr`.
    average : {"weighted", "macro"} or None, default="weighted"
        Mean over the songs, weighted by the durations of the references or not; or None
        for a score per song.

    Returns
    -------
    score : float, or ndarray of shape (n_songs,) without ``average``
        From 0 to 1; higher is better.

    Notes
    -----
    "overseg" is 1 - d for the directional Hamming distance d [1]_: the share of the
    time of a reference that lies outside of the longest estimated segment within each
    of its chords; "underseg" exchanges the two. Neighbours with the same chord are one.

    References
    ----------
    .. [1] C. Harte, "Towards automatic extraction of harmony information from music
       signals", PhD thesis, Queen Mary University of London, 2010.

    Examples
    --------
    >>> from skdeepmir.metrics import segmentation_score
    >>> reference = ([[0, 2], [2, 4]], ["C:maj", "G:maj"])
    >>> estimate = ([[0, 2], [2, 3], [3, 4]], ["C:maj", "G:maj", "A:min"])
    >>> for kind in ("seg", "overseg", "underseg"):
    ...     segmentation_score([reference], [estimate], kind=kind)
    0.75
    0.75
    1.0
    """
    check_choice("kind", kind, SEGMENTATIONS)
    check_choice("average", average, _AVERAGES)
    songs = list_songs(y_true, y_pred, frame_rate)
    durations = np.array([song.duration for song in songs])
    return averaged(segmented(songs)[kind] * durations, durations, average)


def recalled(shared: Overlay, vocabulary: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the right and the scored time of each song."""
    references, estimates = map(list, zip(*shared.pairs, strict=True))
    right = COMPARISONS[vocabulary](references, estimates)  # -1: not scored
    return shared.seconds @ np.maximum(right, 0), shared.seconds @ (right >= 0)


def segmented(songs: Sequence[Song]) -> dict[str, np.ndarray]:
    """Return the three segmentation scores of each song."""
    over, under = [], []
    for song in songs:
        reference, estimate = _changes(song.reference), _changes(song.estimate)
        over.append(_unbroken(song, reference, estimate))
        under.append(_unbroken(song, estimate, reference))
    overseg, underseg = np.array(over), np.array(under)
    return {
        "seg": np.minimum(overseg, underseg),
        "overseg": overseg,
        "underseg": underseg,
    }


def _changes(part: Segmentation) -> np.ndarray:
    """Return the times at which the chord changes."""
    sounds = [_sound(label) for label in part.labels]
    return part.starts[[True, *map(operator.ne, sounds[1:], sounds[:-1])]]


@lru_cache(maxsize=10_000)
def _sound(label: str) -> tuple[int, tuple[int, ...], int]:
    """Return what tells chords apart: here mir_eval counts ninths and up too."""
    root, bitmap, bass = mir_eval.chord.encode(label, reduce_extended_chords=True)
    return root, tuple(bitmap), bass


def _unbroken(song: Song, chords: np.ndarray, cuts: np.ndarray) -> float:
    """Return the share of the longest pieces of all chords, once they are cut."""
    inside = (chords > song.start) & (chords < song.end)
    begins = np.append(song.start, chords[inside])
    times = np.clip([*begins, *cuts, song.end], song.start, song.end)
    times = np.unique(times)
    longest = np.maximum.reduceat(np.diff(times), np.searchsorted(times, begins))
    return float(longest.sum() / song.duration)


def averaged(
    values: np.ndarray, weights: np.ndarray, average: str | None
) -> float | np.ndarray:
    """Return values over weights: of each song, their mean, or that of the sums."""
    if average == "weighted":
        values, weights = values.sum(keepdims=True), weights.sum(keepdims=True)
    undefined_ratio = np.full(len(values), np.nan)
    ratios = np.divide(values, weights, out=undefined_ratio, where=weights > 0)
    return ratios if average is None else defined_mean(ratios)
