"""Which detection belongs to which onset: one to one, as many as possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = 0.025  # seconds between an onset and its detection, at most

Floats = NDArray[np.float64]
_Best = tuple[int, float, tuple]


def match_onsets(
    reference: Floats, estimated: Floats, window: float
) -> NDArray[np.int64]:
    """Return as many pairs of numbers (reference, estimated) as possible, in order.

    Both are in order, in seconds. Reference r and detection e can be a pair if
    ``e - window <= r <= e + window``, both ends rounded as mir_eval does. Of the sets
    with the most pairs, one with the smallest sum of absolute differences is returned.
    """
    # Two pairs never need to cross: let i < k be references, j < l detections, and let
    # (i, l) and (k, j) be possible. Both ends of the window grow with e, so that
    # l - window <= i <= k <= j + window <= l + window: (k, l) is possible, as is (i, j)
    # by l - window >= j - window; and |i - j| + |k - l| <= |i - l| + |k - j|. So the
    # best pairs among the first references and detections follow, row by row, from
    # those among fewer, as in an edit distance. A row looks only at what its reference
    # can be paired with, so that time grows with the number of possible pairs.
    starts = np.searchsorted(estimated + window, reference, side="left").tolist()
    stops = np.searchsorted(estimated - window, reference, side="right").tolist()
    onsets, detections = reference.tolist(), estimated.tolist()
    # best[j]: number of pairs, minus the sum of their differences, and the last pair
    # (with the one before it), among the first j detections and the references so far.
    best: list[_Best] = [(0, 0.0, ())]
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        best.extend([best[-1]] * (stop + 1 - len(best)))
        before = best[start]
        for j in range(start, stop):
            n_pairs, gain, last = before
            paired = n_pairs + 1, gain - abs(onsets[i] - detections[j]), (i, j, last)
            before = best[j + 1]
            best[j + 1] = max(before, best[j], paired, key=_value)
    pairs, last = [], best[-1][2]
    while last:
        pairs.append(last[:2])
        last = last[2]
    return np.array(pairs[::-1], dtype=np.int64).reshape(-1, 2)


def _value(best: _Best) -> tuple[int, float]:
    """Return what makes a set of pairs better than another."""
    return best[:2]
