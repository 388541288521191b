"""Decode, mix down and resample; say plainly what is wrong with a bad file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

BLOCK = 1 << 18  # frames decoded at a time: 6 to 12 s, 2 MB of stereo float32
SAMPLE_RATES = (1_000, 768_000)  # Hz; outside of it a header is taken for broken
MAX_CHANNELS = 64

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


class AudioError(ValueError):
    """A clip that cannot be used: which one, why, and what to do about it.

    Parameters
    ----------
    code : str
        One word for the kind of problem, such as ``"missing"`` or ``"undecodable"``.
    found : str
        What was found, as the end of a sentence that begins with the file's name.
    fix : str
        What was expected and what the user can do.
    path : str, optional
        The file; waveforms have none.
    row : int, optional
        The position of the clip in X.
    bad_rows : tuple of int, default=()
        All rows that were found bad, where more than one was looked at.
    """

    def __init__(
        self,
        code: str,
        found: str,
        fix: str,
        path: str | None = None,
        row: int | None = None,
        bad_rows: tuple[int, ...] = (),
    ) -> None:
        self.code, self.found, self.fix = code, found, fix
        self.path, self.row, self.bad_rows = path, row, bad_rows
        # ascii(): a newline or an escape sequence in a name must not reach a terminal.
        what = "the waveform" if path is None else ascii(path)
        message = f"{what} {found} ({code}). {fix}"
        if row is not None:
            message = f"row {row}: {message}"
        if len(bad_rows) > 1:
            listed = ", ".join(str(r) for r in bad_rows[:10])
            more = ", ..." if len(bad_rows) > 10 else ""
            message += f" [{len(bad_rows)} rows are bad: {listed}{more}]"
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without it the error cannot come back from a worker process.
        args = (self.code, self.found, self.fix, self.path, self.row, self.bad_rows)
        return type(self), args

    def at_row(self, row: int, bad_rows: tuple[int, ...] = ()) -> AudioError:
        """Return the same error with the position of the clip in X."""
        return type(self)(self.code, self.found, self.fix, self.path, row, bad_rows)


class AudioHeader(NamedTuple):
    """What a file's header promises."""

    sample_rate: int  # Hz
    n_channels: int
    n_samples: int  # per channel


def path_name(path: Any) -> str:
    """Return a path as text, also where its bytes are not valid UTF-8."""
    return os.fsdecode(path)


def read_header(path: str | bytes | os.PathLike[Any]) -> AudioHeader:
    """Look at a file without decoding it (0.1 to 1 ms).

    Parameters
    ----------
    path : str, bytes or PathLike
        The file.

    Returns
    -------
    header : AudioHeader
        Sample rate in Hz, channels, samples per channel.

    Raises
    ------
    AudioError
        If the file is missing, not a file, not readable, empty, not audio, or its
        header is impossible.
    """
    with _opened(path) as sound:
        return AudioHeader(sound.samplerate, sound.channels, sound.frames)


