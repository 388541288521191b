"""Decode, mix down and resample files; read their headers without decoding."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._framing import join_blocks, mark_last
from skdeepmir.audio._opening import (
    check_duration,
    cut_error,
    is_mpeg,
    opened_streams,
    path_name,
)
from skdeepmir.audio._quiet import quiet_decoder
from skdeepmir.audio._waveforms import Resampler, check_finite

BLOCK = 1 << 18  # frames decoded at a time: 6 to 12 s, 1 to 2 MB
ACCEPTED_BLOCK = 1 << 12  # a frame of FLAC, of files that may break off


class AudioHeader(NamedTuple):
    """Sample rate, channels and length of a file, counted where that is possible."""

    sample_rate: int  # Hz
    n_channels: int
    n_samples: int  # per channel


def read_header(
    path: str | bytes | os.PathLike[Any],
    *,
    truncated: str = "raise",
    max_duration: float | None = None,
) -> AudioHeader:
    """Read the sample rate, channels and length of a file without decoding it.

    Its frames, pages or chunks are counted, in about a hundredth of the time that
    decoding takes: what a header promises, or libsndfile guesses, may be wrong.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file.
    truncated : {"raise", "accept"}, default="raise"
        What to do with a file whose end is missing. Most formats show it here, FLAC
        only when it is decoded.
    max_duration : float, optional
        Longest accepted duration in s; None sets no limit.

    Returns
    -------
    header : AudioHeader
        Sample rate in Hz, channels, samples per channel. For joined files and chained
        streams, rate and channels are those of the first. The number of samples is 0
        where it is unknown (MP3 of a free bit rate), and that of the first file where
        FLAC files of equal length were joined.

    Raises
    ------
    AudioError
        If the file is missing, not a file, not readable, empty, not audio, cut off,
        too long, or its header is impossible.
    """
    headers = [
        AudioHeader(sound.samplerate, sound.channels, n_samples)
        for sound, n_samples in opened_streams(path, truncated, max_duration, False)
    ]
    seconds = sum(header.n_samples / header.sample_rate for header in headers)
    n_samples = round(seconds * headers[0].sample_rate)
    return headers[0]._replace(n_samples=n_samples)


def read_audio(
    path: str | bytes | os.PathLike[Any],
    *,
    sample_rate: float | None = None,
    truncated: str = "raise",
    max_duration: float | None = None,
) -> tuple[np.ndarray, float]:
    """Decode a file, mix it down to mono and resample it.

    Parameters
    ----------
    path : str, bytes or PathLike
        A file that libsndfile reads: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more.
    sample_rate : float, optional
        Sample rate of the result in Hz; by default that of the file.
    truncated : {"raise", "accept"}, default="raise"
        What to do with a file whose end is missing or damaged: raise an error, or take
        what comes before.
    max_duration : float, optional
        Longest accepted duration in s; None sets no limit.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The mean of all channels.
    sample_rate : float
        Its sample rate in Hz.

    Raises
    ------
    AudioError
        As in :func:`read_header`, and if decoding breaks off or samples are not finite.
    """
    limits: dict[str, Any] = {"truncated": truncated, "max_duration": max_duration}
    if sample_rate is None:
        sample_rate = read_header(path, **limits).sample_rate
    blocks = stream_audio(path, sample_rate=sample_rate, **limits)
    return join_blocks(blocks), sample_rate


def stream_audio(
    path: str | bytes | os.PathLike[Any],
    *,
    sample_rate: float | None = None,
    truncated: str = "raise",
    max_duration: float | None = None,
    listener: Any = None,
) -> Iterator[np.ndarray]:
    """Decode a file block by block, mixed down to mono and resampled.

    Parameters
    ----------
    path : str, bytes or PathLike
        A file that libsndfile reads.
    sample_rate : float, optional
        Sample rate of the result in Hz; by default that of the file.
    truncated, max_duration : optional
        See :func:`read_audio`.
    listener : Listener, optional
        Examines the channels before they are mixed down.

    Yields
    ------
    y : ndarray of shape (n_samples_i,), float32
        The next samples, bit for bit those of :func:`read_audio`.

    Raises
    ------
    AudioError
        As in :func:`read_audio`, when the fault is reached.
    """
    blocks = _mixed(path, truncated, max_duration, listener)
    for rate, blocks_of_rate in groupby(blocks, key=itemgetter(0)):
        sample_rate = sample_rate or rate
        resampler = Resampler(rate, sample_rate)
        for (_, block), is_last in mark_last(blocks_of_rate):
            yield resampler.push(block, is_last)


def _mixed(
    path: Any, truncated: str, max_duration: float | None, listener: Any
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield sample rates and the mean of all channels, block by block."""
    name = path_name(path)
    n_read, seconds = 0, 0.0
    for sound, n_samples in opened_streams(path, truncated, max_duration, True):
        start = n_read
        for block in _decoded(sound, n_samples, name, truncated, listener):
            check_finite(block, name, n_read)
            n_read += len(block)
            lasts = seconds + (n_read - start) / sound.samplerate
            check_duration(lasts, max_duration, name)
            yield sound.samplerate, block
        seconds += (n_read - start) / sound.samplerate
    if n_read == 0:
        raise AudioError(
            "empty", "has no samples", "Fetch it again or leave it out.", name
        )


def _decoded(
    sound: Any, n_samples: int, name: str, truncated: str, listener: Any
) -> Iterator[np.ndarray]:
    """Yield the mean of all channels, block by block."""
    # Never n_samples at once: a header may promise anything.
    # libsndfile takes four times as long to turn 16 bits into floats as NumPy does.
    dtype, scale = ("int16", 1 / 32768) if sound.subtype == "PCM_16" else ("float32", 1)
    share = np.float32(scale / sound.channels)
    weights = np.full(sound.channels, share)
    # What was decoded before an error comes back only if an earlier read has it.
    at_once = BLOCK if truncated == "raise" else ACCEPTED_BLOCK
    # libFLAC would read on beyond the last sample, into another stream.
    ends = n_samples if sound.format == "FLAC" else sys.maxsize
    n_read = 0
    try:
        while len(block := _read(sound, min(at_once, ends - n_read), dtype)):
            n_read += len(block)
            if sound.channels == 1:
                mono = block[:, 0] * share
            else:  # a matrix product is 40 times faster than a mean over the channels
                mono = block.astype(np.float32, copy=False) @ weights
            if listener is not None:
                listener.hear(block, mono)
            yield mono
    except RuntimeError as error:  # soundfile.LibsndfileError
        if truncated == "raise":
            found = f"breaks off after {n_read} of {n_samples} samples: {error}"
            raise cut_error(found, name) from error
    if truncated == "raise" and n_read < n_samples:
        raise cut_error(
            f"has {n_read} of the {n_samples} samples that it promises", name
        )


def _read(sound: Any, n_samples: int, dtype: str) -> np.ndarray:
    with quiet_decoder() if is_mpeg(sound) else nullcontext():
        return sound.read(n_samples, dtype=dtype, always_2d=True)
