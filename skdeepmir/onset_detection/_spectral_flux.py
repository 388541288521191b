"""Onsets by spectral flux: ``SpectralFluxDetector``."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from scipy.ndimage import maximum_filter1d

from skdeepmir import onsets
from skdeepmir._frame_rates import needed_rate
from skdeepmir._parameters import Count, Finite, Size, parameter, parameters
from skdeepmir._sklearn import OneTask, _fit_context, plain
from skdeepmir._validation import check_clip_labels, validate_frames
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.onset_detection._detector import EventDetector
from skdeepmir.onset_detection._tuning import picked_clips
from skdeepmir.onsets._matching import WINDOW


@parameters
class SpectralFluxDetector(OneTask, EventDetector):
    """Detect onsets by how much the bands of a spectrum rise.

    The baseline that learns a threshold and a shift, no more: the activation of a frame
    is the mean rise of its bands over the frame ``lag`` frames before, falls counting
    as 0 [1]_. It equals ``librosa.onset.onset_strength(S=frames.T, lag=lag,
    max_size=max_size, center=False)``.

    With ``lag=2, max_size=3`` it is SuperFlux [2]_: a band rises only above the highest
    of its neighbourhood before, so that the glides of vibrato are not onsets. That
    needs bands that are finer than glides, 24 per octave in the paper, and windows of
    46 ms. :func:`make_onset_pipeline` makes both kinds with 138 mel bands.

    Attributes
    ----------
    threshold_ : float
        Smallest activation (above the mean around) of an onset.
    shift_ : float
        Seconds from the frame in which the flux peaks to the onset.
    frame_rate_ : float or None
        Frames per second, if they are known: ``frame_rate``, or that of the pipeline.
    frame_offset_ : float
        Second that frame 0 stands for.
    sample_rate_ : float or None
        Sample rate in Hz of the audio that frames come from, if a pipeline told it.
    n_features_in_ : int
        Features per frame.

    See Also
    --------
    OnsetDetector : Nets, which learn what onsets look like.
    make_onset_pipeline : This after the front end that it needs.

    Notes
    -----
    Frames are best in decibels that stop falling where nothing is heard: below, noise
    rises by as many decibels as music.

    References
    ----------
    .. [1] S. Dixon. Onset detection revisited. DAFx 2006.
    .. [2] S. Böck and G. Widmer. Maximum filter vibrato suppression for onset
       detection. DAFx 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import SpectralFluxDetector
    >>> clip = np.zeros((200, 6))
    >>> clip[[30, 90, 150]] = 20.0
    >>> detector = SpectralFluxDetector(frame_rate=100.0)
    >>> detector = detector.fit([clip] * 2, [[0.29, 0.89, 1.49]] * 2)
    >>> round(detector.threshold_, 2), round(detector.shift_, 3)
    (9.44, -0.01)
    >>> detector.predict([clip])[0].round(2)
    array([0.29, 0.89, 1.49])
    """

    lag: Size = parameter(
        """
        Frames from a frame to the one that it is compared with: 10 ms, or 20 ms for
        SuperFlux, are as long as attacks take.
        """,
        default=1,
        kw_only=False,
    )
    max_size: Size = parameter(
        """
        Bands whose largest value before a band must rise above, the band in their
        middle; 3 is SuperFlux, 1 looks at each band alone.
        """,
        default=1,
        kw_only=False,
    )
    shift: Finite | Literal["tune"] = parameter(
        """
        Seconds that are added to the time of each peak, because the flux is largest
        when a window has heard much of the attack, or has only begun to hear it. "tune"
        chooses what gives the best F-measure on the training clips, up to 80 ms. That
        reports sharp attacks some milliseconds early where soft ones, which peak late,
        would be missed otherwise.
        """,
        default="tune",
    )
    pre_max: Count = parameter(default=3)
    post_max: Count = parameter(default=3)
    pre_avg: Count = parameter(default=10)
    post_avg: Count = parameter(default=7)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Tune the threshold, and the time between peaks and onsets.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of spectra in decibels. Rows of a 2-D array are clips of one frame, in
            which nothing rises.
        y : sequence of n_clips annotations, default=None
            For each clip the times of its onsets in seconds, in order, (n_onsets_i,),
            or the path of a ``.onsets``, ``.txt``, ``.csv`` or ``.jams`` file. Onsets
            that are less than 30 ms apart become one. Needed unless ``threshold`` and
            ``shift`` are numbers.

        Returns
        -------
        self : SpectralFluxDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X is not a set of clips, an annotation does not fit its clip (which is
            named), or no clip has an onset.
        """
        clips, layout = validate_frames(self, X, reset=True, dtype=np.float64)
        tunes = "tune" in (self.threshold, self.shift)
        check_clip_labels(y, layout.n_clips, needed_by=self if tunes else None)
        targets = None if y is None else self._read_targets(y, layout)
        threshold = None if self.threshold == "tune" else float(self.threshold)
        shift = None if self.shift == "tune" else float(self.shift)
        if tunes and layout.has_clips:
            picked = picked_clips(
                self._activations(clips),
                [onsets.merge_onsets(times) for times in targets],
                self._picking(0.0),
                frame_rate=needed_rate(self.frame_rate),
                offset=self._offset_now(),
                needs_next=self._needs_next,
            )
            if shift is None:
                shift = picked.best_shift(WINDOW, threshold)
            if threshold is None:
                threshold = picked.best_threshold(WINDOW, shift)
        self._keep_clock(self.frame_rate, self._offset_now())
        self.threshold_ = 0.5 if threshold is None else threshold  # of rows
        self.shift_ = 0.0 if shift is None else shift
        return self

    @property
    def delay_(self) -> float:
        """Seconds of frames beyond an onset that must be known to detect it."""
        return super().delay_ - self.shift_

    def _live(self):
        return FluxActivations(plain(self.lag), plain(self.max_size))

    def _seconds(self, frames):
        return np.maximum(super()._seconds(frames) + self.shift_, 0.0)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "threshold_")


class FluxActivations:
    """Spectral flux while frames come in, bit for bit the same in any blocks.

    Parameters
    ----------
    lag : int
        Frames between those that are compared.
    max_size : int
        Bands whose largest value is compared with.
    """

    look_ahead = 0

    def __init__(self, lag: int, max_size: int) -> None:
        self.lag, self.max_size = lag, max_size
        self.held: np.ndarray | None = None  # what the next are compared with

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the mean rise of the bands of frames (n_frames, n_features)."""
        if not len(frames):
            return np.empty(0)
        held = frames[:0] if self.held is None else self.held
        known = np.ascontiguousarray(np.concatenate([held, frames]))
        self.held = known[-self.lag :]
        # Nothing rises in the first frames, which have none to be compared with.
        before = known[: -self.lag]
        if self.max_size > 1:
            before = maximum_filter1d(before, self.max_size, axis=1)
        rises = np.maximum(known[self.lag :] - before, 0.0).mean(axis=1)
        return np.concatenate([np.zeros(len(frames) - len(rises)), rises])

    def finish(self) -> np.ndarray:
        """Return nothing: all are known."""
        return np.empty(0)
