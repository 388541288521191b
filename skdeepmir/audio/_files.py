"""Decode, mix down and resample; say plainly what is wrong with a bad file."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from skdeepmir._disk import user_path
from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._framing import join_blocks, mark_last
from skdeepmir.audio._quiet import quiet_decoder
from skdeepmir.audio._streams import Pieces, Stream, find_streams
from skdeepmir.audio._truncation import missing_end

BLOCK = 1 << 18  # frames decoded at a time: 6 to 12 s, 1 to 2 MB
ACCEPTED_BLOCK = 1 << 12  # a frame of FLAC, of files that may break off
SAMPLE_RATES = (1_000, 768_000)  # Hz; outside of it a header is taken for broken
MAX_CHANNELS = 64
ARRAY_CHANNELS = 8  # of a waveform in memory; more rows are taken for frames
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)
LOUDEST = 1e12  # samples beyond it would have a power beyond float32

# What the first bytes of a file that is not decodable audio give away.
SIGNATURES = (
    (b"<!doctype html", "it is a web page (a saved error or log-in page?)"),
    (b"<html", "it is a web page (a saved error or log-in page?)"),
    (b"version https://git-lfs", "it is a Git LFS pointer: run `git lfs pull`"),
    (b"PK\x03\x04", "it is a ZIP archive: unpack it"),
    (b"\x89PNG", "it is a PNG picture"),
    (b"\xff\xd8\xff", "it is a JPEG picture"),
    (b"%PDF", "it is a PDF document"),
)


class AudioHeader(NamedTuple):
    """What a file's header promises."""

    sample_rate: int  # Hz
    n_channels: int
    n_samples: int  # per channel


def path_name(path: Any) -> str:
    """Return a path as text, also where its bytes are not valid UTF-8."""
    return os.fsdecode(path)


