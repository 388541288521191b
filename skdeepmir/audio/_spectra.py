"""Short-time Fourier spectra, mel bands, decibels and deltas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import scipy.fft

from skdeepmir.audio._framing import FrameCutter, Frames, mark_last
from skdeepmir.audio._librosa import import_librosa

# Frames that are transformed together: few enough to stay in the processor's cache.
FRAMES_AT_ONCE = 64
DELTA_WIDTH = 9  # frames, librosa's default


class BandedMatrix:
    """A filter bank as the few bins that each filter touches.

    A mel filter touches a narrow band of bins, so most of the dense product multiplies
    by zero.

    Parameters
    ----------
    weights : ndarray of shape (n_filters, n_bins)
        The filter bank.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.n_filters = len(weights)
        self.bands = _bands(weights)

    def apply(self, spectra: np.ndarray, out: np.ndarray) -> None:
        """Write what the filters give, the same bits for a frame beside any others.

        Parameters
        ----------
        spectra : ndarray of shape (n_frames, n_bins), float32
            A spectrum for each frame.
        out : ndarray of shape (n_frames, n_filters), float32
            Where it is written.
        """
        from skdeepmir.audio._fourier_kernel import sum_bands

        sum_bands(spectra, *self.bands, out)


def _bands(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each filter's first bin, where its weights end, and all weights."""
    touched = weights != 0
    first = touched.argmax(axis=1)
    lengths = weights.shape[1] - touched[:, ::-1].argmax(axis=1) - first
    lengths[~touched.any(axis=1)] = 0
    rows = [row[f : f + n] for row, f, n in zip(weights, first, lengths, strict=True)]
    return first, np.cumsum(lengths), np.concatenate(rows).astype(np.float32)


def hann_spectrogram(
    y: np.ndarray,
    *,
    n_fft: int,
    hop_length: int,
    center: bool = True,
    power: bool = True,
    filters: BandedMatrix | None = None,
) -> np.ndarray:
    """Return the spectra of the Hann-windowed frames of a waveform.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), float32
        A waveform. Zeros stand in for samples beyond its ends.
    n_fft : int
        Samples of the window.
    hop_length : int
        Samples from one frame to the next.
    center : bool, default=True
        If True, frame t is centred on sample ``t * hop_length``, as in librosa. If
        False, frame 0 begins with the first sample.
    power : bool, default=True
        Power (squared magnitude) if True, else magnitude.
    filters : BandedMatrix, optional
        Filters that are applied to each power spectrum.

    Returns
    -------
    spectra : ndarray of shape (n_frames, n_fft // 2 + 1 or n_filters), float32
        One spectrum per frame.
    """
    frames = FrameCutter(n_fft, hop_length, center=center).push(y, is_last=True)
    spectra = power_spectra(frames, n_fft, hop_length, filters)
    return spectra if power else np.sqrt(spectra, out=spectra)


def power_spectra(
    frames: Frames,
    n_fft: int,
    hop_length: int,
    filters: BandedMatrix | None = None,
) -> np.ndarray:
    """Return the power spectra of frames, each multiplied by a Hann window.

    Parameters
    ----------
    frames : Frames
        Frames, from :class:`FrameCutter`.
    n_fft : int
        Samples of a frame. Powers of two from 8 up are three times as fast as others.
    hop_length : int
        Samples from one frame to the next.
    filters : BandedMatrix, optional
        Filters that are applied to each spectrum.

    Returns
    -------
    spectra : ndarray of shape (n_frames, n_fft // 2 + 1 or n_filters), float32
        One spectrum per frame.
    """
    width = n_fft // 2 + 1 if filters is None else filters.n_filters
    spectra = np.empty((frames.n_frames, width), dtype=np.float32)
    if frames.n_frames == 0:
        return spectra
    if n_fft >= 8 and n_fft & (n_fft - 1) == 0:
        from skdeepmir.audio._fourier_kernel import lane_spectra

        bands = None if filters is None else filters.bands
        lane_spectra(*frames, hop_length, hann(n_fft), bands, spectra)
    else:
        scipy_spectra(frames.views(n_fft, hop_length), hann(n_fft), filters, spectra)
    return spectra


def scipy_spectra(
    frames: np.ndarray,
    window: np.ndarray,
    filters: BandedMatrix | None,
    out: np.ndarray,
) -> None:
    """Write power spectra of frames to ``out``: any window, at a third of the speed."""
    # frames (n_frames, n_fft), out (n_frames, n_fft // 2 + 1 or n_filters)
    for start in range(0, len(out), FRAMES_AT_ONCE):
        rows = slice(start, start + FRAMES_AT_ONCE)
        spectrum = scipy.fft.rfft(frames[rows] * window, axis=1, overwrite_x=True)
        values = np.square(spectrum.real, out=out[rows] if filters is None else None)
        values += np.square(spectrum.imag)
        if filters is not None:
            filters.apply(values, out[rows])


@lru_cache(maxsize=32)
def hann(n_fft: int) -> np.ndarray:
    """Return a periodic Hann window of ``n_fft`` samples, float32."""
    if n_fft == 1:
        return np.ones(1, dtype=np.float32)  # as in SciPy; the formula gives silence
    phase = 2 * np.pi * np.arange(n_fft) / n_fft
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


@lru_cache(maxsize=32)
def mel_filters(
    sample_rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> BandedMatrix:
    """Return librosa's bank of triangular filters of equal area (Slaney's scale).

    Parameters
    ----------
    sample_rate : float
        Sample rate in Hz.
    n_fft : int
        Samples of the window.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Where the first filter begins and the last ends, in Hz.

    Returns
    -------
    filters : BandedMatrix
        For power spectra of ``n_fft // 2 + 1`` bins.
    """
    return BandedMatrix(mel_weights(sample_rate, n_fft, n_mels, fmin, fmax))


def mel_weights(
    sample_rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> np.ndarray:
    """Return the filters of :func:`mel_filters` as a plain matrix.

    Parameters
    ----------
    sample_rate : float
        Sample rate in Hz.
    n_fft : int
        Samples of the window.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Where the first filter begins and the last ends, in Hz.

    Returns
    -------
    weights : ndarray of shape (n_mels, n_fft // 2 + 1)
        Filters, for power spectra.
    """
    librosa = import_librosa()
    weights = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
    )
    return np.asarray(weights)


def to_decibels(power: np.ndarray, amin: float = 1e-10) -> np.ndarray:
    """Convert power to decibels, in place.

    Parameters
    ----------
    power : ndarray, float32
        Power; overwritten.
    amin : float, default=1e-10
        Smaller powers are raised to this: the floor of the result is -100 dB.

    Returns
    -------
    decibels : ndarray, float32
        ``10 * log10(max(power, amin))``. There is no upper reference and no limit below
        the loudest frame, so that a frame does not depend on the rest of its clip.
    """
    np.maximum(power, np.float32(amin), out=power)
    np.log10(power, out=power)
    power *= 10
    return power


class DeltaAppender:
    """Append time derivatives to the features of each frame, block by block.

    They are taken over nine frames (a Savitzky-Golay filter, as
    ``librosa.feature.delta(mode="nearest")``), so that frames come out four later.
    Beyond both ends the outermost frame is repeated; librosa's default,
    ``mode="interp"``, fits a polynomial to the outermost nine frames instead, so that
    the four at either end differ.

    Parameters
    ----------
    order : int
        0, 1 (slopes) or 2 (slopes and curvatures).
    """

    def __init__(self, order: int) -> None:
        self.order = order
        self.look_ahead = DELTA_WIDTH // 2 if order else 0  # frames
        self.held: np.ndarray | None = None
        self.n_known = 0  # frames at the start of ``held`` that were returned before

    def push(self, frames: np.ndarray, is_last: bool = False) -> np.ndarray:
        """Return the frames whose derivatives are known with new ones.

        Parameters
        ----------
        frames : ndarray of shape (n_frames, n_features)
            The next frames of the clip; there may be none.
        is_last : bool, default=False
            Whether none follow.

        Returns
        -------
        extended : ndarray of shape (n_frames_out, n_features * (1 + order))
            Features, then derivatives.
        """
        if self.order == 0:
            return frames
        held = frames
        if self.held is not None:
            held = np.concatenate([self.held, frames])
        reach = self.look_ahead
        end = len(held) if is_last else max(len(held) - reach, self.n_known)
        extended = np.empty((0, frames.shape[1] * (1 + self.order)), frames.dtype)
        if end > self.n_known:
            extended = _with_deltas(held, self.order)[self.n_known : end]
            held = held[max(end - reach, 0) :]
            self.n_known = min(end, reach)
        self.held = held
        return extended


def append_deltas(blocks: Iterable[np.ndarray], order: int) -> Iterator[np.ndarray]:
    """Append the first ``order`` time derivatives to the features of each frame.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_frames_i, n_features)
        The frames of one clip, in pieces.
    order : int
        0, 1 (slopes) or 2 (slopes and curvatures).

    Yields
    ------
    extended : ndarray of shape (n_frames_j, n_features * (1 + order))
        Features, then derivatives; see :class:`DeltaAppender`.
    """
    appender = DeltaAppender(order)
    for block, is_last in mark_last(blocks):
        extended = appender.push(block, is_last)
        if len(extended):
            yield extended


def _with_deltas(frames: np.ndarray, order: int) -> np.ndarray:
    from scipy.signal import savgol_filter

    derivatives = [
        savgol_filter(frames, DELTA_WIDTH, polyorder=n, deriv=n, axis=0, mode="nearest")
        for n in range(1, order + 1)
    ]
    return np.concatenate([frames, *derivatives], axis=1)
