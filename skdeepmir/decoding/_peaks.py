"""Peaks of an activation, of a whole clip or while it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._errors import check_whole, is_number, refuse_masked

_LONGEST = 1 << 40  # frames; more than clips have, and sums are far from overflow


def pick_peaks(
    activation: Any,
    *,
    threshold: float = 0.5,
    smooth: int = 1,
    pre_max: int = 1,
    post_max: int = 1,
    pre_avg: int = 0,
    post_avg: int = 0,
    wait: int = 0,
    interpolate: bool = False,
) -> np.ndarray:
    """Find the frames where an activation peaks.

    Events such as onsets are where the activation of a net, or a spectral flux, is
    highest among its neighbours and high enough [1]_. All lengths are in frames;
    windows are cut at the ends of the clip.

    Parameters
    ----------
    activation : array-like of shape (n_frames,)
        How much each frame looks like an event.
    threshold : float, default=0.5
        Lowest activation of a peak; with ``pre_avg`` or ``post_avg``, lowest difference
        from the mean around. -inf takes every peak.
    smooth : int, default=1
        Length of the Hamming window whose weighted mean replaces each frame
        beforehand, an odd number; 1 leaves the activation as it is. Nets that say
        the same for neighbouring frames need some [2]_.
    pre_max, post_max : int, default=1
        A peak is the highest of so many frames before it and after it.
    pre_avg, post_avg : int, default=0
        A peak is ``threshold`` above the mean from so many frames before it to so many
        after it, itself included. With 0 and 0 it is above 0 instead: nets need no
        moving threshold, spectral fluxes do.
    wait : int, default=0
        No peak is found in so many frames after one.
    interpolate : bool, default=False
        Whether to return where the parabola through a peak and its two neighbours is
        highest, at most half a frame away. Needs a ``post_max`` of 1 or more. A peak
        without a frame before it, or with a higher one, stays where it is.

    Returns
    -------
    peaks : ndarray of shape (n_peaks,), dtype=int64, or float64 with ``interpolate``
        Numbers of the frames, in order. Of a plateau it is the first frame.

    Raises
    ------
    ValueError
        If the activation isn't one row of finite numbers, or a parameter is out of
        range.

    See Also
    --------
    PeakPicker : The same, while frames come in.

    References
    ----------
    .. [1] S. Böck, F. Krebs and M. Schedl. Evaluating the online capabilities of onset
       detection methods. ISMIR 2012.
    .. [2] J. Schlüter and S. Böck. Improved musical onset detection with convolutional
       neural networks. ICASSP 2014.

    Examples
    --------
    >>> from skdeepmir.decoding import pick_peaks
    >>> activation = [0.1, 0.9, 0.2, 0.3, 0.2, 0.6, 0.8, 0.6]
    >>> pick_peaks(activation)
    array([1, 6])
    >>> pick_peaks(activation, threshold=0.25)
    array([1, 3, 6])
    >>> pick_peaks(activation, interpolate=True).round(2)
    array([1.03, 6.  ])
    """
    picker = PeakPicker(
        threshold=threshold,
        smooth=smooth,
        pre_max=pre_max,
        post_max=post_max,
        pre_avg=pre_avg,
        post_avg=post_avg,
        wait=wait,
        interpolate=interpolate,
    )
    found = picker.push(activation)
    return np.concatenate([found, picker.finish()])


class PeakPicker:
    """Find the frames where an activation peaks while it comes in.

    Each peak is told as soon as no later frame can change it. The peaks are those that
    :func:`pick_peaks` finds in the whole activation, to the last bit, however it is cut
    into blocks.

    Parameters
    ----------
    threshold, smooth, pre_max, post_max, pre_avg, post_avg, wait, interpolate
        As in :func:`pick_peaks`.

    Attributes
    ----------
    look_ahead : int
        Number of frames after a peak that are needed to know it: the longer one of
        ``post_max`` and ``post_avg``, and half of ``smooth``.

    See Also
    --------
    pick_peaks : The same for a whole activation.

    Examples
    --------
    A frame is known to be a peak when the next one is lower:

    >>> from skdeepmir.decoding import PeakPicker
    >>> picker = PeakPicker(threshold=0.5)
    >>> picker.look_ahead
    1
    >>> [picker.push([value]).tolist() for value in [0.1, 0.9, 0.2, 0.6, 0.8]]
    [[], [], [1], [], []]
    >>> picker.finish()
    array([4])
    """

    _values: np.ndarray  # the frames that are still needed
    _start: int  # the number of the first of them
    _decided: int  # so many of them are decided
    _last: int  # the last peak

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        smooth: int = 1,
        pre_max: int = 1,
        post_max: int = 1,
        pre_avg: int = 0,
        post_avg: int = 0,
        wait: int = 0,
        interpolate: bool = False,
    ) -> None:
        _check_threshold(threshold)
        check_whole("smooth", smooth, 1)
        if smooth % 2 == 0:
            raise ValueError(
                f"smooth={smooth}, expected an odd number of frames, so that the "
                f"window has a middle, such as {smooth + 1}."
            )
        lengths = {"pre_max": pre_max, "post_max": post_max, "wait": wait}
        lengths |= {"pre_avg": pre_avg, "post_avg": post_avg}
        for name, length in lengths.items():
            check_whole(name, length)
            lengths[name] = min(int(length), _LONGEST)
        if interpolate and not post_max:
            raise ValueError(
                "post_max=0, expected 1 or more with interpolate=True: a parabola "
                "needs the frame after a peak."
            )
        before, after = lengths["pre_max"], lengths["post_max"]
        averaged = lengths["pre_avg"], lengths["post_avg"]
        self.look_ahead = max(after, averaged[1]) + int(smooth) // 2
        self._look_back = max(before, averaged[0], 1) + int(smooth) // 2
        self._weights = np.hamming(smooth)
        self._threshold = float(threshold)
        self._maxima, self._means = (before, after), averaged
        self._wait = lengths["wait"]
        self._interpolate = bool(interpolate)
        self._begin()

    def push(self, values: Any) -> np.ndarray:
        """Take the next frames of the activation; return the peaks that are now known.

        Parameters
        ----------
        values : array-like of shape (n_frames,)
            Any number of frames, also none.

        Returns
        -------
        peaks : ndarray of shape (n_peaks,), dtype=int64, or float64 with interpolation
            Frames counted from the first of the clip. Each peak is returned once.
        """
        values = _check_activation(values, self._start + len(self._values))
        self._values = np.concatenate([self._values, values])
        return self._numbers(*self._find(len(self._values) - self.look_ahead))

    def finish(self) -> np.ndarray:
        """End the clip; return the rest of its peaks.

        What is pushed afterwards is the beginning of another clip.

        Returns
        -------
        peaks : ndarray of shape (n_peaks,), dtype=int64, or float64 with interpolation
            Frames counted from the first of the clip.
        """
        found = self._numbers(*self._find(len(self._values)))
        self._begin()
        return found

    def _begin(self) -> None:
        self._values, self._start, self._decided = np.empty(0), 0, 0
        self._last = -1 - self._wait

    def _find(self, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return frames, strengths and shifts of the peaks among the next frames."""
        from skdeepmir.decoding._peaks_kernel import find_peaks

        n_frames = max(0, stop - self._decided)
        peaks = np.empty(n_frames, np.int64), np.empty(n_frames), np.empty(n_frames)
        if not n_frames:
            return peaks
        n_peaks = find_peaks(
            self._values,
            self._weights,
            self._decided,
            stop,
            self._last - self._start,
            self._threshold,
            self._maxima,
            self._means,
            self._wait,
            peaks,
        )
        frames, strengths, shifts = (column[:n_peaks] for column in peaks)
        frames += self._start
        if n_peaks:
            self._last = int(frames[-1])
        n_past = max(0, stop - self._look_back)
        self._values = self._values[n_past:]
        self._start, self._decided = self._start + n_past, stop - n_past
        return frames, strengths, shifts

    def _numbers(
        self, frames: np.ndarray, strengths: np.ndarray, shifts: np.ndarray
    ) -> np.ndarray:
        return frames + shifts if self._interpolate else frames


