"""Waveforms in memory: checks, scaling and resampling."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir.audio._errors import AudioError

ARRAY_CHANNELS = 8  # of a waveform in memory; more rows are taken for frames
LOUDEST = 1e12  # samples beyond it would have a power beyond float32


class Resampler:
    """Resample a stream with soxr's high quality; whole or in blocks, the same bits."""

    def __init__(self, from_rate: float, to_rate: float) -> None:
        self.from_rate, self.to_rate = from_rate, to_rate
        self.stream: Any = None

    def push(self, samples: np.ndarray, is_last: bool) -> np.ndarray:
        """Return the resampled samples that follow from new ones."""
        import soxr

        if self.from_rate == self.to_rate:
            return samples
        rates = self.from_rate, self.to_rate
        if self.stream is None:
            if is_last:  # streams are slow on one long block
                return soxr.resample(samples, *rates, quality="HQ")
            self.stream = soxr.ResampleStream(*rates, 1, dtype="float32", quality="HQ")
        return self.stream.resample_chunk(samples, last=is_last)


def check_waveform(y: Any, *, is_block: bool = False) -> np.ndarray:
    """Return one waveform as float32.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_channels, n_samples)
        A waveform; up to eight channels are mixed down. Integers of an audio format
        (uint8, int8, int16, int32) are scaled to -1 ... 1 by the range of their type.
        Other numbers are kept, also integers of other types, whose range is unknown:
        see :func:`doubts_of_waveform`.
    is_block : bool, default=False
        Whether it is a block of a stream, which may have no samples, or fewer than it
        has channels.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The waveform.

    Raises
    ------
    AudioError
        If it is not a waveform of real numbers, is empty, or is not finite.
    """
    if np.ma.isMaskedArray(y) and np.ma.is_masked(y):
        raise AudioError("bad_type", "has masked samples", "Fill them: y.filled(0).")
    given, y = y, np.asarray(y)
    if y.ndim == 0 or y.dtype.kind not in "fiu":
        what = f"has dtype {y.dtype}" if y.ndim else f"is {ascii(given)[:40]}"
        raise AudioError(
            "bad_type",
            what,
            "Expected a path, or an array (n_samples,) of floats or PCM integers.",
        )
    most = ARRAY_CHANNELS if is_block else min(ARRAY_CHANNELS, y.shape[-1])
    is_stereo = y.ndim == 2 and len(y) <= most
    if y.ndim != 1 and not is_stereo:
        hint = "Mix down to mono first."
        if y.ndim == 2 and y.shape[1] <= ARRAY_CHANNELS:
            hint = "Channels come first (did you mean y.T?)."
        raise AudioError(
            "bad_shape",
            f"has {y.ndim} dimensions, shape {y.shape}",
            f"Expected (n_samples,) or (n_channels, n_samples). {hint}",
        )
    if y.size == 0 and not (is_block and (y.ndim == 1 or len(y))):
        raise AudioError("empty", "has no samples", "Leave it out, with its label.")
    y = pcm_to_float(y)
    return check_finite(_mix_down(y) if y.ndim == 2 else y, None)


def _mix_down(y: np.ndarray) -> np.ndarray:
    """Return the mean over channels, whose bits do not depend on the layout of y."""
    total = y[0].copy()
    for channel in y[1:]:
        total += channel
    total /= len(y)
    return total


def pcm_to_float(y: np.ndarray) -> np.ndarray:
    """Scale integer PCM samples to -1 ... 1; return anything else as float32.

    Parameters
    ----------
    y : ndarray
        Samples. uint8 is centred at 128, as in WAV files; of int8, int16 and int32, the
        lowest number becomes -1.

    Returns
    -------
    samples : ndarray of the same shape, float32
        Numbers of other kinds keep their values.
    """
    y = y.astype(y.dtype.newbyteorder("="), copy=False)
    if y.dtype == np.uint8:
        return (y.astype(np.float32) - 128) / 128
    if y.dtype in (np.int8, np.int16, np.int32):
        return (y / -float(np.iinfo(y.dtype).min)).astype(np.float32)
    with np.errstate(over="ignore"):  # becomes infinite, which check_finite reports
        return np.ascontiguousarray(y, dtype=np.float32)


def check_finite(y: np.ndarray, path: str | None, offset: int = 0) -> np.ndarray:
    """Return y if all samples are finite and not absurd, else raise an AudioError."""
    # The error counts from `offset`, the samples of the file before this block.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.dot(y, y) < LOUDEST**2:  # only if all are, in a third of the time
            return y
    finite = np.isfinite(y)
    if not finite.all():
        first = int(np.argmin(finite))
        raise AudioError(
            "not_finite",
            f"contains NaN or infinity: sample {offset + first} is {y[first]}, "
            f"{int((~finite).sum())} of {y.size} are not finite",
            "Expected finite samples between about -1 and 1. Export it again.",
            path,
        )
    if (loudest := np.abs(y).max()) > LOUDEST:
        raise AudioError(
            "not_finite",
            f"is so loud, up to {loudest:.2g}, that its power overflows",
            "Expected samples between about -1 and 1. Scale it down.",
            path,
        )
    return y
