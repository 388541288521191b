"""Peaks of an activation in numba, the same bits whether frames come at once or not.

Every number is a plain sum in a fixed order over the frames around, so that it doesn't
depend on where an array begins or ends. Averages are sums of differences from the frame
in the middle: of equal values they are exactly that value, cut windows included, and a
plateau stays one.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_COMPILE: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_COMPILE)
def find_peaks(
    values, weights, first, stop, last, threshold, maxima, means, wait, peaks
):
    """Write the peaks from frame ``first`` to before ``stop``; return their number."""
    # values: (n_frames,); weights: (2 k + 1,), of the window that smooths; maxima,
    # means: frames before and after; last: the peak before, or -1 - wait;
    # peaks: frames, strengths and fractions of a frame, each (stop - first,) or more
    frames, strengths, shifts = peaks
    n_frames, n_peaks = len(values), 0
    low = max(0, first - max(maxima[0], means[0], 1))
    high = min(n_frames, stop + max(maxima[1], means[1], 1))
    smooth = np.empty(n_frames)
    for t in range(low, high):
        smooth[t] = (
            _weighted_mean(values, t, weights) if len(weights) > 1 else values[t]
        )
    for t in range(first, stop):
        value = smooth[t]
        if t <= last + wait or (t > 0 and smooth[t - 1] == value):
            continue
        if not _is_highest(smooth, t, maxima):
            continue
        strength = value
        if max(means) > 0:
            strength = value - _mean(smooth, t, means)
        if strength >= threshold:
            last = t
            frames[n_peaks], strengths[n_peaks] = t, strength
            shifts[n_peaks] = _shift(smooth, t)
            n_peaks += 1
    return n_peaks


@njit(**_COMPILE)
def _weighted_mean(values, t, weights):
    half = len(weights) // 2
    total = weight = 0.0
    for k in range(max(-half, -t), min(half + 1, len(values) - t)):
        total += weights[half + k] * (values[t + k] - values[t])
        weight += weights[half + k]
    return values[t] + total / weight


@njit(**_COMPILE)
def _is_highest(values, t, window):
    for other in range(max(0, t - window[0]), min(len(values), t + window[1] + 1)):
        if values[other] > values[t]:
            return False
    return True


@njit(**_COMPILE)
def _mean(values, t, window):
    start, stop = max(0, t - window[0]), min(len(values), t + window[1] + 1)
    total = 0.0
    for other in range(start, stop):
        total += values[other] - values[t]
    return values[t] + total / (stop - start)


@njit(**_COMPILE)
def _shift(values, t):
    """Return how far the top of the parabola through three frames is from frame t."""
    if t == 0 or t == len(values) - 1:
        return 0.0
    before, after = values[t - 1] - values[t], values[t + 1] - values[t]
    if before > 0 or after > 0 or before + after == 0:
        return 0.0
    return 0.5 * (before - after) / (before + after)
