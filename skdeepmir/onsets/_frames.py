"""Onset times to targets of frames, and frames to times."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._errors import (
    check_frame_rate,
    check_whole,
    is_number,
    refuse_masked,
)
from skdeepmir.onsets._times import checked_times

#: Target of a frame without an onset, nor one near.
NO_ONSET = 0
#: Target of the frame that is nearest to an onset.
ONSET = 1
#: Target of a frame beside one with an onset, which may be learned from as half true.
NEAR_ONSET = 2

_ROUNDING = 1e-9  # frames; a time halfway between two belongs to the later one


def frame_targets(
    times: Any, n_frames: int, frame_rate: float, *, offset: float = 0.0, near: int = 1
) -> np.ndarray:
    """Return which frames have an onset, and which are near one.

    Parameters
    ----------
    times : array-like of shape (n_onsets,)
        Seconds, checked as by :func:`check_onsets`.
    n_frames : int
        Number of frames.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        The second that frame 0 stands for; frame t stands for ``t / frame_rate +
        offset``. That is 0 for frames centred on their time
        (:class:`skdeepmir.SpectrogramExtractor` with ``center=True``), and half of the
        longest window for those that begin with their first sample
        (``center=False``).
    near : int, default=1
        Frames on either side of one with an onset that are near it. Nets learn better
        from targets that are fuzzy, as the times of annotators are [1]_.

    Returns
    -------
    targets : ndarray of shape (n_frames,), dtype=int64
        ``ONSET`` for the frame nearest to each onset, ``NEAR_ONSET`` for frames near
        one that have none, ``NO_ONSET`` for the others. Onsets before the first frame
        or after the last, by more than half a frame, have no frame of their own.

    Raises
    ------
    ValueError
        If times are refused by :func:`check_onsets`, an onset is more than 1 s after
        the last frame, or another parameter is not what it must be.

    See Also
    --------
    frame_times : The other way round.
    merge_onsets : Onsets that the ear hears as one, before they become targets.

    References
    ----------
    .. [1] J. Schlüter and S. Böck, "Improved musical onset detection with
       convolutional neural networks", ICASSP 2014.

    Examples
    --------
    >>> from skdeepmir.onsets import frame_targets
    >>> frame_targets([0.0, 0.42], 8, frame_rate=10)
    array([1, 2, 0, 2, 1, 2, 0, 0])
    >>> frame_targets([0.0, 0.42], 8, frame_rate=10, offset=0.1, near=0)
    array([0, 0, 0, 1, 0, 0, 0, 0])
    """
    check_whole("n_frames", n_frames)
    check_whole("near", near)
    check_clock(frame_rate, offset)
    found = checked_times(times, "onsets", max(n_frames - 1, 0) / frame_rate + offset)
    nearest = nearest_frames(found, frame_rate, offset)
    frames = np.arange(n_frames)
    targets = np.full(n_frames, NO_ONSET, dtype=np.int64)
    for target, reach in ((NEAR_ONSET, float(near)), (ONSET, 0.0)):
        first = np.searchsorted(nearest, frames - reach, side="left")
        targets[first < np.searchsorted(nearest, frames + reach, side="right")] = target
    return targets


def frame_times(frames: Any, frame_rate: float, *, offset: float = 0.0) -> np.ndarray:
    """Return the seconds that frames stand for.

    Parameters
    ----------
    frames : array-like of int or float
        Numbers of frames; fractions are allowed, as of peaks between frames.
    frame_rate : float
        Frames per second.
    offset : float, default=0.0
        The second that frame 0 stands for, see :func:`frame_targets`.

    Returns
    -------
    times : ndarray of the shape of frames, dtype=float64
        Seconds: ``frames / frame_rate + offset``.

    Raises
    ------
    ValueError
        If frames are not finite numbers, or another parameter is not what it must be.

    See Also
    --------
    frame_targets : The other way round.
    skdeepmir.decoding.pick_peaks : Frames of an activation that become onsets.

    Examples
    --------
    >>> from skdeepmir.onsets import frame_times
    >>> frame_times([0, 4, 7.5], frame_rate=10)
    array([0.  , 0.4 , 0.75])
    >>> frame_times([0, 4, 7.5], frame_rate=10, offset=0.1)
    array([0.1 , 0.5 , 0.85])
    """
    refuse_masked("frames", frames, "frame")
    found = np.asarray(frames)
    if found.size and found.dtype.kind not in "iuf":
        raise ValueError(f"frames has the type {found.dtype}, expected numbers.")
    if not np.isfinite(found.astype(np.float64)).all():
        raise ValueError("frames has values that are not finite, expected numbers.")
    check_clock(frame_rate, offset)
    return found / float(frame_rate) + offset


def nearest_frames(times: np.ndarray, frame_rate: float, offset: float) -> np.ndarray:
    """Return the numbers of the frames that are nearest to times, as floats."""
    return np.floor((times - offset) * frame_rate + 0.5 + _ROUNDING)


def check_clock(frame_rate: float, offset: float) -> None:
    """Raise a ValueError unless these say which seconds frames stand for."""
    check_frame_rate(frame_rate)
    if not (is_number(offset) and np.isfinite(offset)):
        raise ValueError(
            f"offset={offset!r}, expected the seconds that frame 0 stands for."
        )
