"""Open files for decoding, or say what is wrong with them."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Generator
from typing import Any, BinaryIO

from skdeepmir._disk import path_name, user_path
from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._quiet import quiet_decoder
from skdeepmir.audio._streams import Pieces, Stream, find_streams
from skdeepmir.audio._truncation import missing_end

SAMPLE_RATES = (1_000, 768_000)  # Hz; outside of it a header is taken for broken
MAX_CHANNELS = 64
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)

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


def opened_streams(
    path: Any, truncated: str, max_duration: float | None, is_decoded: bool
) -> Generator[tuple[Any, int], None, None]:
    """Yield the streams of a file, checked and open, with the samples of each."""
    name, path = path_name(path), user_path(path)
    seconds, n_opened = 0.0, 0
    with _open(path, name) as file:
        for stream in find_streams(file, is_decoded=is_decoded):
            with _decoder(stream, file, name) as sound:
                if truncated == "raise" and stream.fault:
                    raise cut_error(stream.fault, name)
                n_samples = _count_samples(stream, sound)
                _check_header(sound.samplerate, sound.channels, n_samples, name)
                seconds += n_samples / sound.samplerate
                check_duration(seconds, max_duration, name)
                if truncated == "raise" and (found := missing_end(sound)):
                    raise cut_error(found, name)
                if sound.frames > 0:
                    n_opened += 1
                    yield sound, n_samples
    if n_opened == 0:
        raise AudioError(
            "empty",
            "has no samples according to its header",
            "Fetch it again, repair it, or leave it out.",
            name,
        )


def _count_samples(stream: Stream, sound: Any) -> int:
    """Return the samples per channel of an open stream; 0 if that is unknown."""
    if stream.n_samples is not None:
        return stream.n_samples
    is_guess = stream.is_guessed and is_mpeg(sound)  # of a free bit rate
    return 0 if is_guess else sound.frames


def is_mpeg(sound: Any) -> bool:
    """Tell whether an open file is decoded by libmpg123."""
    return sound.subtype.startswith("MPEG")


def _sequential(sound: Any) -> Any:
    """Return an open file that is only read forward."""
    # soundfile would seek after each read, to where it is. That makes libmpg123 forget
    # bits that the next frames need, and libFLAC search for the place by itself.
    if sound.subtype == "OPUS":
        sound.seek(0)  # leaves out what comes before the first sample
    sound.seekable = lambda: False
    return sound


def _decoder(stream: Stream, file: BinaryIO, name: str) -> Any:
    """Return a SoundFile that reads exactly one stream of a file."""
    from skdeepmir.audio._sound import Sound  # soundfile is imported when needed

    def opened(source: Any) -> Any:
        try:
            with quiet_decoder():
                return _sequential(Sound(source))
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
    """Open a file, or raise the AudioError that says why not."""
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
            f"cannot be read: {error.strerror}",
            "Ask for permission to read it.",
            name,
        )
    if error.errno == errno.EISDIR:
        return AudioError("not_a_file", "is a directory", "Expected a file.", name)
    if error.errno not in NOT_THERE:
        raise error  # of the system, not of this clip: too many open files, a lost disk
    found = "does not exist"
    if os.path.islink(path):
        found = "is a broken link"
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
    says = getattr(error, "error_string", str(error)).rstrip(".")
    reason = f"libsndfile says: {says}"
    if "does not exist" in says:  # it was opened a moment ago
        reason = "its format is not recognised"
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


def cut_error(found: str, name: str) -> AudioError:
    """Return the error of a file whose end is missing or damaged."""
    return AudioError(
        "truncated",
        found,
        "Fetch or convert it again, or take what is left with truncated='accept'.",
        name,
    )


def check_duration(seconds: float, max_duration: float | None, name: str) -> None:
    """Raise an AudioError if a file is longer than accepted.

    Parameters
    ----------
    seconds : float
        How long it is, as far as is known.
    max_duration : float or None
        Longest accepted file in s; None sets no limit.
    name : str
        The file, for the error.

    Raises
    ------
    AudioError
        With the code "too_long".
    """
    if max_duration is not None and seconds > max_duration:
        raise AudioError(
            "too_long",
            f"lasts {seconds:.0f} s or more",
            f"At most {max_duration:g} s are accepted: raise max_duration (None sets "
            "no limit), or cut it up.",
            name,
        )
