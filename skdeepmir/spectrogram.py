"""Audio clips into frames: ``SpectrogramExtractor``."""

from __future__ import annotations

import os
from numbers import Integral, Real

import numpy as np
import scipy.fft
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from skdeepmir import audio
from skdeepmir._progress import progress
from skdeepmir._sklearn import (
    Interval,
    StrOptions,
    _fit_context,
    check_clip_labels,
)
from skdeepmir.audio import AudioError
from skdeepmir.frames import as_sequence

C1 = 440 * 2 ** (-45 / 12)  # 32.70 Hz, the lowest C of a piano
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FOURIER_KINDS = ("magnitude", "power", "mel", "log_mel", "mfcc")
CONSTANT_Q_KINDS = ("cqt", "chroma")


class SpectrogramExtractor(TransformerMixin, BaseEstimator):
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
        sample and a rest that fills no window is left out, as in [1]_.
    log : bool, default=False
        Whether "magnitude", "power", "mel" and "cqt" are given in decibels.
    amin : float, default=1e-10
        Power below which decibels stop to fall: the floor of "log_mel" and "mfcc" is
        -100 dB. There is no ``top_db``: a frame must not depend on the loudest of its
        clip.
    deltas : {0, 1, 2}, default=0
        How many time derivatives (over nine frames) to append to each frame.
    short : {"pad", "raise"}, default="pad"
        What to do with a clip that is shorter than the longest window: fill it up with
        silence (every clip has at least one frame) or raise an error.
    n_jobs : int, default=None
        Clips that are worked on at the same time, through joblib. None is 1 unless in a
        ``joblib.parallel_config`` context; -1 is all cores. Threads, unless the context
        names another backend: decoding and transforming release the interpreter.
    verbose : bool, default=True
        Whether to show a progress bar where it takes longer than two seconds.

    Attributes
    ----------
    feature_names_ : ndarray of shape (n_features,), dtype=object
        What the columns of a frame are.
    n_features_in_ : int
        Samples per clip; only where X was one 2-D array.

    See Also
    --------
    MultiTimescalePooler : Statistics of frames over windows or the whole clip.
    FrameTransformer : Any scikit-learn transformer on frames.

    Notes
    -----
    The output mirrors the input: a list of paths or of 1-D waveforms becomes a list of
    2-D arrays, a 2-D array ``(n_clips, n_samples)`` of equally long waveforms becomes a
    3-D array. Frames are no table, so there is no ``get_feature_names_out``, and
    ``set_output`` (which ``Pipeline.set_output`` calls on every step) leaves them
    alone.

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
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        kind="log_mel",
        *,
        sample_rate=22050,
        n_fft=2048,
        hop_length=512,
        n_mels=128,
        n_mfcc=20,
        n_bins=84,
        bins_per_octave=12,
        fmin=None,
        fmax=None,
        center=True,
        log=False,
        amin=1e-10,
        deltas=0,
        short="pad",
        n_jobs=None,
        verbose=True,
    ):
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
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def frame_rate(self):
        """Frames per second (Hz): ``sample_rate / hop_length``."""
        return self.sample_rate / self.hop_length

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the parameters and the clips; nothing is learned.

        Parameters
        ----------
        X : list of path, list of ndarray of shape (n_samples_i,), or array-like of \
                shape (n_clips, n_samples)
            Audio files (str, Path, or a Series or object array of them; their headers
            are read, nothing is decoded), mono waveforms at ``sample_rate``, or
            waveforms of equal length.
        y : array-like of shape (n_clips,), default=None
            Only its length is checked, before hours of extraction rather than after.

        Returns
        -------
        self : SpectrogramExtractor
            The extractor.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
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
        return self._extract(self._fit(X, y))

    def transform(self, X):
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
            If X is no set of clips, or parameters contradict each other.
        """
        self._validate_params()
        self._check_parameters()
        return self._extract(self._read(X, reset=False))

    def set_output(self, *, transform=None):
        """Accept and ignore a container for tables: frames are none.

        ``Pipeline.set_output`` calls it on every step; the steps whose output is 2-D,
        such as a pooler, follow it.

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

    def _fit(self, X, y):
        self._check_parameters()
        clips = self._read(X, reset=True)
        check_clip_labels(y, len(clips))
        self.feature_names_ = np.array(self._names(), dtype=object)
        return clips

    def _check_parameters(self):
        """Check what one parameter's constraint cannot: how they fit together."""
        sizes = self._window_sizes()
        bad = [n for n in sizes if not isinstance(n, Integral) or n < 1]
        if bad or not sizes:
            raise ValueError(
                f"n_fft={self.n_fft!r} must be an int from 1 up or a tuple of such."
            )
        low, high = self._frequency_range()
        if not low < high <= self.sample_rate / 2:
            raise ValueError(
                f"fmin={low:g} Hz and fmax={high:g} Hz must fit 0 <= fmin < fmax <= "
                f"sample_rate / 2 = {self.sample_rate / 2:g} Hz."
            )
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise ValueError(
                f"n_mfcc={self.n_mfcc} coefficients need at least as many mel bands; "
                f"n_mels={self.n_mels}."
            )
        if self.log and self.kind in ("mfcc", "chroma"):
            raise ValueError(f"log=True has no meaning for kind={self.kind!r}.")
        if self.kind in CONSTANT_Q_KINDS:
            self._check_constant_q()

    def _check_constant_q(self):
        if not self.center:
            raise ValueError(
                f"center=False is not possible for kind={self.kind!r}: its filters are "
                "of unequal length and all centred."
            )
        if self.kind == "chroma" and self.bins_per_octave % 12:
            raise ValueError(
                f"bins_per_octave={self.bins_per_octave} must be a multiple of 12 for "
                "kind='chroma'."
            )
        audio.check_constant_q(**self._constant_q_parameters())

    def _read(self, X, *, reset):
        """Return one path or float32 waveform per clip, or a 2-D array of waveforms."""
        if isinstance(X, str | bytes | os.PathLike):
            raise ValueError(
                f"X is a single path, {os.fsdecode(X)!a}; expected a set of clips. For "
                "one file pass [path], for a folder see "
                "skdeepmir.datasets.load_audio_folder."
            )
        if isinstance(X, dict | set) and not hasattr(X, "shape"):  # DOK is a dict
            raise ValueError(
                f"X is a {type(X).__name__}, which has no order; pass a list of clips."
            )
        clips = as_sequence(X)
        if isinstance(clips, list) and not clips:
            raise ValueError("X holds 0 clips; expected at least 1 path or waveform.")
        if not isinstance(clips, list) or not _holds_audio(clips):
            return self._read_array(X, reset=reset)
        if reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_
        return _check_rows(clips)

    def _read_array(self, X, *, reset):
        X = validate_data(self, X, reset=reset, ensure_all_finite=False)
        waveforms = audio.pcm_to_float(X)
        return np.stack(_check_rows(list(waveforms)))

    def _extract(self, clips):
        frames = Parallel(n_jobs=self.n_jobs, prefer="threads", return_as="generator")(
            delayed(self._clip_frames)(clip, row) for row, clip in enumerate(clips)
        )
        frames = list(
            progress(
                frames,
                total=len(clips),
                label=f"Extracting {self.kind}",
                unit="clips",
                verbose=self.verbose,
            )
        )
        return np.stack(frames) if isinstance(clips, np.ndarray) else frames

    def _clip_frames(self, clip, row):
        """Decode one clip and return its frames, or say which row is bad."""
        path = None
        try:
            if not isinstance(clip, np.ndarray):
                path = os.fsdecode(clip)
                clip, _ = audio.read_audio(clip, sample_rate=self.sample_rate)
            self._check_length(clip, path)
            with np.errstate(over="ignore", invalid="ignore"):  # reported below
                frames = self._frames(clip)
            if not np.isfinite(frames).all():
                raise AudioError(
                    "not_finite",
                    f"is so loud (peak {np.abs(clip).max():.3g}) that its "
                    f"{self.kind} overflows",
                    "Expected samples between about -1 and 1. Scale it down.",
                    path,
                )
        except AudioError as error:
            raise error.at_row(row) from error.__cause__
        return frames

    def _check_length(self, y, path):
        if self.short == "pad":
            return
        needed = (
            audio.constant_q_support(**self._constant_q_parameters())
            if self.kind in CONSTANT_Q_KINDS
            else max(self._window_sizes())
        )
        if len(y) < needed:
            raise AudioError(
                "too_short",
                f"has {len(y)} samples at {self.sample_rate:g} Hz, fewer than the "
                f"{needed} of the longest window",
                "Leave it out with its label, shorten the window, or let it be filled "
                "up with short='pad'.",
                path,
            )

    def _frames(self, y):
        """Return the frames of one waveform, float32 (n_frames, n_features)."""
        if self.kind in CONSTANT_Q_KINDS:
            frames = self._constant_q_frames(y)
        else:
            sizes = self._window_sizes()
            spectra = [self._fourier_frames(y, n_fft, max(sizes)) for n_fft in sizes]
            frames = (
                spectra[0] if len(spectra) == 1 else np.concatenate(spectra, axis=1)
            )
        return audio.add_deltas(frames, self.deltas)

    def _constant_q_frames(self, y):
        parameters = self._constant_q_parameters()
        frames = audio.constant_q(y, hop_length=self.hop_length, **parameters)
        if self.kind == "chroma":
            return audio.chroma(
                frames, fmin=parameters["fmin"], bins_per_octave=self.bins_per_octave
            )
        return audio.to_decibels(np.square(frames), self.amin) if self.log else frames

    def _fourier_frames(self, y, n_fft, longest):
        low, high = self._frequency_range()
        mel = self.kind in ("mel", "log_mel", "mfcc")
        filters = None
        if mel:
            filters = audio.mel_filters(self.sample_rate, n_fft, self.n_mels, low, high)
        frames = audio.hann_spectrogram(
            y,
            n_fft=n_fft,
            hop_length=self.hop_length,
            center=self.center,
            longest=longest,
            power=self.kind != "magnitude",
            filters=filters,
        )
        if not mel:
            frames = frames[:, self._bins(n_fft)]
        if self.log and self.kind == "magnitude":
            frames = np.square(frames)
        if self.log or self.kind in ("log_mel", "mfcc"):
            frames = audio.to_decibels(frames, self.amin)
        if self.kind == "mfcc":
            cepstra = scipy.fft.dct(frames, axis=1, norm="ortho")
            frames = np.ascontiguousarray(cepstra[:, : self.n_mfcc])
        return frames

    def _window_sizes(self):
        return (self.n_fft,) if isinstance(self.n_fft, Integral) else tuple(self.n_fft)

    def _frequency_range(self):
        """Return the lowest and the highest frequency in Hz."""
        low = self.fmin
        if low is None:
            low = C1 if self.kind in CONSTANT_Q_KINDS else 0.0
        return low, self.sample_rate / 2 if self.fmax is None else self.fmax

    def _bins(self, n_fft):
        """Return the slice of the spectrum between fmin and fmax."""
        low, high = self._frequency_range()
        freqs = np.arange(n_fft // 2 + 1) * (self.sample_rate / n_fft)
        return slice(
            int(np.searchsorted(freqs, low)), int(np.searchsorted(freqs, high, "right"))
        )

    def _constant_q_parameters(self):
        return {
            "sample_rate": self.sample_rate,
            "fmin": self._frequency_range()[0],
            "n_bins": self.n_bins,
            "bins_per_octave": self.bins_per_octave,
        }

    def _names(self):
        """Name the columns of a frame."""
        if self.kind == "chroma":
            names = [f"chroma_{pitch}" for pitch in PITCH_CLASSES]
        elif self.kind == "cqt":
            low = self._frequency_range()[0]
            freqs = low * 2 ** (np.arange(self.n_bins) / self.bins_per_octave)
            names = [f"cqt_{freq:.1f}hz" for freq in freqs]
        else:
            sizes = self._window_sizes()
            names = [
                name if len(sizes) == 1 else f"{name}_n_fft{n_fft}"
                for n_fft in sizes
                for name in self._fourier_names(n_fft)
            ]
        suffixes = ("", "_delta", "_delta2")[: self.deltas + 1]
        return [name + suffix for suffix in suffixes for name in names]

    def _fourier_names(self, n_fft):
        if self.kind in ("magnitude", "power"):
            freqs = np.arange(n_fft // 2 + 1) * (self.sample_rate / n_fft)
            return [f"{self.kind}_{f:.1f}hz" for f in freqs[self._bins(n_fft)]]
        count = self.n_mfcc if self.kind == "mfcc" else self.n_mels
        return [f"{self.kind}_{i}" for i in range(count)]


def _holds_audio(clips):
    """Tell whether a list's items are files or arrays rather than rows of numbers."""
    return any(
        item is None or isinstance(item, str | bytes | os.PathLike | np.ndarray)
        for item in clips
    )


def _check_rows(clips):
    """Check every clip; files by their headers, waveforms by their samples.

    All rows are looked at before anything is raised, so that one error names them all.
    """
    by_path = isinstance(clips[0], str | bytes | os.PathLike)
    checked, errors = [], {}
    for row, clip in enumerate(clips):
        try:
            if isinstance(clip, str | bytes | os.PathLike) != by_path:
                raise _mixed(clip, by_path)
            if by_path:
                audio.read_header(clip)
                checked.append(clip)
            else:
                checked.append(audio.check_waveform(clip))
        except AudioError as error:
            errors[row] = error
    if errors:
        row, error = next(iter(errors.items()))
        raise error.at_row(row, tuple(errors)) from error.__cause__
    return checked


def _mixed(clip, by_path):
    is_path = isinstance(clip, str | bytes | os.PathLike)
    return AudioError(
        "bad_type",
        f"is a {type(clip).__name__}, but row 0 is a "
        f"{'path' if by_path else 'waveform'}",
        "Pass either paths or waveforms.",
        os.fsdecode(clip) if is_path else None,
    )
