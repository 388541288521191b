"""Notes from activations of onsets, frames and offsets, in numba.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from skdeepmir.decoding._peaks_kernel import find_peaks

_COMPILE: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
_ONE = np.ones(1)  # a window that smooths nothing


@njit(**_COMPILE)
def onset_peaks(onsets, floor, keys, frames, strengths, shifts):
    """Write the peaks of each key from ``floor`` up, in order; return their number."""
    # onsets: (n_keys, n_frames); keys, frames, strengths, shifts: (n_keys * n_frames,)
    # or less: no two neighbours are peaks
    n_keys, n_frames = onsets.shape
    n = 0
    for key in range(n_keys):
        found = frames[n:], strengths[n:], shifts[n:]
        # Not in the last frame: where audio is cut off, spectra flare.
        n_found = find_peaks(
            onsets[key], _ONE, 0, n_frames - 1, -1, floor, (1, 1), (0, 0), 0, found
        )
        keys[n : n + n_found] = key
        n += n_found
    return n


@njit(**_COMPILE)
def ends_of(keys, frames, sounds, offsets, offset_threshold, ends):
    """Write the frame at which each note ends, which is not in it any more."""
    # keys, frames: of onsets, in order; sounds: (n_keys, n_frames), whether a frame is
    # above the threshold; offsets: likewise, activations; ends: (n_notes,)
    n_frames = sounds.shape[1]
    for i in range(len(keys)):
        key, t = keys[i], frames[i] + 1
        stop = n_frames
        if i + 1 < len(keys) and keys[i + 1] == key:
            stop = frames[i + 1]
        while t < stop and sounds[key, t]:
            before, value = offsets[key, t - 1], offsets[key, t]
            after = offsets[key, t + 1] if t + 1 < n_frames else -np.inf
            if value >= offset_threshold and value > before and value >= after:
                break
            t += 1
        ends[i] = t
