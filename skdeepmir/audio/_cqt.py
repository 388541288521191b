"""The constant-Q transform, and chroma folded from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from skdeepmir.audio._framing import (
    FrameQueue,
    join_blocks,
    mark_last,
)
from skdeepmir.audio._librosa import import_librosa
from skdeepmir.audio._waveforms import Resampler

SPARSITY = 0.01  # share of each filter's magnitude that librosa drops by default


class _Octave(NamedTuple):
    """The filters of one octave, ready for frames at its own sample rate."""

    kernels: np.ndarray  # (n_fft, 2 * n_filters) float32: real parts, imaginary parts
    hop_length: int  # samples at this octave's rate
    halve: bool  # whether the waveform is decimated before the next octave


def constant_q(y: np.ndarray, **parameters: Any) -> np.ndarray:
    """Return the magnitudes of the constant-Q transform of a waveform.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), float32
        A waveform.
    **parameters : dict
        As in :func:`constant_q_blocks`.

    Returns
    -------
    magnitudes : ndarray of shape (1 + n_samples // hop_length, n_bins), float32
        Frame t is centred on sample ``t * hop_length``.
    """
    return join_blocks(constant_q_blocks([y], **parameters))


def constant_q_blocks(
    blocks: Iterable[np.ndarray],
    *,
    sample_rate: float,
    hop_length: int,
    fmin: float,
    n_bins: int = 84,
    bins_per_octave: int = 12,
) -> Iterator[np.ndarray]:
    """Yield the magnitudes of a constant-Q transform, equal to ``abs(librosa.cqt)``.

    The transform goes octave by octave from the top, as Schörkhuber and Klapuri (2010)
    proposed: the filters of one octave serve all, because the waveform is decimated by
    two in between. The filters are applied in the time domain, as one matrix product
    per octave; librosa, whose sparse frequency-domain filters they equal, rebuilds them
    for every clip and takes about five times as long.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_samples_i,), float32
        A waveform in pieces.
    sample_rate : float
        Its sample rate in Hz.
    hop_length : int
        Samples from one frame to the next. An octave is only decimated while the hop is
        even: powers of two from 64 up are fastest.
    fmin : float
        Frequency of the lowest bin in Hz.
    n_bins : int, default=84
        Bins: seven octaves.
    bins_per_octave : int, default=12
        Bins per octave: semitones.

    Yields
    ------
    magnitudes : ndarray of shape (n_frames_i, n_bins), float32
        The next frames; frame t is centred on sample ``t * hop_length``.

    Raises
    ------
    ValueError
        If the highest filter reaches above half the sample rate.
    """
    decimation, octaves = _plan(sample_rate, hop_length, fmin, n_bins, bins_per_octave)
    early = Resampler(decimation, 1)
    cutters = [
        FrameQueue(len(octave.kernels), octave.hop_length, len(octave.kernels) // 2)
        for octave in octaves
    ]
    decimators = [Resampler(2 if octave.halve else 1, 1) for octave in octaves[:-1]]
    n_samples = n_done = 0
    for block, is_last in mark_last(blocks):
        n_samples += len(block)
        level = early.push(block, is_last)
        cutters[0].push(level)
        for decimator, cutter in zip(decimators, cutters[1:], strict=True):
            level = decimator.push(level, is_last)
            cutter.push(level)
        n_frames = min(cutter.count_complete() for cutter in cutters)
        if is_last:
            n_frames = 1 + n_samples // hop_length - n_done
        if n_frames > 0:
            yield _magnitudes(octaves, cutters, n_frames, n_bins)
            n_done += n_frames


def _magnitudes(
    octaves: list[_Octave], cutters: list[FrameQueue], n_frames: int, n_bins: int
) -> np.ndarray:
    """Apply the filters of each octave to its next frames."""
    magnitudes = np.empty((n_frames, n_bins), dtype=np.float32)
    stop = n_bins
    for octave, cutter in zip(octaves, cutters, strict=True):
        n_fft, n_parts = octave.kernels.shape
        frames = cutter.take(n_frames).views(n_fft, octave.hop_length)
        response = np.matmul(frames, octave.kernels)
        real, imaginary = response[:, : n_parts // 2], response[:, n_parts // 2 :]
        start = max(stop - n_parts // 2, 0)
        values = np.sqrt(np.square(real) + np.square(imaginary))  # hypot is slower
        magnitudes[:, start:stop] = values[:, values.shape[1] - (stop - start) :]
        stop = start
    return magnitudes


def check_constant_q(
    sample_rate: float, fmin: float, n_bins: int, bins_per_octave: int
) -> None:
    """Raise a ``ValueError`` if the filters do not fit below half the sample rate.

    Parameters
    ----------
    sample_rate : float
        Samples per second (Hz).
    fmin : float
        Frequency of the lowest bin in Hz.
    n_bins : int
        Number of bins.
    bins_per_octave : int
        Bins from one octave to the next.

    Raises
    ------
    ValueError
        With the frequency that the highest filter reaches.
    """
    _, cutoff = _filter_lengths(sample_rate, fmin, n_bins, bins_per_octave)
    if cutoff > sample_rate / 2:
        raise ValueError(
            f"n_bins={n_bins} bins from fmin={fmin:.5g} Hz with {bins_per_octave} per "
            f"octave reach up to {cutoff:.0f} Hz, above half of sample_rate="
            f"{sample_rate:g}. Lower n_bins or fmin, or raise sample_rate."
        )


def constant_q_support(
    sample_rate: float, fmin: float, n_bins: int, bins_per_octave: int
) -> int:
    """Return the number of samples that the longest filter spans.

    Parameters
    ----------
    sample_rate : float
        Samples per second (Hz).
    fmin : float
        Frequency of the lowest bin in Hz.
    n_bins : int
        Number of bins.
    bins_per_octave : int
        Bins from one octave to the next.

    Returns
    -------
    n_samples : int
        Samples of the lowest bin's filter.
    """
    lengths, _ = _filter_lengths(sample_rate, fmin, n_bins, bins_per_octave)
    return math.ceil(lengths.max())


@lru_cache(maxsize=8)
def _plan(
    sample_rate: float, hop_length: int, fmin: float, n_bins: int, bins_per_octave: int
) -> tuple[int, list[_Octave]]:
    """Build the filters: the early decimation, then one set for each octave."""
    librosa = import_librosa()

    check_constant_q(sample_rate, fmin, n_bins, bins_per_octave)
    freqs, alpha = _frequencies(fmin, n_bins, bins_per_octave)
    _, cutoff = _filter_lengths(sample_rate, fmin, n_bins, bins_per_octave)
    n_octaves = math.ceil(n_bins / bins_per_octave)
    decimation = _early_decimation(sample_rate, cutoff, hop_length, n_octaves)
    rate, hop = sample_rate / decimation, hop_length // decimation
    lengths, _ = librosa.filters.wavelet_lengths(freqs=freqs, sr=rate, alpha=alpha)
    n_filters = min(bins_per_octave, n_bins)
    octaves, octave_rate = [], rate
    for i in range(n_octaves):
        last = n_bins - i * n_filters
        bins = slice(max(last - n_filters, 0), last)
        kernels = _time_kernels(freqs[bins], octave_rate, alpha[bins])
        # librosa divides the response by sqrt(length) at the first octave's rate, and
        # keeps the energy of decimated waveforms.
        gain = math.sqrt(sample_rate / octave_rate) * math.sqrt(rate / octave_rate)
        kernels = kernels * (gain / np.sqrt(lengths[bins]))[:, np.newaxis]
        columns = np.concatenate([kernels.real, kernels.imag]).T
        halve = hop % 2 == 0
        octaves.append(
            _Octave(np.ascontiguousarray(columns, dtype=np.float32), hop, halve)
        )
        if halve:
            hop, octave_rate = hop // 2, octave_rate / 2
    return decimation, octaves


def _frequencies(
    fmin: float, n_bins: int, bins_per_octave: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bins' frequencies in Hz and their relative bandwidths."""
    freqs = fmin * 2.0 ** (np.arange(n_bins) / bins_per_octave)
    ratio = 2.0 ** (2 / bins_per_octave)
    return freqs, np.full(n_bins, (ratio - 1) / (ratio + 1))