def peak_strengths(
    activation: Any, **parameters: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frame, place and strength of each peak that some threshold would find.

    With ``threshold=t``, :func:`pick_peaks` finds the places of those whose strength is
    at least t, but for those that come too soon after one that is found.
    """
    picker = PeakPicker(**{**parameters, "threshold": -np.inf, "wait": 0})
    picker._values = _check_activation(activation, 0)
    frames, strengths, shifts = picker._find(len(picker._values))
    return frames, picker._numbers(frames, strengths, shifts), strengths


def _check_threshold(threshold: Any) -> None:
    if not is_number(threshold) or np.isnan(threshold):
        raise ValueError(f"threshold={threshold!r}, expected a number.")


def _check_activation(activation: Any, n_before: int) -> np.ndarray:
    refuse_masked("The activation", activation, "frame")
    values = np.asarray(activation)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "fiub"):
        raise ValueError(
            f"The activation has shape {values.shape} and dtype {values.dtype}; "
            "expected numbers of shape (n_frames,), those of one clip."
        )
    values = values.astype(np.float64)
    strange = np.flatnonzero(~np.isfinite(values))
    if len(strange):
        raise ValueError(
            f"The activation is {values[strange[0]]} in frame {n_before + strange[0]}; "
            "expected finite numbers."
        )
    return values
