"""Thresholds of onsets and frames that suit some clips best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skdeepmir._threads import one_blas_thread
from skdeepmir.onset_detection._tuning import ClipPeaks, PickedClips
from skdeepmir.transcription._forming import find_onset_peaks

WINDOW = 0.05  # seconds between a note and its estimate, at most
FLOOR = 0.02  # activations below are of no note at any sensible threshold
WEIGHTS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02)  # of evidence, compared
PRIORS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # of notes, as posteriors are divided by
LEVELS = np.linspace(0, 1, 201)  # thresholds of frames that are compared


def best_onset_threshold(
    activations: Sequence[np.ndarray],
    onsets: Sequence[np.ndarray],
    *,
    frame_rate: float,
    wait: int,
    expected: float,
) -> float:
    """Return the threshold of the highest F of onsets, pooled over all notes.

    ``activations`` and ``onsets``, bool, are (n_frames_i, n_keys). ``expected`` is
    taken unless F shows that it is wrong, see
    :func:`skdeepmir.onset_detection._tuning.best_threshold`.
    """
    parts = []
    for activation, reference in zip(activations, onsets, strict=True):
        peaks = find_onset_peaks(activation, FLOOR)
        for key in range(activation.shape[1]):
            own = peaks.where(peaks.keys == key)
            times = (own.frames + own.shifts) / frame_rate
            played = np.flatnonzero(reference[:, key]) / frame_rate
            parts.append(ClipPeaks(own.frames, times, own.strengths, played))
    return PickedClips(parts, wait, FLOOR).best_threshold(WINDOW, expected=expected)


def best_frame_threshold(
    activations: Sequence[np.ndarray], rolls: Sequence[np.ndarray], expected: float
) -> float:
    """Return the threshold of probabilities with the highest F of frames, pooled.

    Of several that are as good, within a thousandth, it is the nearest to ``expected``.
    """
    counts = np.zeros((2, len(LEVELS)))
    for activation, roll in zip(activations, rolls, strict=True):
        place = np.searchsorted(LEVELS, activation, side="right") - 1
        for row, chosen in enumerate((~roll, roll)):
            counts[row] += np.bincount(place[chosen], minlength=len(LEVELS))
    above: Any = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # false and true ones
    found = 2 * above[1] / np.maximum(above.sum(axis=0) + counts[1].sum(), 1)
    good = LEVELS[found >= found.max() - 1e-3]
    return float(good[np.abs(good - expected).argmin()])


def best_evidence(
    smooth: Callable[[float, Any], Sequence[np.ndarray]],
    rolls: Sequence[np.ndarray],
    prior: np.ndarray,
) -> tuple[float, Any]:
    """Return weight and prior of evidence with the best accuracy of frames, pooled.

    ``smooth(weight, prior)`` gives the smoothed frames of each clip. Compared with the
    prior that is given are the same ones for all notes.
    """

    def accuracy(evidence: tuple[float, Any]) -> float:
        pairs = list(zip(smooth(*evidence), rolls, strict=True))
        hits = sum(np.count_nonzero(found & roll) for found, roll in pairs)
        return hits / sum(np.count_nonzero(found | roll) for found, roll in pairs)

    # The first of equal ones.
    return max(((w, p) for p in (prior, *PRIORS) for w in WEIGHTS), key=accuracy)


@one_blas_thread()  # how sums are rounded depends on their number
def fit_logistic(
    margins: Sequence[np.ndarray], rolls: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Return slope and intercept of the log odds of margins, pooled over notes.

    They are the maximum likelihood, by Newton's method, of what Platt smoothed [1]_:
    the margins of a support vector machine become probabilities.

    References
    ----------
    .. [1] J. Platt. Probabilistic outputs for support vector machines and comparisons
       to regularized likelihood methods. Advances in large margin classifiers, 1999.
    """
    x = np.concatenate([part.ravel() for part in margins])
    yes = np.concatenate([part.ravel() for part in rolls])
    n_yes = np.count_nonzero(yes)
    n_no = yes.size - n_yes
    y = np.where(yes, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))
    slope, intercept = 1.0, float(np.log((n_yes + 1) / (n_no + 1)))
    loss = _logistic_loss(slope * x + intercept, y)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(slope * x + intercept, -500, 500)))
        error, w = p - y, p * (1 - p) + 1e-12
        gradient = np.array([error @ x, error.sum()])
        curvature = np.array([[w @ (x * x), w @ x], [w @ x, w.sum()]])
        move = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        size, before = 1.0, loss
        while size > 1e-6:
            now = slope - size * move[0], intercept - size * move[1]
            loss = _logistic_loss(now[0] * x + now[1], y)
            if loss <= before:
                break
            size /= 2
        else:
            break
        slope, intercept = now
        if before - loss <= 1e-9 * abs(before):
            break
    return float(slope), float(intercept)


def _logistic_loss(z: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum(np.logaddexp(0, z) - y * z))
