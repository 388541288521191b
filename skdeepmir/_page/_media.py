"""Sound and pictures of clips, as bytes that every browser plays and shows."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepmir.audio import (
    AudioError,
    check_waveform,
    constant_q,
    hann_spectrogram,
    mel_filters,
    read_header,
    to_decibels,
)
from skdeepmir.audio._opening import opened_streams
from skdeepmir.audio._quiet import quiet_decoder
from skdeepmir.frames import PATH_TYPES

RATES = (8_000, 11_025, 16_000, 22_050)  # Hz; speech and music are told apart by less
# MP3, because Safari plays Ogg (Vorbis, Opus) only since version 18.4, and all browsers
# leave out what its encoder puts before the first sample, so that times stay right. A
# variable rate of about 30 kbit/s.
SOUND = {"format": "MP3", "bitrate_mode": "VARIABLE", "compression_level": 0.6}
WRITTEN_AT_ONCE = 1 << 16  # samples; libsndfile's encoders need a stack for all
COLUMNS, BANDS = 400, 80  # of a spectrogram, about those of the screen
SEMITONES, C1 = 84, 440 * 2 ** (-45 / 12)
DECIBELS = 60.0  # below the loudest point; what is softer is white
N_FFT = 1024


@dataclass(frozen=True)
class Media:
    """What of a clip is heard and seen in a report.

    Attributes
    ----------
    sound : bytes
        An MP3 file; empty if there is none.
    picture : str
        A data URL of a picture, white (nothing) to black; "" if there is none.
    start, seconds : float
        Which part of the clip this is.
    duration : float
        Of the whole clip, in seconds; 0 where there are no times.
    problem : str
        Why something is missing.
    """

    sound: bytes = b""
    picture: str = ""
    start: float = 0.0
    seconds: float = 0.0
    duration: float = 0.0
    problem: str = ""


def media_of_sound(
    clip: Any, sample_rate: float | None, excerpt: float, start: float | None, kind: str
) -> Media:
    """Return the sound and spectrogram of a part of a file or waveform.

    A clip that cannot be read has a problem instead. ``start`` is where the part begins
    in seconds; None takes it from the middle. ``kind`` "chords" shows semitones.
    """
    try:
        is_path = isinstance(clip, PATH_TYPES)
        part = _of_file if is_path else _of_waveform
        problem = _problem_of(clip) if is_path else ""
        y, rate, start, duration = part(clip, sample_rate, excerpt, start)
        if not len(y):
            return Media(problem=problem or "ends before the excerpt begins")
        y, rate = _resampled(check_waveform(y), rate)
        if not len(y):
            return Media(problem=f"is too short to be heard: {duration:.2g} s")
        if (loudest := np.abs(y).max()) > 1:
            y /= loudest
        sound, picture = _mp3(y, rate), _spectrogram(y, rate, kind)
    except (AudioError, OSError) as error:
        return Media(problem=getattr(error, "found", None) or str(error))
    except RuntimeError as error:  # libsndfile's
        return Media(problem=f"cannot be decoded: {str(error).rstrip('.')}")
    return Media(sound, picture, start, len(y) / rate, duration, problem)


def media_of_frames(frames: Any) -> Media:
    """Return the picture of frames, or of a single row."""
    values = np.asarray(frames)
    if values.dtype.kind not in "biuf" or values.ndim > 2 or not values.size:
        return Media(problem="is neither sound nor numbers")
    with np.errstate(over="ignore"):
        values = np.atleast_2d(np.nan_to_num(values.astype(np.float32)))
    values = _fewer(_fewer(values, COLUMNS).T, 2 * BANDS)  # (n_features, n_frames)
    low, high = np.percentile(values, [2, 98])
    return Media(picture=_picture((values - low) / max(float(high - low), 1e-12)))


def picture_of_weights(weights: np.ndarray) -> str:
    """Return the picture of weights (n_frames, n_features): grey is 0, black most."""
    largest = float(np.abs(weights).max(initial=0)) or 1.0
    return _picture(0.5 + weights.T / (2 * largest), is_exact=True)


def _problem_of(path: Any) -> str:
    """Return what is wrong with a file that may still be read in part."""
    try:
        read_header(path)
    except AudioError as error:
        if error.code != "truncated":
            raise
        return f"{error.found}; what is left of it is shown"
    return ""


def _window(duration: float, excerpt: float, start: float | None) -> float:
    """Return where an excerpt begins: as wished, or in the middle."""
    latest = max(0.0, duration - excerpt)
    return min(latest, latest / 2 if start is None else max(0.0, start))


def _of_file(
    path: Any, sample_rate: float | None, excerpt: float, start: float | None
) -> tuple[np.ndarray, float, float, float]:
    """Return samples of a file, their rate, where they begin, and its duration."""
    with contextlib.closing(opened_streams(path, "accept", None, True)) as streams:
        sound, n_samples = next(streams)  # of several that were joined, the first
        rate = sound.samplerate
        duration = (n_samples or sound.frames) / rate
        start = _window(duration, excerpt, start)
        with quiet_decoder():
            if start:
                sound.seek(round(start * rate))
            y = sound.read(round(excerpt * rate), dtype="float32", always_2d=True)
    return y.mean(axis=1), rate, start, duration


def _of_waveform(
    y: Any, sample_rate: float | None, excerpt: float, start: float | None
) -> tuple[np.ndarray, float, float, float]:
    assert sample_rate is not None  # or it would be taken for numbers
    y = np.asarray(y)
    duration = y.shape[-1] / sample_rate
    start = _window(duration, excerpt, start)
    first = round(start * sample_rate)
    part = y[..., first : first + round(excerpt * sample_rate)]
    return check_waveform(part), sample_rate, start, duration


def _resampled(y: np.ndarray, rate: float) -> tuple[np.ndarray, int]:
    """Return samples at the lowest rate that keeps what is heard."""
    import soxr

    kept = next((each for each in RATES if each >= rate), RATES[-1])
    if kept == rate:
        return y.copy(), kept
    return soxr.resample(y, rate, kept, quality="HQ"), kept


def _mp3(y: np.ndarray, rate: int) -> bytes:
    from skdeepmir.audio._sound import Sound  # soundfile is imported when needed

    file = io.BytesIO()
    with Sound(file, "w", rate, 1, **SOUND) as sound:
        for first in range(0, len(y), WRITTEN_AT_ONCE):
            sound.write(y[first : first + WRITTEN_AT_ONCE])
    return file.getvalue()


def _spectrogram(y: np.ndarray, rate: int, kind: str) -> str:
    """Return the picture of mel bands, or of semitones, over time."""
    hop = max(128, -(-len(y) // COLUMNS))
    if kind == "chords" and rate == RATES[-1]:
        parameters = {"sample_rate": rate, "fmin": C1, "n_bins": SEMITONES}
        hop = max(512, hop // 512 * 512)
        power = np.square(constant_q(y, hop_length=hop, **parameters))
    else:
        n_fft = N_FFT if rate > RATES[1] else N_FFT // 2
        filters = mel_filters(rate, n_fft, BANDS, 0, rate / 2)
        # Short sounds between two columns must not be missed.
        fine = -(-hop // max(1, round(hop / (n_fft / 2))))
        power = hann_spectrogram(y, n_fft=n_fft, hop_length=fine, filters=filters)
    power = _fewer(power, COLUMNS, np.maximum.reduceat)
    decibels = to_decibels(power, 1e-9).T
    top = max(float(decibels.max()), -50.0)  # silence stays white
    return _picture((decibels - top) / DECIBELS + 1)


def _fewer(values: np.ndarray, n: int, reduce: Any = np.add.reduceat) -> np.ndarray:
    """Return at most n rows, each the mean (or another summary) of its neighbours."""
    if len(values) <= n:
        return values
    edges = np.linspace(0, len(values), n, endpoint=False).astype(int)
    reduced = reduce(values, edges, axis=0)
    if reduce is np.add.reduceat:
        reduced = reduced / np.diff([*edges, len(values)])[:, np.newaxis]
    return reduced


def _picture(ink: np.ndarray, is_exact: bool = False) -> str:
    """Return a data URL of values from 0 (white) to 1 (black), the first row lowest."""
    from base64 import b64encode

    from PIL import Image, features

    levels = np.round(255 - 255 * np.clip(ink, 0, 1)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(levels[::-1]))
    is_lossy = features.check("webp") and min(levels.shape) > 8 and not is_exact
    name = "webp" if is_lossy else "png"
    file = io.BytesIO()
    image.save(file, name, quality=45)
    return f"data:image/{name};base64,{b64encode(file.getvalue()).decode()}"
