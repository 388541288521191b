"""The estimator around :class:`Recipe`: validation, many clips, the feature store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from skdeepmir import audio
from skdeepmir._bases import BaseEstimator, TransformerMixin
from skdeepmir._frame_rates import FrameClock
from skdeepmir._progress import progress
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
    telling,
)
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import check_clip_labels
from skdeepmir._warnings import warn_user
from skdeepmir.audio import AudioError, AudioWarning, DoubtfulAudioWarning
from skdeepmir.frames import ClipsLike, LabelsLike, Mirrored
from skdeepmir.spectrogram._clips import Clips, checked_clip, extract_clip
from skdeepmir.spectrogram._recipe import C1, CONSTANT_Q_KINDS, FOURIER_KINDS, Recipe
from skdeepmir.spectrogram._store import FeatureStore
from skdeepmir.spectrogram._stream import FrameStream, frames_of


class SpectrogramExtractor(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Turn audio clips into frames of spectral features.

    Stateless: ``fit`` only checks the parameters, so ``transform`` works at once.

    Parameters
    ----------
    kind : {"magnitude", "power", "mel", "log_mel", "mfcc", "cqt", "chroma"}, \
            default="log_mel"
        What a frame holds.

        - "magnitude", "power": the spectrum, ``n_fft // 2 + 1`` bins (513 at
          ``n_fft=1024``, the input of [1]_).
        - "mel": power in ``n_mels`` mel bands (Slaney's scale, filters of equal area).
        - "log_mel": the same in decibels. The default: the input of most nets.
        - "mfcc": the first ``n_mfcc`` cosine coefficients of "log_mel".
        - "cqt": magnitude of a constant-Q transform, ``n_bins`` bins.
        - "chroma": "cqt" folded into 12 pitch classes, C first, largest value 1.

        All equal librosa 0.11 with ``top_db=None`` and ``tuning=0``; "chroma" equals
        ``librosa.feature.chroma_cqt`` with the same ``bins_per_octave`` (36 by default
        there, with three times the bins).
    sample_rate : float, default=22050
        Sample rate in Hz that files are resampled to, and that waveforms must have. The
        field's usual rate: most of what tells music apart lies below 11 kHz.
    n_fft : int or tuple of int, default=2048
        Samples of the Hann window (93 ms). Several windows, such as
        ``(1024, 2048, 4096)``, give several spectra side by side in each frame; they
        are centred on the same moment. Not used by "cqt" and "chroma".
    hop_length : int, default=512
        Samples from one frame to the next (23 ms).
    n_mels : int, default=128
        Mel bands, for "mel", "log_mel" and "mfcc".
    n_mfcc : int, default=20
        Coefficients, for "mfcc". The first is the loudness.
    n_bins : int, default=84
        Bins, for "cqt" and "chroma": seven octaves.
    bins_per_octave : int, default=12
        Bins per octave, for "cqt" and "chroma"; a multiple of 12 for "chroma".
    fmin : float, default=None
        Lowest frequency in Hz. None is 0, and 32.7 Hz (C1) for "cqt" and "chroma".
    fmax : float, default=None
        Highest frequency in Hz; None is half the sample rate. For "magnitude" and
        "power", bins outside of ``[fmin, fmax]`` are left out. Not used by "cqt" and
        "chroma", whose highest bin follows from ``n_bins``.
    center : bool, default=True
        If True, frame t is centred on second ``t / frame_rate`` and windows reach over
        both ends into silence, as in librosa. If False, frame 0 begins with the first
        sample and a remainder shorter than a window is left out, as in [1]_; frame t
        stands for the middle of its window, ``t / frame_rate + frame_offset``.
    log : bool, default=False
        Whether "magnitude", "power", "mel" and "cqt" are given in decibels.
    amin : float, default=1e-10
        Power below which decibels stop falling: the floor of "log_mel" and "mfcc" is
        -100 dB. There is no ``top_db``: a frame must not depend on the loudest of its
        clip.
    deltas : {0, 1, 2}, default=0
        How many time derivatives (over nine frames) to append to each frame. They equal
        ``librosa.feature.delta(..., mode="nearest")``: beyond both ends the outermost
        frame is repeated. librosa's default, ``mode="interp"``, differs in the first
        and the last four frames (it fits a polynomial to the outermost nine) and
        refuses clips of fewer than nine. For that, transform with ``deltas=0`` and call
        ``librosa.feature.delta(frames, axis=0, order=1)``.
    short : {"pad", "raise"}, default="pad"
        What to do with a clip that is shorter than the longest window: pad it with
        silence (every clip has at least one frame) or raise an error.
    truncated : {"raise", "accept"}, default="raise"
        What to do with a file whose end is missing or damaged: treat it as bad, or
        take what comes before. It is bad by default because half a song has other
        features, and annotations that do not fit.
    max_duration : float, default=7200.0
        Longest accepted file in s: 1.6 MB can hold three hours of silence, and a
        damaged header can promise a month. Two hours exceed nearly all tracks; None
        sets no limit. Waveforms in memory are not limited.
    on_error : {"raise", "nan"}, default="raise"
        What to do about clips that cannot be used. "raise" stops at the first; bad
        headers are found in all files before the first is decoded. "nan" gives them,
        and no others, frames of NaN (a single one in lists), and one
        :class:`~skdeepmir.audio.AudioWarning` that lists them as ``problems``. Nothing
        drops rows here, because labels would not follow: see
        :func:`~skdeepmir.drop_bad_audio`.
    cache_dir : str or PathLike, default=None
        Folder of a :class:`~skdeepmir.FeatureStore` that keeps the features of files:
        each file is decoded once for all folds, candidates, processes and later runs.
        A file counts as the same if its content is the same. None keeps nothing.
        Waveforms in memory are never stored: finding them again would take as long as
        transforming them.
    cache_size : float, default=20.0
        Gigabytes (10^9 bytes) that the store may take; beyond it, what was not used for
        the longest time is removed. 20 GB hold the log-mel spectra of 250 hours. None
        sets no limit.
    n_jobs : int, default=None
        Number of clips processed in parallel, through joblib. None is 1 unless in a
        ``joblib.parallel_config`` context; -1 is all cores. Threads are used unless the
        context names another backend: decoding and transforming release the GIL.
    verbose : bool, default=True
        Whether to show a progress bar if it takes longer than two seconds.

    Attributes
    ----------
    feature_names_ : ndarray of shape (n_features,), dtype=object
        Names of the columns of a frame.
    n_features_in_ : int
        Samples per clip; only if X was one 2-D array.

    See Also
    --------
    drop_bad_audio : Remove clips that cannot be used, and their labels, beforehand.
    FeatureStore : What ``cache_dir`` keeps: look at it, clear it.
    FrameStream : The frames of live audio.
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.
    FrameTransformer : Any scikit-learn transformer on frames.

    Notes
    -----
    The output mirrors the input: a list of paths or of 1-D waveforms becomes a list of
    2-D arrays, a 2-D array ``(n_clips, n_samples)`` of equally long waveforms becomes a
    3-D array. Frames are not a table, so there is no ``get_feature_names_out`` (that of
    :class:`skdeepmir.pipeline.Pipeline` begins here all the same), and ``set_output``
    (which ``Pipeline.set_output`` calls on every step) leaves them alone.

    Files are decoded, resampled and transformed in blocks: beyond its output, a clip
    takes the same memory (some 30 MB) at any length. With ``cache_dir``, features of
    more than 16 MB (37 minutes of "log_mel") are written block by block and returned as
    read-only memory maps of the store, so the output takes no memory either.

    References
    ----------
    .. [1] P. Hamel and D. Eck. Learning features from music audio with deep belief
       networks. ISMIR 2010.

    Examples
    --------
    >>> from skdeepmir import SpectrogramExtractor
    >>> from skdeepmir.datasets import make_instrument_clips
    >>> clips = make_instrument_clips(n_clips=6, duration=1.0, random_state=0).data
    >>> extractor = SpectrogramExtractor(kind="log_mel", n_mels=40)
    >>> frames = extractor.fit_transform(clips)
    >>> len(frames), frames[0].shape
    (6, (44, 40))
    >>> round(extractor.frame_rate, 2)
    43.07
    """

    _parameter_constraints = {
        "kind": [StrOptions({*FOURIER_KINDS, *CONSTANT_Q_KINDS})],
        "sample_rate": [Interval(Real, 0, None, closed="neither")],
        "n_fft": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "hop_length": [Interval(Integral, 1, None, closed="left")],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "n_mfcc": [Interval(Integral, 1, None, closed="left")],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "bins_per_octave": [Interval(Integral, 1, None, closed="left")],
        "fmin": [Interval(Real, 0, None, closed="left"), None],
        "fmax": [Interval(Real, 0, None, closed="neither"), None],
        "center": ["boolean"],
        "log": ["boolean"],
        "amin": [Interval(Real, 0, None, closed="neither")],
        "deltas": [Interval(Integral, 0, 2, closed="both")],
        "short": [StrOptions({"pad", "raise"})],
        "truncated": [StrOptions({"raise", "accept"})],
        "max_duration": [Interval(Real, 0, None, closed="neither"), None],
        "on_error": [StrOptions({"raise", "nan"})],
        "cache_dir": [str, os.PathLike, None],
        "cache_size": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kind: Literal[
            "magnitude", "power", "mel", "log_mel", "mfcc", "cqt", "chroma"
        ] = "log_mel",
        *,
        sample_rate: int = 22050,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 128,
        n_mfcc: int = 20,
        n_bins: int = 84,
        bins_per_octave: int = 12,
        fmin: float | None = None,
        fmax: float | None = None,
        center: bool = True,
        log: bool = False,
        amin: float = 1e-10,
        deltas: int = 0,
        short: Literal["pad", "raise"] = "pad",
        truncated: Literal["raise", "accept"] = "raise",
        max_duration: float | None = 7200.0,
        on_error: Literal["raise", "nan"] = "raise",
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: float | None = 20.0,
        n_jobs: int | None = None,
        verbose: bool | int = True,
    ) -> None:
        self.kind = kind
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.n_mfcc = n_mfcc
        self.n_bins = n_bins
        self.bins_per_octave = bins_per_octave
        self.fmin = fmin
        self.fmax = fmax
        self.center = center
        self.log = log
        self.amin = amin
        self.deltas = deltas
        self.short = short
        self.truncated = truncated
        self.max_duration = max_duration
        self.on_error = on_error
        self.cache_dir = cache_dir
        self.cache_size = cache_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def frame_rate(self) -> float:
        """Frames per second (Hz): ``sample_rate / hop_length``."""
        return float(self.sample_rate) / self.hop_length

    @property
    def frame_offset(self) -> float:
        """Seconds from ``t / frame_rate`` to the moment that frame t stands for.

        That is the middle of its (longest) window: 0 with ``center=True``, half of the
        window with ``center=False``, where the window begins at ``t / frame_rate``.
        """
        recipe = self._recipe()
        if recipe.center:
            return 0.0
        return recipe.longest_window() / 2 / recipe.sample_rate

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Check the parameters and the clips; nothing is learned.

        Parameters
        ----------
        X : list of path, list of ndarray of shape (n_samples_i,), or array-like of \
                shape (n_clips, n_samples)
            Audio files (str or Path, ``~`` is the home folder; their headers are read,
            nothing is decoded), waveforms at ``sample_rate`` (of ``(n_channels,
            n_samples)`` the mean over channels is taken), a mixture of both, or mono
            waveforms of equal length. A Series, an object array and a data frame of
            pandas or polars with one column are accepted like a list.
        y : array-like of shape (n_clips,), default=None
            Only its length is checked, before hours of extraction rather than after.

        Returns
        -------
        self : SpectrogramExtractor
            The extractor.
        """
        with telling(self, X, y):
            self._fit(X, y, self._recipe())
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
        recipe = self._recipe()
        clips = self._fit(X, y, recipe)
        with telling(self, X, y, len(clips.items), "extract") as tell:
            return self._extract(clips, recipe, tell)

    def transform(self, X: ClipsLike) -> Mirrored:
        """Extract the frames of all clips.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
            See :meth:`fit`.

        Returns
        -------
        frames : list of ndarray of shape (n_frames_i, n_features), or ndarray of \
                shape (n_clips, n_frames, n_features)
            float32. A 3-D array where X is one 2-D array, else a list.

        Raises
        ------
        AudioError
            A ``ValueError`` that names row and file, if a clip cannot be used. The
            headers of all files are checked before the first is decoded.
        ValueError
            If X is not a set of clips, or parameters contradict each other.

        Warns
        -----
        AudioWarning
            If ``on_error="nan"`` made clips NaN.
        DoubtfulAudioWarning
            If clips can be used but are doubtful: their channels cancel each other, so
            that features are those of silence, or their samples are far beyond -1 ...
            1, such as 16-bit samples in an array of int64 or float64 (int16 would be
            scaled). Files whose features come from the store are not examined.
            :func:`~skdeepmir.check_audio` lists all doubtful clips.
        """
        self._validate_params()
        recipe = self._recipe()
        return self._extract(self._read(X, recipe, reset=False), recipe)

    def stream(
        self, blocks: Iterable[ArrayLike], *, sample_rate: float | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Extract frames of audio that comes in block by block.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n_samples_i,) or (n_channels, \
                n_samples_i)
            The audio, in blocks of any size; see
            :meth:`~skdeepmir.spectrogram.FrameStream.push`.
        sample_rate : float, default=None
            Sample rate of the blocks in Hz, to be compared with that of the extractor.

        Yields
        ------
        frames : ndarray of shape (n_frames_i, n_features), float32
            The next frames, as soon as they are complete: ``FrameStream(self).delay``
            seconds after the moment that they stand for. All together are bit for bit
            what :meth:`transform` gives for the whole waveform.

        Raises
        ------
        AudioError
            A ``ValueError`` that names the block, if one cannot be used; also if there
            are no samples at all.
        ValueError
            If the blocks have another sample rate, or the kind is "cqt" or "chroma".
        """
        return frames_of(FrameStream(self, sample_rate=sample_rate), blocks)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Accept an output container and ignore it, because frames are not a table.

        ``Pipeline.set_output`` calls it on every step; steps whose output is 2-D, such
        as a pooler, follow it.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored.

        Returns
        -------
        self : SpectrogramExtractor
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
        """Return the frames per second of the output; audio has none itself."""
        self._validate_params()
        recipe = self._recipe()
        return FrameClock(
            self.frame_rate,
            offset=self.frame_offset,
            sample_rate=recipe.sample_rate,
            n_windows=recipe.count_spectra(),
        )

    def _feature_names_out(self, input_features):
        """Name the columns of a frame; waveforms have no names to build on."""
        return np.array(self._recipe().feature_names(), dtype=object)

    def _fit(self, X, y, recipe):
        clips = self._read(X, recipe, reset=True)
        check_clip_labels(y, len(clips.items))
        self.feature_names_ = np.array(recipe.feature_names(), dtype=object)
        return clips

    def _recipe(self):
        """Return the recipe of this extractor; making it checks the parameters."""
        sizes = (self.n_fft,) if isinstance(self.n_fft, Integral) else tuple(self.n_fft)
        bad = [n for n in sizes if not isinstance(n, Integral) or n < 1]
        if bad or not sizes:
            raise ValueError(
                f"n_fft={self.n_fft!r} must be an int from 1 up, or a tuple of them."
            )
        low = C1 if self.kind in CONSTANT_Q_KINDS else 0.0
        return Recipe(
            kind=self.kind,
            sample_rate=float(self.sample_rate),
            window_sizes=tuple(int(n) for n in sizes),
            hop_length=int(self.hop_length),
            n_mels=int(self.n_mels),
            n_mfcc=int(self.n_mfcc),
            n_bins=int(self.n_bins),
            bins_per_octave=int(self.bins_per_octave),
            fmin=low if self.fmin is None else float(self.fmin),
            fmax=float(self.sample_rate / 2 if self.fmax is None else self.fmax),
            center=bool(self.center),
            log=bool(self.log),
            amin=float(self.amin),
            deltas=int(self.deltas),
            short=self.short,
            truncated=self.truncated,
            max_duration=self.max_duration,
        )

    def _store(self):
        if self.cache_dir is None:
            return None
        return FeatureStore(self.cache_dir, cache_size=self.cache_size)

    def _read(self, X, recipe, *, reset):
        """Return one path or float32 waveform per clip, or the error of a bad one."""
        clips = audio.list_audio(X)
        is_array = clips is None
        store = None
        if is_array:
            clips = validate_data(self, X, reset=reset, ensure_all_finite=False)
            audio.check_waveform_table(clips)
        else:
            store = self._store()
            if reset and hasattr(self, "n_features_in_"):
                del self.n_features_in_
        doubts = []
        checked = [
            checked_clip(clip, row, recipe, store, doubts)
            for row, clip in enumerate(clips)
        ]
        errors = [error for error in checked if isinstance(error, AudioError)]
        if errors and self.on_error == "raise":
            rows = tuple(error.row for error in errors)
            first = errors[0].at_row(rows[0], rows)
            first.add_note("skdeepmir.drop_bad_audio(X, y) leaves such clips out.")
            raise first
        return Clips(checked, clips.shape[1] if is_array else None, doubts)

    def _reduced(self, X, reduce):
        """Return what ``reduce`` makes of the blocks of frames of each clip."""
        recipe = self._recipe()
        return self._extract(self._read(X, recipe, reset=False), recipe, reduce=reduce)

    def _extract(self, clips, recipe, tell=lambda: None, reduce=audio.join_blocks):
        store = self._store()
        # Clips share the cores, so matrix products must not; and one thread makes the
        # result the same for any n_jobs.
        limit = one_blas_thread() if recipe.is_constant_q else nullcontext()
        with limit:
            results = Parallel(
                n_jobs=self.n_jobs, prefer="threads", return_as="generator"
            )(
                delayed(extract_clip)(clip, row, recipe, store, self.on_error, reduce)
                for row, clip in enumerate(clips.items)
            )
            watched = progress(
                results,
                total=len(clips.items),
                label=f"Extracting {self.kind}",
                unit="clips",
                verbose=self.verbose,
            )
            frames, doubts = [], list(clips.doubts)
            for extracted, found in watched:
                frames.append(extracted)
                tell()
                doubts += found
        # A worker process could not warn: its warnings don't reach the user.
        if doubts:
            doubts.sort(key=lambda doubt: doubt.row)
            warn_user(DoubtfulAudioWarning("used as they are", doubts))
        problems = [error for error in frames if isinstance(error, AudioError)]
        if problems:
            is_array = clips.n_samples is not None
            n_frames = recipe.count_frames(clips.n_samples) if is_array else 1
            shape = n_frames, len(recipe.feature_names())
            for error in problems:
                frames[error.row] = np.full(shape, np.nan, dtype=np.float32)
            warn_user(AudioWarning("made NaN", problems))
        return frames if clips.n_samples is None else np.stack(frames)
