"""Synthetic recordings with known onsets, for tests, examples and training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.signal import fftconvolve
from sklearn.utils import Bunch, check_random_state

from skdeepmir._errors import check_choice
from skdeepmir.datasets._collections import check_merge
from skdeepmir.datasets._generators import (
    _CLIPS_PER_SONG,
    _MAX_SEED,
    _check_integer,
    _check_range,
)
from skdeepmir.datasets._onset_instruments import find_start
from skdeepmir.datasets._onset_parts import (
    Part,
    draw_drums,
    draw_percussive,
    draw_setting,
    draw_sustained,
)
from skdeepmir.datasets._synthesis import (
    _body,
    _coloured_noise,
    _equalise,
    _reverberate,
    _rms,
    _tilt,
)
from skdeepmir.onsets import merge_onsets

KINDS = ("drums", "pitched_percussive", "pitched_nonpercussive", "mix")
AUDIBLE = 10**0.1 - 1  # 1 dB: by how much a note must raise the power of some band
HEAD = 0.046  # s of a note in which it is heard or not
PRELUDE = 2.0  # s before the clip in which some songs already play


class Song(NamedTuple):
    """What the clips of one song share."""

    kind: str
    parts: list[Part]


def make_onset_clips(
    *,
    n_clips: int = 20,
    duration: float | tuple[float, float] = (8.0, 12.0),
    sample_rate: int = 22050,
    kinds: Sequence[str] = KINDS,
    snr: float | tuple[float, float] = (15, 50),
    merge: float = 0.03,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make clips of music with the exact times of their onsets.

    Clips are of four materials, as real sets of onsets: drums (kits and hand percussion
    with ghost notes, flams and rolls), pitched percussive (plucked and struck strings
    and bars, with chords, runs, repeated and overlapping notes), pitched non-percussive
    (bowed, blown, sung and held tones, slurred or detached, with vibrato, tremolo,
    scoops and swells, which are not onsets) and mixtures of these. They are recorded in
    rooms, with noise, through various microphones and at various levels; some begin
    with silence, others in the middle of the music. Two clips are made of each song,
    with other notes in another room. Leave whole songs out when you validate (pass
    `groups` to a group splitter): the clips of a song share their instruments.

    The onset of a note is the moment at which its own sound, before room and noise,
    first reaches a tenth of its peak within 0.1 s: with struck sounds less than a
    millisecond after they begin, with bowed and blown ones often ten or more. What
    nobody could hear is not annotated: notes that raise the power of no third of an
    octave by 1 dB.

    Parameters
    ----------
    n_clips : int, default=20
        Number of clips, two per song. The default takes a few seconds.

    duration : float or tuple of (float, float), default=(8.0, 12.0)
        Length of the clips in seconds, at least 1, drawn uniformly between the two
        values. A float makes all clips equally long. The default holds about 45 onsets.

    sample_rate : int, default=22050
        Samples per second, at least 8000. The default is the field's usual rate.

    kinds : list of str, default=("drums", "pitched_percussive", \
            "pitched_nonpercussive", "mix")
        The materials, dealt to the songs in turn.

    snr : float or tuple of (float, float), default=(15, 50)
        Signal-to-noise ratio of the recordings in dB, drawn uniformly between the
        two values. Lower is harder. By default SuperFlux, with its threshold tuned on
        other clips, reaches an F of about 0.85 at 25 ms (drums 0.95, pitched percussive
        0.91, mixtures 0.80, pitched non-percussive 0.68), spectral flux 0.81 (0.91,
        0.87, 0.75, 0.63).

    merge : float, default=0.03
        Onsets less than so many seconds after the first of their group become one, at
        their mean, as annotators hear a chord; 0 keeps all. The default is the field's.

    random_state : int, RandomState instance or None, default=None
        Determines songs, notes and recordings. Pass an int for the same clips in each
        call: bit for bit on one machine with the same versions of libraries.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes.

        data : list of ndarray of shape (n_samples_i,)
            Waveforms, float32, with a peak below 1.
        target : ndarray of shape (n_clips,), dtype=object
            For each clip the times of its onsets in seconds, (n_onsets_i,) float64 in
            order. Few clips have none.
        kinds : ndarray of shape (n_clips,)
            Material of each clip.
        groups : ndarray of shape (n_clips,)
            Song of each clip.
        sample_rate : int
            Samples per second.
        DESCR : str
            Description of the data set.

    Raises
    ------
    TypeError
        If a number is of the wrong type.
    ValueError
        If a number is too small, or `kinds` has something else than the four.

    See Also
    --------
    load_onset_db, load_mdb_drums : Annotated recordings.

    Examples
    --------
    >>> from skdeepmir.datasets import make_onset_clips
    >>> clips = make_onset_clips(n_clips=2, duration=4.0, random_state=0)
    >>> clips.sample_rate, len(clips.data), len(clips.target)
    (22050, 2, 2)
    >>> bool(clips.target[0].max() < 4.0)
    True
    """
    _check_integer("n_clips", n_clips, 1)
    _check_integer("sample_rate", sample_rate, 8000)
    shortest, longest = _check_range("duration", duration, 1.0)
    if isinstance(kinds, str) or not len(kinds):
        raise ValueError(
            f"kinds={kinds!r} is not a list of materials; expected one or more of "
            f"{', '.join(map(repr, KINDS))}, such as kinds=['drums']."
        )
    for kind in kinds:
        check_choice("kinds", kind, KINDS)
    check_merge(merge)
    lowest_snr, highest_snr = _check_range("snr", snr, -np.inf)
    rng = check_random_state(random_state)

    # A seed per song and per clip: none depends on how much others draw.
    n_songs = -(-n_clips // _CLIPS_PER_SONG)
    first = rng.randint(len(kinds))
    songs = [
        _draw_song(kinds[(first + i) % len(kinds)], np.random.RandomState(seed))
        for i, seed in enumerate(rng.randint(_MAX_SEED, size=n_songs))
    ]
    groups = rng.permutation(np.arange(n_clips) // _CLIPS_PER_SONG)
    data, target = [], np.empty(n_clips, dtype=object)
    for i, seed in enumerate(rng.randint(_MAX_SEED, size=n_clips)):
        clip_rng = np.random.RandomState(seed)
        n_samples = round(clip_rng.uniform(shortest, longest) * sample_rate)
        noise = clip_rng.uniform(lowest_snr, highest_snr)
        recording, times = _perform(
            songs[groups[i]], n_samples, sample_rate, noise, clip_rng
        )
        data.append(recording.astype(np.float32))
        target[i] = merge_onsets(np.sort(times), merge)
    return Bunch(
        data=data,
        target=target,
        kinds=np.array([songs[g].kind for g in groups]),
        groups=groups,
        sample_rate=int(sample_rate),
        DESCR=(
            f"{n_clips} synthetic recordings of {n_songs} songs. target: times of "
            "onsets in seconds; kinds: the material; groups: the song."
        ),
    )


# -------------------------------------------------------------------- random draws


def _draw_song(kind: str, rng: np.random.RandomState) -> Song:
    setting = draw_setting(rng)
    parts: list[Part] = []

    def add(draw: Callable[..., Part], level: float) -> None:
        parts.append(draw(setting, level, rng))

    if kind == "drums":
        add(draw_drums, 0.0)
    elif kind == "pitched_percussive":
        add(draw_percussive, 0.0)
        if rng.uniform() < 0.25:
            add(draw_percussive, rng.uniform(-10, 0))
    elif kind == "pitched_nonpercussive":
        add(draw_sustained, 0.0)
        if rng.uniform() < 0.25:
            add(draw_sustained, rng.uniform(-10, 0))
    else:
        if rng.uniform() < 0.75:
            add(draw_drums, rng.uniform(-10, 4))
        if rng.uniform() < 0.8:
            add(draw_percussive, rng.uniform(-8, 2))
        for _ in range(rng.randint(1, 3)):
            add(draw_sustained, rng.uniform(-10, 2))
        if len(parts) < 3:
            add(draw_percussive, rng.uniform(-8, 0))
    return Song(kind, parts)


# --------------------------------------------------------------------- performance


def _perform(
    song: Song,
    n_samples: int,
    sample_rate: int,
    snr: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a recording of a song and the times of its audible onsets."""
    duration = n_samples / sample_rate
    lead = int(PRELUDE * sample_rate)
    start = (
        -PRELUDE if rng.uniform() < 0.4 else rng.uniform(0.02, min(0.8, duration / 4))
    )
    dry = np.zeros(lead + n_samples)
    starts: list[int] = []
    heads: list[np.ndarray] = []
    heard: list[tuple[range, float, np.ndarray]] = []
    n_head = int(HEAD * sample_rate)
    for part in song.parts:
        line = np.zeros(lead + n_samples)
        first = len(starts)
        for sound in part.play(start, duration, sample_rate, rng):
            at = lead + round(sound.time * sample_rate)
            if not 0 <= at < len(line):
                continue
            wave = sound.wave[: len(line) - at]
            line[at : at + len(wave)] += wave
            begin = find_start(sound.wave, sample_rate)
            starts.append(at + begin)
            heads.append(sound.wave[begin : begin + n_head])
        if len(starts) == first:
            continue
        if part.drive:
            line = np.tanh(part.drive * line / np.abs(line).max())
        line = _colour(line, part.resonances, sample_rate)
        gain = 10 ** (part.level / 20) / _rms(line)
        dry += gain * line
        heard += [(range(first, len(starts)), gain, part.resonances)]
    recording = _reverberate(dry, sample_rate, rng)
    noise = _coloured_noise(len(dry), sample_rate, rng)
    # Where no note happens to sound, there is noise alone.
    recording += 10 ** (-snr / 20) * (_rms(recording) or 1.0) * noise
    audible = _find_audible(starts, heads, heard, recording, sample_rate)
    times = (np.array(starts, dtype=float)[audible] - lead) / sample_rate
    recording = _master(recording[lead:], song.kind, sample_rate, rng)
    return recording, times[(times >= 0) & (times < duration)]


def _colour(waveform, resonances, sample_rate):
    """Filter a waveform by a body, whose response starts with the sound, not before."""
    n_fft = 4096
    frequencies = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    log_gain = _body(frequencies, resonances) * np.log(10) / 20
    # The minimum phase follows from the logarithm of the gain by its cepstrum.
    cepstrum = np.fft.irfft(log_gain, n_fft)
    cepstrum[1 : n_fft // 2] *= 2
    cepstrum[n_fft // 2 + 1 :] = 0
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n_fft)
    return fftconvolve(waveform, response[: n_fft // 2])[: len(waveform)]


def _find_audible(starts, heads, heard, recording, sample_rate):
    """Tell which notes raise the power of any third of an octave by a dB."""
    n_head = int(HEAD * sample_rate)
    frequencies = np.fft.rfftfreq(n_head, 1 / sample_rate)
    thirds = 50 * 2 ** np.arange(0, np.log2(sample_rate / 110), 1 / 3)
    edges = np.unique(np.searchsorted(frequencies, thirds))
    window = np.hanning(n_head)

    def powers(wave, gains=1.0):
        spectrum = np.fft.rfft(wave * window[: len(wave)], n_head)
        return np.add.reduceat(np.abs(spectrum) ** 2 * gains, edges)

    audible = np.zeros(len(starts), dtype=bool)
    for notes, gain, resonances in heard:
        gains = gain**2 * 10 ** (_body(frequencies, resonances) / 10)
        for i in notes:
            note = powers(heads[i], gains)
            together = powers(recording[starts[i] : starts[i] + n_head])
            rest = np.maximum(together - note, 1e-12)
            audible[i] = np.any(note > AUDIBLE * rest)
    return audible


def _master(recording, kind, sample_rate, rng):
    """Microphone, mixing desk and level."""
    tilt = rng.uniform(-1.5, 1.5)
    bumps = np.column_stack(
        [rng.uniform(100, 6000, 3), rng.uniform(0.5, 1.5, 3), rng.uniform(-4, 4, 3)]
    )
    # Old tapes and lossy codecs end early.
    highest = rng.choice([1e5, 1e5, rng.uniform(3000, 9000)])

    def gain(f):
        return _tilt(f, tilt) + _body(f, bumps) - 12 * np.maximum(0, f / highest - 1)

    out = _equalise(recording, gain, sample_rate)
    out /= np.abs(out).max()
    if kind in ("mix", "drums") and rng.uniform() < 0.4:
        # A limiter.
        out = np.tanh(rng.uniform(1, 4) * out)
    return out * 10 ** (rng.uniform(-15, -0.5) / 20) / np.abs(out).max()