def read_header(
    path: str | bytes | os.PathLike[Any],
    *,
    truncated: str = "raise",
    max_duration: float | None = None,
) -> AudioHeader:
    """Look at a file without decoding it.

    Its frames, pages or chunks are counted, in about a hundredth of the time that
    decoding takes: what a header promises, or libsndfile guesses, may be wrong.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file.
    truncated : {"raise", "accept"}, default="raise"
        What to do with a file whose end is missing. Most formats tell here, FLAC only
        when it is decoded.
    max_duration : float, optional
        Longest duration in s that is accepted; by default any is.

    Returns
    -------
    header : AudioHeader
        Sample rate in Hz, channels, samples per channel. Of files that were joined, or
        of chained streams, rate and channels are those of the first. 0 samples where
        nothing tells (MP3 of a free bit rate), those of the first where FLAC files of
        one length were joined.

    Raises
    ------
    AudioError
        If the file is missing, not a file, not readable, empty, not audio, cut off,
        too long, or its header is impossible.
    """
    headers = [
        AudioHeader(sound.samplerate, sound.channels, n_samples)
        for sound, n_samples in _opened(path, truncated, max_duration, False)
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
        Whether to raise an error where the end of a file is missing or damaged, or to
        take what comes before.
    max_duration : float, optional
        Longest duration in s that is accepted; by default any is.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The mean of all channels.
    sample_rate : float
        Its sample rate in Hz.

    Raises
    ------
    AudioError
        As :func:`read_header`, and if decoding breaks off or samples are not finite.
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
        What looks at the channels before they are mixed down.

    Yields
    ------
    y : ndarray of shape (n_samples_i,), float32
        The next samples, bit for bit those of :func:`read_audio`.

    Raises
    ------
    AudioError
        As :func:`read_audio`, when the fault is reached.
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
    for sound, n_samples in _opened(path, truncated, max_duration, True):
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
    """Yield the mean of all channels, block by block.

    Never ``n_samples`` at once: a header may promise anything.
    """
    # libsndfile takes four times as long to turn 16 bits into floats as NumPy does.
    dtype, scale = ("int16", 1 / 32768) if sound.subtype == "PCM_16" else ("float32", 1)
    share = np.float32(scale / sound.channels)
    weights = np.full(sound.channels, share)
    # What was decoded before an error comes back only if an earlier read has it.
    at_once = BLOCK if truncated == "raise" else ACCEPTED_BLOCK
    n_read = 0
    try:
        while len(block := _read(sound, at_once, dtype)):
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
            raise _cut(found, name) from error
    if truncated == "raise" and n_read < n_samples:
        raise _cut(f"has {n_read} of the {n_samples} samples that it promises", name)


def _read(sound: Any, n_samples: int, dtype: str) -> np.ndarray:
    with quiet_decoder() if sound.format == "MP3" else nullcontext():
        return sound.read(n_samples, dtype=dtype, always_2d=True)


def _cut(found: str, name: str) -> AudioError:
    return AudioError(
        "truncated",
        found,
        "Fetch or convert it again, or take what there is with truncated='accept'.",
        name,
    )


def check_duration(seconds: float, max_duration: float | None, name: str) -> None:
    """Raise an AudioError if a file is longer than is accepted."""
    if max_duration is not None and seconds > max_duration:
        raise AudioError(
            "too_long",
            f"lasts {seconds:.0f} s or more",
            f"At most {max_duration:g} s are accepted: raise max_duration (None sets "
            "no limit), or cut it up.",
            name,
        )


class Resampler:
    """Resample a stream with soxr's high quality; whole or in blocks, the same bits.

    Parameters
    ----------
    from_rate, to_rate : float
        Sample rates in Hz.
    """

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


def check_waveform(y: Any) -> np.ndarray:
    """Return one waveform as float32.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_channels, n_samples)
        A waveform; up to eight channels are mixed down. Integers of an audio format
        (uint8, int8, int16, int32) are scaled to -1 ... 1 by the range of their type.
        Other numbers are kept, integers of other types as well, whose range nobody
        knows: see :func:`doubts_of_waveform`.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The waveform.

    Raises
    ------
    AudioError
        If it is no waveform, not of real numbers, empty, or not finite.
    """
    if np.ma.isMaskedArray(y):
        raise AudioError("bad_type", "is a masked array", "Fill it: y.filled(0).")
    given, y = y, np.asarray(y)
    if y.ndim == 0 or y.dtype.kind not in "fiu":
        what = f"has dtype {y.dtype}" if y.ndim else f"is {ascii(given)[:40]}"
        raise AudioError(
            "bad_type",
            what,
            "Expected a path, or an array (n_samples,) of floats or PCM integers.",
        )
    is_stereo = y.ndim == 2 and len(y) <= min(ARRAY_CHANNELS, y.shape[1])
    if y.ndim != 1 and not is_stereo:
        hint = "Mix down to mono first."
        if y.ndim == 2 and y.shape[1] <= ARRAY_CHANNELS:
            hint = "Channels come first (did you mean y.T?)."
        raise AudioError(
            "bad_shape",
            f"has {y.ndim} dimensions, shape {y.shape}",
            f"Expected (n_samples,) or (n_channels, n_samples). {hint}",
        )
    if y.size == 0:
        raise AudioError("empty", "has no samples", "Leave it out, with its label.")
    y = pcm_to_float(y)
    return check_finite(y.mean(axis=0, dtype=np.float32) if y.ndim == 2 else y, None)


def pcm_to_float(y: np.ndarray) -> np.ndarray:
    """Scale integer PCM samples to -1 ... 1; return anything else as float32."""
    y = y.astype(y.dtype.newbyteorder("="), copy=False)
    if y.dtype == np.uint8:
        return (y.astype(np.float32) - 128) / 128
    if y.dtype in (np.int8, np.int16, np.int32):
        return (y / -float(np.iinfo(y.dtype).min)).astype(np.float32)
    with np.errstate(over="ignore"):  # becomes infinite, which check_finite reports
        return np.ascontiguousarray(y, dtype=np.float32)


def check_finite(y: np.ndarray, path: str | None, offset: int = 0) -> np.ndarray:
    """Return y if all its samples are finite and not absurd, else raise an AudioError.

    The error counts from ``offset``, the samples of the file before this block.
    """
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


def _opened(
    path: Any, truncated: str, max_duration: float | None, is_decoded: bool
) -> Iterator[tuple[Any, int]]:
    """Open a file for decoding after everything that can be told beforehand.

    Yields its streams, as SoundFile, one after the other, with the samples of each.
    """
    name, path = path_name(path), user_path(path)
    seconds, n_opened = 0.0, 0
    with _open(path, name) as file:
        for stream in find_streams(file, is_decoded=is_decoded):
            with _decoder(stream, file, name) as sound:
                if truncated == "raise" and stream.fault:
                    raise _cut(stream.fault, name)
                n_samples = _count_samples(stream, sound)
                _check_header(sound.samplerate, sound.channels, n_samples, name)
                seconds += n_samples / sound.samplerate
                check_duration(seconds, max_duration, name)
                if truncated == "raise" and (found := missing_end(sound)):
                    raise _cut(found, name)
                if sound.frames > 0:
                    n_opened += 1
                    yield sound, n_samples
    if n_opened == 0:
        raise AudioError(
            "empty",
            "has no samples by its header",
            "Fetch it again, repair it, or leave it out.",
            name,
        )


def _count_samples(stream: Stream, sound: Any) -> int:
    """Return the samples per channel of a stream that is open; 0 if nobody knows."""
    if stream.n_samples is not None:
        return stream.n_samples
    is_guess = stream.is_guessed and sound.format == "MP3"  # of a free bit rate
    return 0 if is_guess else sound.frames


def _decoder(stream: Stream, file: BinaryIO, name: str) -> Any:
    """Return a SoundFile that reads one stream of a file, and all of it."""
    import soundfile

    def opened(source: Any) -> Any:
        try:
            with quiet_decoder():
                return soundfile.SoundFile(source)
        except RuntimeError as error:
            file.seek(0)
            raise _undecodable(name, file.read(64), error) from error

    if stream.is_file or not stream.pieces:
        file.seek(0)
        # The same open file, without its name, which libsndfile would go by.
        sound = opened(os.dup(file.fileno()))
        if stream.n_samples is None or sound.frames >= stream.n_samples:
            return sound
        sound.close()
    is_endless = stream.is_guessed and stream.n_samples is not None
    return opened(Pieces(file, stream.pieces, is_endless))


def _open(path: Any, name: str) -> BinaryIO:
    """Open a file that may be none."""
    no_path = AudioError(
        "bad_path",
        "is not the name of a file",
        "Expected a path on this machine; download URLs first.",
        name,
    )
    if name == "" or "\0" in name or "://" in name:
        raise no_path
    try:
        # Non-blocking: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except UnicodeEncodeError as error:  # half a character
        raise no_path from error
    except OSError as error:
        raise _not_opened(path, name, error) from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size > 0:
        return os.fdopen(descriptor, "rb", buffering=0)
    os.close(descriptor)
    if stat.S_ISREG(status.st_mode):
        raise AudioError(
            "empty", "has 0 bytes", "Fetch it again or leave it out.", name
        )
    what = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
    raise AudioError(
        "not_a_file",
        f"is {what}",
        "Expected an audio file; for a folder see "
        "skdeepmir.datasets.load_audio_folder.",
        name,
    )


def _not_opened(path: Any, name: str, error: OSError) -> AudioError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return AudioError(
            "denied",
            "may not be read",
            f"Ask for the permission: {error.strerror}.",
            name,
        )
    if error.errno == errno.EISDIR:
        return AudioError("not_a_file", "is a directory", "Expected a file.", name)
    if error.errno not in NOT_THERE:
        raise error  # of the system, not of this clip: too many open files, a lost disk
    found = "does not exist"
    if os.path.islink(path):
        found = "is a link that leads nowhere"
    fix = "Check the spelling."
    if path != name:
        fix = f"It stands for {path!a}. {fix}"
    elif not os.path.isabs(path):
        fix = f"Relative paths start from {os.getcwd()!a}; pass absolute ones."
    return AudioError("missing", f"{found}: {error.strerror}", fix, name)


def _undecodable(name: str, start: bytes, error: Exception) -> AudioError:
    if start[:4] == b"RIFF" and start[8:16] == b"WAVEfmt " and len(start) >= 28:
        channels, sample_rate = struct.unpack_from("<HI", start, 22)
        _check_header(sample_rate, channels, 1, name)
    says = getattr(error, "error_string", str(error))
    reason = f"libsndfile says: {says}"
    if "does not exist" in says:  # it was opened a moment ago
        reason = "it holds none of the formats that are read"
    for signature, meaning in SIGNATURES:
        if start.lower().lstrip().startswith(signature.lower()):
            reason = meaning
    if start[4:8] == b"ftyp":
        reason = "it is AAC/M4A or video"
    return AudioError(
        "undecodable",
        f"cannot be decoded: {reason}",
        "Expected WAV, FLAC, Ogg, Opus, MP3 or AIFF. Convert it, for example with "
        "`ffmpeg -i IN OUT.flac`, or fetch it again.",
        name,
    )


def _check_header(sample_rate: int, channels: int, n_samples: int, name: str) -> None:
    low, high = SAMPLE_RATES
    problem = ""
    if not low <= sample_rate <= high:
        problem = f"a sample rate of {sample_rate} Hz (allowed: {low} to {high})"
    elif not 1 <= channels <= MAX_CHANNELS:
        problem = f"{channels} channels (allowed: 1 to {MAX_CHANNELS})"
    elif not 0 <= n_samples < 2**62:
        problem = f"a length of {n_samples} samples"
    if problem:
        raise AudioError(
            "bad_header", f"claims {problem}", "Export or fetch it again.", name
        )
