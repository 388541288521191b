"""Annotations that one listens to: clicks, and notes beside the recording."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir._disk import shown, target_file, user_path, written_whole
from skdeepmir._errors import is_number
from skdeepmir._public import suggest_names
from skdeepmir.audio import check_waveform, is_path, read_audio
from skdeepmir.notes._files import notes_of
from skdeepmir.onsets._files import onsets_of

__all__ = ["Sound", "sonify_notes", "sonify_onsets"]

suggest_names(__name__)

PITCH, REFERENCE_PITCH = 2000.0, 1000.0  # Hz
CLICK = 0.03  # s
DECAY = 0.005  # s, until a click has lost two thirds of its height
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}
FASTEST_OGG = 200_000  # Hz; beyond, libvorbis ends the process
SAMPLE_RATE = 22050.0  # Hz, of notes without a recording
SLOWEST_PIANO = 8000  # Hz
PAUSE = 1.0  # s, between what is played one after the other
QUIET = 0.1  # root mean square of notes beside a recording that is silent
WRITTEN_AT_ONCE = 1 << 16  # samples; libsndfile's encoders need a stack for all


class Sound(NamedTuple):
    """Samples and their rate, in the order of ``IPython.display.Audio``.

    Attributes
    ----------
    samples : ndarray of shape (n_samples,) or (2, n_samples), dtype=float32
        The recording with the clicks, or beside the notes.
    sample_rate : float
        Samples per second (Hz).
    """

    samples: NDArray[np.float32]
    sample_rate: float


def sonify_onsets(
    audio: str | bytes | os.PathLike[Any] | ArrayLike,
    onsets: ArrayLike | str | os.PathLike[str],
    *,
    reference: ArrayLike | str | os.PathLike[str] | None = None,
    sample_rate: float | None = None,
    level: float = 0.5,
    separate: bool = False,
    path: str | os.PathLike[str] | None = None,
) -> Sound:
    """Mix a recording with a click on each onset.

    The ear hears 10 ms that no picture shows: a click that is right melts into the
    attack, one that is late stands beside it.

    Parameters
    ----------
    audio : path or array-like of shape (n_samples,) or (n_channels, n_samples)
        The recording; channels are mixed down.
    onsets : array-like of shape (n_onsets,), str or PathLike
        Seconds from its start, such as ``detector.predict([clip])[0]``, or a file that
        :func:`skdeepmir.onsets.read_onsets` reads. They have the high click.
    reference : array-like of shape (n_onsets,), str or PathLike, default=None
        Annotated onsets, if known: a click an octave lower.
    sample_rate : float, default=None
        That of the waveform in Hz. None takes that of the file; another than the file's
        resamples it.
    level : float, default=0.5
        Height of the clicks as a share of the loudest sample of the recording (of 1
        if that is silent).
    separate : bool, default=False
        Two channels instead of one: the recording on both, clicks on ``onsets`` on the
        left only and those on ``reference`` on the right only.
    path : str or PathLike, default=None
        Where to write it as well: a file that ends in .wav, .flac or .ogg. An existing
        file is replaced.

    Returns
    -------
    sound : Sound
        ``samples`` of shape (n_samples,), or (2, n_samples) if ``separate``, float32,
        and their ``sample_rate`` in Hz. As long as the recording, and scaled down if
        the sum would leave -1 ... 1.

    Raises
    ------
    ValueError
        If a waveform has no sample rate, ``path`` has another suffix or is the
        recording itself, or an onset is negative, not in order, or more than a second
        beyond the end.
    AudioError
        If the recording cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.sonification import sonify_onsets
    >>> sound = sonify_onsets(np.zeros(22050), [0.25, 0.75], sample_rate=22050)
    >>> sound.samples.shape, sound.sample_rate
    ((22050,), 22050.0)
    >>> (np.flatnonzero(sound.samples)[0] / 22050).round(3)
    np.float64(0.25)
    """
    if not is_number(level) or not 0 < level < np.inf:
        raise ValueError(
            f"level={level!r}; expected a number above 0, such as 0.5: a share of the "
            "loudest sample of the recording."
        )
    song, rate, target = _opened(audio, sample_rate, path)
    loudest = float(np.abs(song).max())
    height = level * (loudest or 1.0)
    detected = height * _clicks(onsets, PITCH, song, rate, "onsets")
    known = () if reference is None else reference
    annotated = height * _clicks(known, REFERENCE_PITCH, song, rate, "reference")
    if separate:
        mix = np.stack([song + detected, song + annotated])
    else:
        mix = song + detected + annotated
    return _finished(mix, rate, target)


def sonify_notes(
    audio: str | bytes | os.PathLike[Any] | ArrayLike | None,
    notes: Any,
    *,
    reference: Any = None,
    sample_rate: float | None = None,
    beside: bool = True,
    path: str | os.PathLike[str] | None = None,
) -> Sound:
    """Play notes on the package's piano, beside the recording that they come from.

    A wrong note that no table of scores explains is heard at once, and so is whether it
    matters: an octave in a full chord hardly does, a semitone does.

    Parameters
    ----------
    audio : path, array-like of shape (n_samples,) or (n_channels, n_samples), or None
        The recording; channels are mixed down. None plays the notes without one.
    notes : array-like of notes, str or PathLike
        A transcription such as ``transcriber.predict([clip])[0]``, in any form that
        :func:`skdeepmir.notes.check_notes` takes, or a file that
        :func:`skdeepmir.notes.read_notes` reads.
    reference : array-like of notes, str or PathLike, default=None
        The annotated notes, played by the same piano: with ``audio=None`` in place of
        the recording, which leaves the notes as the only difference.
    sample_rate : float, default=None
        That of the waveform in Hz. None takes that of the file, or 22050 without a
        recording; another than the file's resamples it.
    beside : bool, default=True
        Two channels, what is compared with (the recording or the reference) on the left
        and the notes on the right. False plays one after the other, with a pause of a
        second: the recording, the reference, the notes.
    path : str or PathLike, default=None
        Where to write it as well: a file that ends in .wav, .flac or .ogg. An existing
        file is replaced.

    Returns
    -------
    sound : Sound
        ``samples``, float32, and their ``sample_rate`` in Hz: of shape (2, n_samples)
        if there is something beside the notes and ``beside``, else (n_samples,). The
        notes are as loud as the recording (root mean square) and end with it; all is
        scaled down if it would leave -1 ... 1.

    Raises
    ------
    ValueError
        If a waveform has no sample rate or one below 8000 Hz, ``path`` has another
        suffix or is the recording itself, there are three things to play beside each
        other, or notes are refused by :func:`skdeepmir.notes.check_notes`.
    AudioError
        If the recording cannot be read.

    See Also
    --------
    skdeepmir.datasets.render_notes : The piano alone.
    skdeepmir.plotting.RollDisplay : The same to look at.

    Examples
    --------
    >>> from skdeepmir.sonification import sonify_notes
    >>> found = [[0.0, 0.5, 60], [0.5, 1.0, 64]]  # onset, offset, pitch
    >>> known = [[0.0, 0.5, 60], [0.5, 1.0, 65]]
    >>> sound = sonify_notes(None, found, reference=known)
    >>> sound.samples.ndim, sound.sample_rate
    (2, 22050.0)
    """
    if audio is not None and reference is not None and beside:
        raise ValueError(
            "audio and reference are both there, and beside=True has room for one next "
            "to the notes. Pass audio=None to hear the notes beside the reference, or "
            "beside=False for one after the other."
        )
    if audio is None:
        rate = SAMPLE_RATE if sample_rate is None else sample_rate
        song, rate, target = _opened(np.zeros(1), rate, path)
        parts = []
    else:
        song, rate, target = _opened(audio, sample_rate, path)
        parts = [song]
    duration = len(song) / rate if parts else None
    if reference is not None:
        parts.append(_played(reference, "reference", rate, duration))
    parts.append(_played(notes, "notes", rate, duration))
    if audio is not None:
        loudness = _loudness(song) or QUIET
        parts[1:] = [part * loudness / (_loudness(part) or 1) for part in parts[1:]]
    if not beside:
        return _finished(_in_turn(parts, round(PAUSE * rate)), rate, target)
    n_samples = max(map(len, parts))
    channels = np.stack([np.pad(part, (0, n_samples - len(part))) for part in parts])
    mix = channels if len(channels) > 1 else channels[0]
    return _finished(mix, rate, target)


def _played(notes: Any, name: str, rate: float, duration: float | None) -> np.ndarray:
    """Return what the piano makes of notes."""
    from skdeepmir.datasets import render_notes

    if rate != int(rate) or rate < SLOWEST_PIANO:
        raise ValueError(
            f"sample_rate={rate!r}; expected a whole number of samples per second, at "
            f"least {SLOWEST_PIANO}, which the piano can be played at. Resample the "
            "recording."
        )
    found = notes_of(notes, name, duration)
    return render_notes(found, duration=duration, sample_rate=int(rate))


def _loudness(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=float)))) if sound.size else 0.0


def _in_turn(parts: list[np.ndarray], n_between: int) -> np.ndarray:
    """Return sounds one after the other, with silence between."""
    padded = [np.pad(part, (0, n_between)) for part in parts[:-1]]
    return np.concatenate([*padded, parts[-1]])


def _opened(
    audio: Any, sample_rate: float | None, path: Any
) -> tuple[np.ndarray, float, Path | None]:
    """Return a recording, its rate, and where what becomes of it is written."""
    target = None if path is None else _target(path)
    song, rate = _waveform(audio, sample_rate)
    if target is not None and is_path(audio):
        _refuse_to_replace(Path(user_path(audio)), target)
    return song, rate, target


def _finished(mix: np.ndarray, rate: float, target: Path | None) -> Sound:
    """Return samples that do not clip, and write them."""
    loudest = float(np.abs(mix).max(initial=0.0))
    samples = (mix / max(1.0, loudest)).astype(np.float32)
    if target is not None:
        _write(target, samples, rate)
    return Sound(samples, rate)


def _waveform(audio: Any, sample_rate: float | None) -> tuple[np.ndarray, float]:
    if is_path(audio):
        return read_audio(audio, sample_rate=sample_rate)
    if sample_rate is None:
        raise ValueError(
            "sample_rate=None, but a waveform does not say its own. Pass that of the "
            "recording in Hz, such as sample_rate=22050."
        )
    if not is_number(sample_rate) or not 0 < sample_rate < np.inf:
        raise ValueError(f"sample_rate={sample_rate!r}; expected samples per second.")
    return check_waveform(audio), float(sample_rate)


def _clicks(
    onsets: Any, pitch: float, song: np.ndarray, rate: float, name: str
) -> np.ndarray:
    """Return clicks of height 1, as long as the song."""
    from mir_eval.sonify import clicks

    times = onsets_of(onsets, name, len(song) / rate)
    t = np.arange(round(CLICK * rate)) / rate
    click = np.cos(2 * np.pi * pitch * t) * np.exp(-t / DECAY)
    return np.asarray(clicks(times, rate, click=click, length=len(song)))


def _target(path: Any) -> Path:
    target = target_file(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(
            f"path={shown(path)} ends in {target.suffix!a}; expected "
            f"{', '.join(FORMATS)}."
        )
    return target


def _refuse_to_replace(recording: Path, target: Path) -> None:
    if target.exists() and target.samefile(recording):
        raise ValueError(
            f"path={str(target)!a} is the recording itself, which the clicks would "
            "replace. Choose another name."
        )


def _write(target: Path, samples: np.ndarray, rate: float) -> None:
    import soundfile

    from skdeepmir.audio._sound import Sound

    if rate != int(rate):
        raise ValueError(
            f"sample_rate={rate!r}; files hold whole numbers of samples per second. "
            "Resample the recording, or write nothing (path=None)."
        )
    if target.suffix.lower() == ".ogg" and rate > FASTEST_OGG:
        raise ValueError(
            f"OGG cannot be written at {rate:g} Hz to {str(target)!a}, only up to "
            f"{FASTEST_OGG} Hz. Choose .wav, or resample the recording."
        )
    channels = np.atleast_2d(samples).T  # (n_samples, n_channels)
    kind = FORMATS[target.suffix.lower()]
    content = io.BytesIO()  # exceptions of a full disk do not pass through libsndfile
    shape = int(rate), channels.shape[1]
    try:
        with Sound(content, "w", *shape, format=kind) as sound:
            for first in range(0, len(channels), WRITTEN_AT_ONCE):
                sound.write(channels[first : first + WRITTEN_AT_ONCE])
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{kind} cannot be written at {rate:g} Hz to {str(target)!a} "
            f"({str(error).rstrip('.')}). Choose .wav, or resample the recording."
        ) from error
    with written_whole(target) as file:
        file.write(content.getbuffer())
