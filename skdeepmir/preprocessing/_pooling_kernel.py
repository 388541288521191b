"""Moments of overlapping windows in numba: every frame is read twice per window length.

Windows are put together from the segments between the moments where one of them begins
or ends (half windows at an overlap of one half). A segment's moments are taken around
its own mean, in float64, and segments are merged by the formulas of Pébay (2008), so
that nothing is lost under a large offset. The plain version is the tests' loop over
windows with ``scipy.stats``.

Importing this module loads numba; compiling takes some seconds once, then it comes from
numba's cache on disk.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# By position. The first six describe a window or a segment (the moments not yet divided
# by the number of frames), the others follow from them.
FUNCTIONS = (
    "mean",
    "var",
    "moment3",
    "moment4",
    "min",
    "max",
    "std",
    "skewness",
    "kurtosis",
)
MEAN, SQUARES, CUBES, FOURTHS, LOW, HIGH, STD, SKEWNESS, KURTOSIS = range(
    len(FUNCTIONS)
)
_COMPILE = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
}


@njit(**_COMPILE)
def pool_windows(frames, length, hop, places, functions, out):
    """Add statistics of all windows of one length, or their mean, to ``out``."""
    # frames (n_frames, n_features), at least `length`; functions are positions in
    # FUNCTIONS, places their rows in out, (n_windows or 1, n_places, n_features)
    n_features = frames.shape[1]
    n_windows = (len(frames) - length) // hop + 1
    rest = length % hop
    per_hop = 2 if rest else 1  # segments
    per_window = length // hop * per_hop + (1 if rest else 0)
    # Segment number j is in slot j modulo per_window; the last slot is for the window.
    slots = np.empty((per_window + 1, 6, n_features))
    sizes = np.empty(per_window)
    scale = 1.0 if len(out) == n_windows else 1 / n_windows
    known = 0
    for window in range(n_windows):
        first = window * per_hop
        while known < first + per_window:
            start = known // per_hop * hop + known % per_hop * rest
            stop = (known + 1) // per_hop * hop + (known + 1) % per_hop * rest
            sizes[known % per_window] = stop - start
            _segment(frames, start, stop, slots, known % per_window)
            known += 1
        merged, count = first % per_window, sizes[first % per_window]
        for segment in range(first + 1, first + per_window):
            slot = segment % per_window
            _merge(slots, merged, count, slot, sizes[slot], per_window)
            merged = per_window
            count += sizes[slot]
        row = window if len(out) == n_windows else 0
        for place, function in zip(places, functions):  # noqa: B905 (not in numba)
            _add_statistic(slots, merged, length, function, scale, out, row, place)


@njit(**_COMPILE)
def _segment(frames, start, stop, slots, slot):
    """Write mean, sums of powers of deviations, minimum and maximum to a slot."""
    n_features = frames.shape[1]
    for i in range(n_features):
        slots[slot, MEAN, i] = frames[start, i]
        slots[slot, LOW, i] = slots[slot, HIGH, i] = frames[start, i]
        slots[slot, SQUARES, i] = slots[slot, CUBES, i] = slots[slot, FOURTHS, i] = 0
    # Four frames at a time: sums are read and written a quarter as often.
    fours = start + 1 + (stop - start - 1) % 4
    for frame in range(start + 1, fours):
        for i in range(n_features):
            a = np.float64(frames[frame, i])
            slots[slot, MEAN, i] += a
            slots[slot, LOW, i] = min(slots[slot, LOW, i], a)
            slots[slot, HIGH, i] = max(slots[slot, HIGH, i], a)
    for frame in range(fours, stop, 4):
        for i in range(n_features):
            a, b = np.float64(frames[frame, i]), np.float64(frames[frame + 1, i])
            c, d = np.float64(frames[frame + 2, i]), np.float64(frames[frame + 3, i])
            slots[slot, MEAN, i] += (a + b) + (c + d)
            low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
            slots[slot, LOW, i] = min(slots[slot, LOW, i], low)
            slots[slot, HIGH, i] = max(slots[slot, HIGH, i], high)
    share = 1 / (stop - start)
    for i in range(n_features):
        slots[slot, MEAN, i] *= share
    fours = start + (stop - start) % 4
    for frame in range(start, fours):
        for i in range(n_features):
            a = frames[frame, i] - slots[slot, MEAN, i]
            aa = a * a
            slots[slot, SQUARES, i] += aa
            slots[slot, CUBES, i] += aa * a
            slots[slot, FOURTHS, i] += aa * aa
    for frame in range(fours, stop, 4):
        for i in range(n_features):
            mean = slots[slot, MEAN, i]
            a, b = frames[frame, i] - mean, frames[frame + 1, i] - mean
            c, d = frames[frame + 2, i] - mean, frames[frame + 3, i] - mean
            aa, bb, cc, dd = a * a, b * b, c * c, d * d
            slots[slot, SQUARES, i] += (aa + bb) + (cc + dd)
            slots[slot, CUBES, i] += (aa * a + bb * b) + (cc * c + dd * d)
            slots[slot, FOURTHS, i] += (aa * aa + bb * bb) + (cc * cc + dd * dd)


@njit(**_COMPILE)
def _merge(slots, a, n_a, b, n_b, out):
    """Write what describes the frames of slots ``a`` and ``b`` together to ``out``."""
    n = n_a + n_b
    share_a, share_b = n_a / n, n_b / n
    for i in range(slots.shape[2]):
        delta = slots[b, MEAN, i] - slots[a, MEAN, i]
        between = delta * delta * share_a * n_b
        a2, b2 = slots[a, SQUARES, i], slots[b, SQUARES, i]
        a3, b3 = slots[a, CUBES, i], slots[b, CUBES, i]
        slots[out, FOURTHS, i] = (
            slots[a, FOURTHS, i]
            + slots[b, FOURTHS, i]
            + 4 * delta * (share_a * b3 - share_b * a3)
            + 6 * delta * delta * (share_a * share_a * b2 + share_b * share_b * a2)
            + between * delta * delta * (1 - 3 * share_a * share_b)
        )
        slots[out, CUBES, i] = (
            a3
            + b3
            + 3 * delta * (share_a * b2 - share_b * a2)
            + between * delta * (share_a - share_b)
        )
        slots[out, SQUARES, i] = a2 + b2 + between
        slots[out, MEAN, i] = slots[a, MEAN, i] + delta * share_b
        slots[out, LOW, i] = min(slots[a, LOW, i], slots[b, LOW, i])
        slots[out, HIGH, i] = max(slots[a, HIGH, i], slots[b, HIGH, i])


@njit(**_COMPILE)
def _add_statistic(slots, slot, length, function, scale, out, row, place):
    """Add ``scale`` times a statistic of a window, by its place in ``FUNCTIONS``."""
    share = 1 / length
    n_features = slots.shape[2]
    if function == STD:
        for i in range(n_features):
            out[row, place, i] += scale * np.sqrt(share * slots[slot, SQUARES, i])
    elif function == SKEWNESS:
        for i in range(n_features):
            inverse = _inverse(share * slots[slot, SQUARES, i], slots[slot, MEAN, i])
            skewness = share * slots[slot, CUBES, i] * inverse * np.sqrt(inverse)
            out[row, place, i] += scale * skewness
    elif function == KURTOSIS:
        for i in range(n_features):
            inverse = _inverse(share * slots[slot, SQUARES, i], slots[slot, MEAN, i])
            excess = share * slots[slot, FOURTHS, i] * inverse * inverse - 3
            out[row, place, i] += scale * (excess if inverse > 0 else 0.0)
    else:
        if SQUARES <= function <= FOURTHS:
            scale *= share
        for i in range(n_features):
            out[row, place, i] += scale * slots[slot, function, i]


@njit(**_COMPILE)
def _inverse(variance, mean):
    """Return 1 / variance, and 0 where nothing varies."""
    # Rounding leaves a constant feature with a variance of this size, not with 0. And
    # squares of variances that are smaller still would be 0.
    limit = 1e-14 * mean
    return 1 / variance if variance > max(limit * limit, 1e-150) else 0.0