def _filter_lengths(
    sample_rate: float, fmin: float, n_bins: int, bins_per_octave: int
) -> tuple[np.ndarray, float]:
    librosa = import_librosa()

    freqs, alpha = _frequencies(fmin, n_bins, bins_per_octave)
    return librosa.filters.wavelet_lengths(freqs=freqs, sr=sample_rate, alpha=alpha)


def _early_decimation(
    sample_rate: float, cutoff: float, hop_length: int, n_octaves: int
) -> int:
    """Return the power of two by which the waveform can be decimated from the start."""
    by_rate = math.ceil(math.log2(sample_rate / 2 / cutoff)) - 2
    factors_of_two = (hop_length & -hop_length).bit_length() - 1
    return 2 ** max(0, min(by_rate, factors_of_two - n_octaves + 1))


def _time_kernels(
    freqs: np.ndarray, sample_rate: float, alpha: np.ndarray
) -> np.ndarray:
    """Return librosa's sparsified filters, transformed back to time."""
    # The product of a frame's half spectrum with a filter is the sum over samples of
    # the frame times the Fourier transform of that filter.
    librosa = import_librosa()

    basis, lengths = librosa.filters.wavelet(freqs=freqs, sr=sample_rate, alpha=alpha)  # type: ignore[arg-type]
    n_fft = basis.shape[1]
    basis = basis * (lengths[:, np.newaxis] / n_fft)
    half = np.fft.fft(basis, axis=1)[:, : n_fft // 2 + 1]
    sparse = librosa.util.sparsify_rows(half.astype(np.complex64), quantile=SPARSITY)
    return np.fft.fft(sparse.toarray(), n=n_fft, axis=1)


def chroma(
    constant_q_magnitudes: np.ndarray, *, fmin: float, bins_per_octave: int = 12
) -> np.ndarray:
    """Fold a constant-Q spectrum into twelve pitch classes.

    Parameters
    ----------
    constant_q_magnitudes : ndarray of shape (n_frames, n_bins)
        From :func:`constant_q`.
    fmin : float
        Frequency of its lowest bin in Hz.
    bins_per_octave : int, default=12
        A multiple of 12.

    Returns
    -------
    chroma : ndarray of shape (n_frames, 12), float32
        C first; each frame divided by its largest value, silent frames left at 0 (as
        ``librosa.feature.chroma_cqt`` with ``tuning=0``).
    """
    librosa = import_librosa()

    fold = librosa.filters.cq_to_chroma(
        constant_q_magnitudes.shape[1], bins_per_octave=bins_per_octave, fmin=fmin
    )
    folded = constant_q_magnitudes @ fold.T.astype(np.float32)
    peak = folded.max(axis=1, keepdims=True)
    return np.divide(folded, peak, out=folded, where=peak > np.finfo(np.float32).tiny)
