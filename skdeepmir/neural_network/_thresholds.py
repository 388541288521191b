"""Thresholds of tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skdeepmir._warnings import warn_user


def f1_thresholds(
    targets: np.ndarray,
    probabilities: np.ndarray,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Return the threshold of each tag that gives the best F-score.

    Parameters
    ----------
    targets : ndarray of shape (n_clips, n_tags)
        0 and 1.
    probabilities : ndarray of shape (n_clips, n_tags)
        What was predicted for them.
    names : sequence of str, optional
        Names of the tags, for the warning.

    Returns
    -------
    thresholds : ndarray of shape (n_tags,)
        Halfway between two predicted probabilities (in logits), or 0.5 for tags that
        no clip has. Of several that are as good, the one nearest to 0.5.

    Warns
    -----
    UserWarning
        If no clip has some tag.
    """
    absent = np.asarray(~targets.any(axis=0))
    if absent.any():
        first = int(absent.argmax())
        shown = f"column {first}" if names is None else repr(names[first])
        warn_user(
            f"{absent.sum()} of {len(absent)} tags are on no validation clip (the "
            f"first is {shown}); their thresholds stay at 0.5. Pass "
            "more clips as X_val and y_val, or a larger validation_fraction."
        )
    thresholds = np.full(targets.shape[1], 0.5)
    for tag in np.flatnonzero(~absent):
        thresholds[tag] = _f1_threshold(targets[:, tag], probabilities[:, tag])
    return thresholds


def _f1_threshold(y: np.ndarray, p: np.ndarray) -> float:
    order = np.argsort(-p, kind="stable")
    y, p = y[order], p[order]
    n_chosen = np.arange(1, len(p) + 1)
    f1 = 2 * np.cumsum(y) / (n_chosen + y.sum())
    # Where a clip is chosen, so are those with the same probability.
    ends = np.append(p[1:] < p[:-1], True)
    logits = np.log(p) - np.log1p(-p)
    below = np.append(logits[1:], logits[-1] - 2)
    thresholds = 1 / (1 + np.exp(-(logits + below) / 2))
    best = np.flatnonzero(ends & (f1 >= f1[ends].max() - 1e-12))
    return float(thresholds[best[np.abs(thresholds[best] - 0.5).argmin()]])