def read_audio(
    path: str | bytes | os.PathLike[Any], *, sample_rate: int | None = None
) -> tuple[np.ndarray, int]:
    """Decode a file, mix it down to mono and resample it.

    Parameters
    ----------
    path : str, bytes or PathLike
        A file that libsndfile reads: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and more.
    sample_rate : int, optional
        Sample rate of the result in Hz; by default that of the file.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The mean of all channels.
    sample_rate : int
        Its sample rate in Hz.

    Raises
    ------
    AudioError
        As :func:`read_header`, and if decoding breaks off or samples are not finite.
    """
    name = path_name(path)
    with _opened(path) as sound:
        native_rate, promised = sound.samplerate, sound.frames
        # A matrix product mixes down 40 times faster than a mean over the channels.
        weights = np.full(sound.channels, 1 / sound.channels, dtype=np.float32)
        blocks, n_read = [], 0
        try:
            # Block by block, never ``frames`` at once: a header may promise anything.
            while len(block := sound.read(BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block @ weights)
                n_read += len(block)
        except RuntimeError as error:  # soundfile.LibsndfileError
            raise AudioError(
                "truncated",
                f"breaks off after {n_read} of {promised} samples: {error}",
                "Fetch or convert it again.",
                name,
            ) from error
    if n_read == 0:
        raise AudioError(
            "empty", "has no samples", "Fetch it again or leave it out.", name
        )
    if n_read < promised:
        raise AudioError(
            "truncated",
            f"has {n_read} samples, but its header promises {promised}",
            "Fetch or convert it again.",
            name,
        )
    y = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    check_finite(y, name)
    if sample_rate is None or sample_rate == native_rate:
        return y, native_rate
    return resample(y, native_rate, sample_rate), sample_rate


def resample(y: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Resample a waveform with soxr's high quality.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        A waveform.
    from_rate, to_rate : float
        Sample rates in Hz.

    Returns
    -------
    y : ndarray of shape (ceil(n_samples * to_rate / from_rate),), float32
        The same sound. A few samples may be cut or padded with zeros, so that the
        length depends on the rates alone.
    """
    import soxr

    n_samples = -int(-len(y) * to_rate // from_rate)
    resampled = soxr.resample(y, from_rate, to_rate, quality="HQ")[:n_samples]
    if len(resampled) == n_samples:
        return resampled
    return np.pad(resampled, (0, n_samples - len(resampled)))


def check_waveform(y: Any) -> np.ndarray:
    """Return one waveform as float32.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        A mono waveform. Integers of an audio format (uint8, int8, int16, int32) are
        scaled to -1 ... 1 by the range of their type, other numbers are kept.

    Returns
    -------
    y : ndarray of shape (n_samples,), float32
        The waveform.

    Raises
    ------
    AudioError
        If it is not one-dimensional, not of real numbers, empty, or not finite.
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
    if y.ndim != 1:
        hint = "Mix down to mono first."
        if y.ndim == 2 and y.shape[0] > y.shape[1]:
            hint = "Mix down to mono first: y.mean(axis=1)."
        raise AudioError(
            "bad_shape",
            f"has {y.ndim} dimensions, shape {y.shape}",
            f"Expected one waveform (n_samples,). {hint}",
        )
    if y.size == 0:
        raise AudioError("empty", "has no samples", "Leave it out, with its label.")
    return check_finite(pcm_to_float(y), None)


def pcm_to_float(y: np.ndarray) -> np.ndarray:
    """Scale integer PCM samples to -1 ... 1; return anything else as float32."""
    if y.dtype == np.uint8:
        return (y.astype(np.float32) - 128) / 128
    if y.dtype in (np.int8, np.int16, np.int32):
        return (y / -float(np.iinfo(y.dtype).min)).astype(np.float32)
    with np.errstate(over="ignore"):  # becomes infinite, which check_finite reports
        return np.ascontiguousarray(y, dtype=np.float32)


def check_finite(y: np.ndarray, path: str | None) -> np.ndarray:
    """Return y if all its samples are finite, else raise an AudioError."""
    finite = np.isfinite(y)
    if not finite.all():
        first = int(np.argmin(finite))
        raise AudioError(
            "not_finite",
            f"contains NaN or infinity: sample {first} is {y[first]}, "
            f"{int((~finite).sum())} of {y.size} are not finite",
            "Expected finite samples between about -1 and 1. Export it again.",
            path,
        )
    return y


@contextmanager
def _opened(path: Any) -> Iterator[Any]:
    """Open a file for decoding after everything that can be told beforehand."""
    import soundfile

    name = path_name(path)
    start = _first_bytes(path, name)
    try:
        # Absolute bytes: any name works, also "-" and those that are not UTF-8.
        sound = soundfile.SoundFile(os.fsencode(os.path.abspath(path)))
    except RuntimeError as error:
        raise _undecodable(name, start, error) from error
    with sound:
        _check_header(sound, name)
        yield sound


def _first_bytes(path: Any, name: str) -> bytes:
    if name == "" or "\0" in name or "://" in name:
        raise AudioError(
            "bad_path",
            "is not the name of a file",
            "Expected a path on this machine; download URLs first.",
            name,
        )
    try:
        # Non-blocking: opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _not_opened(path, name, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise AudioError(
                "not_a_file",
                f"is {what}",
                "Expected an audio file; for a folder see "
                "skdeepmir.datasets.load_audio_folder.",
                name,
            )
        start = os.read(descriptor, 64)
    finally:
        os.close(descriptor)
    if not start:
        raise AudioError(
            "empty", "has 0 bytes", "Fetch it again or leave it out.", name
        )
    return start


def _not_opened(path: Any, name: str, error: OSError) -> AudioError:
    if error.errno == errno.EACCES:
        return AudioError(
            "denied",
            "may not be read",
            f"Ask for the permission: {error.strerror}.",
            name,
        )
    if error.errno == errno.EISDIR:
        return AudioError("not_a_file", "is a directory", "Expected a file.", name)
    found = "does not exist"
    if os.path.islink(path):
        found = "is a link that leads nowhere"
    fix = "Check the spelling."
    if not os.path.isabs(path):
        fix = f"Relative paths start from {os.getcwd()!a}; pass absolute ones."
    return AudioError("missing", f"{found}: {error.strerror}", fix, name)


def _undecodable(name: str, start: bytes, error: Exception) -> AudioError:
    reason = f"libsndfile says: {error}"
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


def _check_header(sound: Any, name: str) -> None:
    low, high = SAMPLE_RATES
    problem = ""
    if not low <= sound.samplerate <= high:
        problem = f"a sample rate of {sound.samplerate} Hz (allowed: {low} to {high})"
    elif not 1 <= sound.channels <= MAX_CHANNELS:
        problem = f"{sound.channels} channels (allowed: 1 to {MAX_CHANNELS})"
    elif sound.frames < 0 or sound.frames >= 2**62:
        problem = f"a length of {sound.frames} samples"
    if problem:
        raise AudioError(
            "bad_header", f"claims {problem}", "Export or fetch it again.", name
        )
    if sound.frames == 0:
        raise AudioError(
            "empty", "has no samples", "Fetch it again or leave it out.", name
        )
