"""Frames that follow the beat: ``BeatSynchronousExtractor``."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from skdeepmir import audio
from skdeepmir._bases import BaseEstimator, TransformerMixin
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
    telling,
)
from skdeepmir._warnings import warn_user
from skdeepmir.audio._librosa import import_librosa
from skdeepmir.frames import ClipsLike, LabelsLike, Mirrored
from skdeepmir.spectrogram._extractor import SpectrogramExtractor
from skdeepmir.spectrogram._recipe import C1

N_TIMBRE = 12  # coefficients of a frame, as many as Echo Nest's "timbre" has
LISTED = 5  # clips that a warning names


class BeatSynchronousExtractor(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Turn audio clips into one frame per beat, of chroma and timbre.

    Beats are tracked, and what other extractors make of a clip is averaged between
    them, so that frames mean the same at any tempo [1]_. A convolutional net with
    ``pool_length=4`` then hears beats, and above that bars.

    Stateless: ``fit`` only checks the parameters, so ``transform`` works at once.

    Parameters
    ----------
    extractors : sequence of SpectrogramExtractor, default=None
        What is averaged, side by side; their sample rates and hop lengths may differ.
        None takes "chroma" (12 values) and 12 "mfcc": the nearest to Echo Nest's
        features of [1]_ that anybody can compute.
    sample_rate : float, default=22050
        Sample rate in Hz of waveforms and of the tracker; files are resampled.
    hop_length : int, default=512
        Samples between frames of the tracker, and of the extractors by default: beats
        are found to 23 ms.
    aggregate : {"mean", "median"}, default="mean"
        What is taken over the frames of a beat.
    start_bpm : float, default=120.0
        Tempo around which beats are looked for (beats per minute).
    tightness : float, default=100.0
        How closely beats keep the tempo.
    truncated : {"raise", "accept"}, default="raise"
        Whether files that end early are errors, see
        :class:`~skdeepmir.SpectrogramExtractor`; of extractors by default.
    max_duration : float or None, default=7200.0
        Longest clip in seconds that is read, likewise; None sets no limit.
    cache_dir : str or PathLike, default=None
        Folder of a :class:`~skdeepmir.FeatureStore` for the tracker's spectra and those
        of the extractors by default.
    n_jobs : int, default=None
        Number of clips processed in parallel, likewise.
    verbose : bool, default=True
        Whether to show progress bars, likewise.

    Attributes
    ----------
    feature_names_ : ndarray of shape (n_features,), dtype=object
        Names of the columns of a frame.
    n_features_in_ : int
        Samples per clip; only if X was one 2-D array.

    See Also
    --------
    SpectrogramExtractor : Frames at a constant rate.
    ConvTagger : ``pool_length`` and ``stride`` make bars of beats.

    Notes
    -----
    A frame lasts from one beat to the next; what comes before the first and after the
    last beat is a frame as well, as in ``librosa.util.sync``. A clip in which no beat
    is found, such as silence, is one frame. Beats are those of
    ``librosa.beat.beat_track`` [2]_: dynamic programming on the strength of onsets.

    Frames have no rate in Hz: steps after this one that count in seconds say so.
    :meth:`beat_times` tells when the beats are.

    References
    ----------
    .. [1] S. Dieleman, P. Brakel and B. Schrauwen. Audio-based music classification
       with a pretrained convolutional network. ISMIR 2011.
    .. [2] D. Ellis. Beat tracking by dynamic programming. Journal of New Music
       Research 36(1), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import BeatSynchronousExtractor
    >>> clicks = np.zeros(22050 * 6)
    >>> clicks[::11025] = 1.0  # two in a second
    >>> extractor = BeatSynchronousExtractor(verbose=False)
    >>> np.diff(extractor.beat_times([clicks])[0]).round(1).tolist()[:4]
    [0.5, 0.5, 0.5, 0.5]
    >>> extractor.fit_transform([clicks])[0].shape[1]
    24
    """

    _parameter_constraints = {
        "extractors": [list, tuple, None],
        "sample_rate": [Interval(Real, 0, None, closed="neither")],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "aggregate": [StrOptions({"mean", "median"})],
        "start_bpm": [Interval(Real, 0, None, closed="neither")],
        "tightness": [Interval(Real, 0, None, closed="neither")],
        "truncated": [StrOptions({"raise", "accept"})],
        "max_duration": [Interval(Real, 0, None, closed="neither"), None],
        "cache_dir": [str, os.PathLike, None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        extractors: Sequence[SpectrogramExtractor] | None = None,
        *,
        sample_rate: float = 22050,
        hop_length: int = 512,
        aggregate: Literal["mean", "median"] = "mean",
        start_bpm: float = 120.0,
        tightness: float = 100.0,
        truncated: Literal["raise", "accept"] = "raise",
        max_duration: float | None = 7200.0,
        cache_dir: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        verbose: bool | int = True,
    ) -> None:
        self.extractors = extractors
        self.sample_rate = sample_rate
        self.hop_length = hop_length
        self.aggregate = aggregate
        self.start_bpm = start_bpm
        self.tightness = tightness
        self.truncated = truncated
        self.max_duration = max_duration
        self.cache_dir = cache_dir
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Check the parameters and the clips; nothing is learned.

        Parameters
        ----------
        X : list of path, list of ndarray of shape (n_samples_i,), or array-like of \
                shape (n_clips, n_samples)
            Audio, see :meth:`SpectrogramExtractor.fit`.
        y : array-like of shape (n_clips,), default=None
            Only its length is checked.

        Returns
        -------
        self : BeatSynchronousExtractor
            The extractor.
        """
        with telling(self, X, y):
            self._check(X, reset=True)
            extractors = [extractor.fit(X, y) for extractor in self._extractors()]
            self._tracker().fit(X, y)
            names = [extractor.feature_names_ for extractor in extractors]
            self.feature_names_ = np.concatenate(names)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: ClipsLike, y: LabelsLike | None = None) -> Mirrored:
        """Check the parameters, then extract the frames of all clips.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
            See :meth:`fit`.
        y : array-like of shape (n_clips,), default=None
            See :meth:`fit`.

        Returns
        -------
        frames : list of ndarray, or ndarray of 3 dimensions
            See :meth:`transform`.
        """
        return self.fit(X, y).transform(X)

    def transform(self, X: ClipsLike) -> Mirrored:
        """Extract a frame for each beat of all clips.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
            See :meth:`fit`.

        Returns
        -------
        frames : list of ndarray of shape (n_beats_i + 1, n_features), or ndarray of \
                shape (n_clips, n_beats + 1, n_features)
            float32. There is a frame less where the clip begins or ends with a beat,
            and one where there is no beat. A 3-D array where X is one 2-D array whose
            clips have as many beats as each other, else a list.

        Raises
        ------
        AudioError
            A ``ValueError`` that names row and file, if a clip cannot be used.
        ValueError
            If X is not a set of clips, or parameters contradict each other.

        Warns
        -----
        UserWarning
            If clips have no beat; it names them.
        """
        beats = self._beats(X)
        silent = [str(i) for i, times in enumerate(beats) if len(times) == 0]
        if silent:
            more = ", ..." if len(silent) > LISTED else ""
            warn_user(
                f"No beat was found in {len(silent)} of {len(beats)} clips (row "
                f"{', '.join(silent[:LISTED])}{more}): each is one frame."
            )
        parts = []
        for extractor in self._extractors():
            rate, offset = extractor.frame_rate, extractor.frame_offset
            clips = extractor.transform(X)
            parts.append(
                [
                    self._averaged(frames, (times - offset) * rate)
                    for frames, times in zip(clips, beats, strict=True)
                ]
            )
        frames = [_side_by_side(of_clip) for of_clip in zip(*parts, strict=True)]
        is_array = audio.list_audio(X) is None
        return (
            np.stack(frames) if is_array and len(set(map(len, frames))) == 1 else frames
        )

    def beat_times(self, X: ClipsLike) -> list[NDArray[np.float64]]:
        """Return when the beats of clips are.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
            See :meth:`fit`.

        Returns
        -------
        times : list of ndarray of shape (n_beats_i,)
            Seconds, increasing.
        """
        return self._beats(X)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept an output container and ignore it, because frames are not a table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : BeatSynchronousExtractor
            The extractor.
        """
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True  # paths
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _frame_rate_after(self, rate):
        """Return None: beats do not come at a constant rate."""
        return None

    def _check(self, X, *, reset):
        """Note the number of samples of waveforms of equal length, or compare it."""
        if audio.list_audio(X) is None:
            is_known = hasattr(self, "n_features_in_")
            if reset or is_known:
                validate_data(self, X, reset=reset, ensure_all_finite=False)
        elif reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_

    def _extractors(self):
        """Return what is averaged."""
        if self.extractors is None:
            n_octaves = min(7, int(math.log2(self.sample_rate / 2 / C1)))
            return [
                self._extractor("chroma", n_bins=12 * max(1, n_octaves)),
                self._extractor("mfcc", n_mfcc=N_TIMBRE),
            ]
        for extractor in self.extractors:
            if not isinstance(extractor, SpectrogramExtractor):
                raise ValueError(
                    f"extractors has a {type(extractor).__name__}; expected instances "
                    "of SpectrogramExtractor."
                )
        if not self.extractors:
            raise ValueError("extractors is empty; expected one or more, or None.")
        return [clone(extractor) for extractor in self.extractors]

    def _tracker(self):
        """Return what beats are tracked on, as in librosa."""
        return self._extractor("log_mel")

    def _extractor(self, kind, **options):
        return SpectrogramExtractor(
            kind,
            sample_rate=float(self.sample_rate),
            hop_length=int(self.hop_length),
            truncated=self.truncated,
            max_duration=self.max_duration,
            cache_dir=self.cache_dir,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            **options,
        )

    def _beats(self, X):
        self._validate_params()
        self._check(X, reset=False)
        tracker = self._tracker()
        return [self._tracked(frames) for frames in tracker.transform(X)]

    def _tracked(self, frames):
        """Return the times of the beats of one clip, from its log-mel frames."""
        librosa = import_librosa()
        rate, hop_length = float(self.sample_rate), int(self.hop_length)
        strength = librosa.onset.onset_strength(
            S=frames.T, sr=rate, hop_length=hop_length
        )
        if not strength.any():
            return np.zeros(0)
        _, beats = librosa.beat.beat_track(
            onset_envelope=strength,
            sr=rate,
            hop_length=hop_length,
            start_bpm=float(self.start_bpm),
            tightness=float(self.tightness),
        )
        return np.asarray(beats) * hop_length / rate

    def _averaged(self, frames, places):
        """Return what lies between places, in frames from the start."""
        edges = np.unique(np.rint(places).astype(int).clip(0, len(frames)))
        parts = np.split(frames, edges)
        average = np.mean if self.aggregate == "mean" else np.median
        means = [average(part, axis=0) for part in parts if len(part)]
        return np.asarray(means, dtype=np.float32)


def _side_by_side(parts: Sequence[Any]) -> NDArray[np.float32]:
    """Return the frames of several extractors, of which some may lack the last beat."""
    n_frames = min(map(len, parts))
    return np.hstack([part[:n_frames] for part in parts])
