"""How many detections and hits each threshold gives, in numba.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

from typing import Any

from numba import njit

_COMPILE: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_COMPILE)
def count_hits(thresholds, frames, times, strengths, onsets, wait, window, counts):
    """Add numbers of detections and hits in one clip to ``counts``."""
    # frames, times, strengths: (n_peaks,); onsets: (n_onsets,); times in order;
    # counts: (n_thresholds, 2)
    earliest, latest = times - window, times + window
    for row, threshold in enumerate(thresholds):
        last, i = -1 - wait, 0
        for j in range(len(frames)):
            if strengths[j] < threshold or frames[j] <= last + wait:
                continue
            last = frames[j]
            counts[row, 0] += 1
            # Pairs never need to cross, so that the first onset that a detection can be
            # paired with is as good as any: none is better for those to come.
            while i < len(onsets) and onsets[i] < earliest[j]:
                i += 1
            if i < len(onsets) and onsets[i] <= latest[j]:
                counts[row, 1] += 1
                i += 1
