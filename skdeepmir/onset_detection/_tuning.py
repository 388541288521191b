"""The threshold of a peak picker that finds the onsets of some clips best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from skdeepmir.decoding._peaks import peak_strengths
from skdeepmir.onsets import frame_times
from skdeepmir.onsets._matching import WINDOW

_GRID, _COARSE_GRID = 1024, 128  # thresholds that are tried at once
_EQUAL = 1e-3  # F that is lost for a value that is far from worse ones
_SHIFTS = np.arange(-40, 41) * 0.002  # seconds


def best_threshold(
    activations: Sequence[Any],
    onsets: Sequence[np.ndarray],
    picker_parameters: Mapping[str, Any],
    *,
    frame_rate: float,
    offset: float = 0.0,
    window: float = WINDOW,
    expected: float | None = None,
    needs_next: bool = False,
) -> float:
    """Return the threshold of the highest F-measure, pooled over all onsets.

    Thresholds whose F is within a thousandth of the highest, side by side, are as good
    as the best: of these it is the middle one, because the best one of all would follow
    the noise of few onsets. Where a threshold is ``expected``, such as 0.5 of
    probabilities, it is taken unless F shows that it is wrong: of the thresholds within
    two standard errors of the highest F it is the nearest one.

    Parameters
    ----------
    activations : sequence of n_clips arrays of shape (n_frames_i,)
        Activations.
    onsets : sequence of n_clips arrays of shape (n_onsets_i,)
        Seconds, in order, merged as they are where they are scored.
    picker_parameters : dict
        Parameters of :func:`skdeepmir.decoding.pick_peaks` but for the threshold.
    frame_rate, offset : float
        Frame t stands for second ``t / frame_rate + offset``.
    window : float, default=0.025
        Seconds between an onset and its detection, at most.
    expected : float, default=None
        What is taken where F does not tell.
    needs_next : bool, default=False
        Whether the last frame of a clip has no peak.

    Returns
    -------
    threshold : float
        The threshold.

    Raises
    ------
    ValueError
        If there are no onsets, or no frames.
    """
    clips = picked_clips(
        activations,
        onsets,
        picker_parameters,
        frame_rate=frame_rate,
        offset=offset,
        needs_next=needs_next,
    )
    return clips.best_threshold(window, expected=expected)


def picked_clips(
    activations: Sequence[Any],
    onsets: Sequence[np.ndarray],
    picker_parameters: Mapping[str, Any],
    *,
    frame_rate: float,
    offset: float = 0.0,
    needs_next: bool = False,
) -> PickedClips:
    """Return all peaks of some clips beside their onsets; see `best_threshold`."""
    clips = []
    for activation, reference in zip(activations, onsets, strict=True):
        peaks = peak_strengths(activation, **picker_parameters)
        kept = peaks[0] < len(activation) - needs_next
        frames, places, strengths = (of_peaks[kept] for of_peaks in peaks)
        times = frame_times(places, frame_rate, offset=offset)
        clips.append(ClipPeaks(frames, times, strengths, np.asarray(reference)))
    if not any(len(clip.onsets) for clip in clips):
        raise ValueError(
            "No clip has an onset, so that no threshold can be tuned. Pass clips with "
            "onsets."
        )
    if not any(len(activation) for activation in activations):
        raise ValueError("No clip has a frame, so that no threshold can be tuned.")
    floor = min(float(np.min(a)) for a in activations if len(a))
    return PickedClips(clips, int(picker_parameters.get("wait", 0)), floor)


class ClipPeaks(NamedTuple):
    """The peaks of a clip, each of which some threshold finds, and its onsets."""

    frames: np.ndarray
    times: np.ndarray
    strengths: np.ndarray
    onsets: np.ndarray


class PickedClips:
    """The peaks of clips and their onsets, which thresholds are compared on.

    Parameters
    ----------
    clips : list of ClipPeaks
        Those of each clip.
    wait : int
        Frames after a peak in which there is no other.
    floor : float
        The lowest activation.
    """

    def __init__(self, clips: list[ClipPeaks], wait: int, floor: float) -> None:
        self.clips, self.wait = clips, min(wait, 2**53)  # kernels take int64
        self.levels = np.unique(np.concatenate([clip.strengths for clip in clips]))
        self.floor = min([floor, *self.levels[:1].tolist()])
        self.n_onsets = sum(len(clip.onsets) for clip in clips)

    def best_threshold(
        self, window: float, shift: float = 0.0, expected: float | None = None
    ) -> float:
        """Return the threshold of the highest F, of peaks ``shift`` seconds later."""
        if not len(self.levels):  # no threshold finds a peak
            return float(self.floor if expected is None else expected)
        # All levels if they are few, else some, and then those around the best.
        tried = _spread(0, len(self.levels) - 1)
        best = int(self.f_measures(self.levels[tried], window, shift).argmax())
        around = tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)]
        tried = np.union1d(tried, _spread(*around))
        found = self.f_measures(self.levels[tried], window, shift)
        lost = _EQUAL
        if expected is not None:
            # With two hits and two misses more (Agresti and Coull), so that the error
            # of an F of 1 on few onsets is not 0.
            n = self.n_onsets + 4
            share = (found.max() * self.n_onsets + 2) / n
            lost += 2 * np.sqrt(share * (1 - share) / n)
        low, high = _as_good_as_the_best(found, lost)
        # Thresholds above the level below the lowest, up to the highest, are as good.
        below = self.levels[tried[low] - 1] if tried[low] > 0 else self.floor
        top = self.levels[tried[high]]
        middle = (below + top) / 2
        if expected is not None and expected > below:
            middle = min(expected, top)
        return float(middle if below < middle else top)

    def best_shift(self, window: float, threshold: float | None = None) -> float:
        """Return how many seconds later peaks give the highest F, up to 80 ms.

        That is F at a threshold, or at the best one (None).
        """
        if not len(self.levels):
            return 0.0
        levels = self.levels[_spread(0, len(self.levels) - 1, _COARSE_GRID)]
        tried = levels if threshold is None else np.array([threshold])
        found = [self.f_measures(tried, window, shift).max() for shift in _SHIFTS]
        low, high = _as_good_as_the_best(np.array(found))
        return float(_SHIFTS[low] + _SHIFTS[high]) / 2

    def f_measures(
        self, thresholds: np.ndarray, window: float, shift: float = 0.0
    ) -> np.ndarray:
        """Return the F-measure at each of some thresholds."""
        from skdeepmir.onset_detection._tuning_kernel import count_hits

        counts = np.zeros((len(thresholds), 2), np.int64)
        for frames, times, strengths, onsets in self.clips:
            peaks = frames, times + shift, strengths
            count_hits(thresholds, *peaks, onsets, self.wait, window, counts)
        return 2 * counts[:, 1] / (counts[:, 0] + self.n_onsets)


def _spread(first: int, last: int, at_most: int = _GRID) -> np.ndarray:
    """Return some whole numbers from ``first`` to ``last``, all if they are few."""
    n_tried = min(at_most, last - first + 1)
    return np.unique(np.linspace(first, last, n_tried).round().astype(np.int64))


def _as_good_as_the_best(found: np.ndarray, lost: float = _EQUAL) -> tuple[int, int]:
    """Return the first and the last of those around the best that are as good."""
    good = found >= found.max() - lost
    low = high = int(found.argmax())
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(found) - 1 and good[high + 1]:
        high += 1
    return low, high
