"""Synthetic songs with known chords, for tests, examples and first experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skdeepmir._errors import check_choice
from skdeepmir.datasets._chord_progressions import (
    INTERVALS,
    VOCABULARIES,
    Chord,
    Key,
    draw_chords,
)
from skdeepmir.datasets._generators import (
    _CLIPS_PER_SONG,
    _MAX_SEED,
    _check_integer,
    _check_range,
)
from skdeepmir.datasets._synthesis import (
    Instrument,
    Note,
    draw_instrument,
    midi_to_hz,
    play,
    record,
)

# A struck note takes long to compute.
COMPING_TIMBRES = ("organ", "organ", "plucked", "plucked", "struck")
# The organ's stops 5 1/3', 2 2/3', 1 3/5' and 1 1/3' among its partials.
MUTATIONS = [2, 5, 9, 11]
COMPING_CENTRE = 60  # middle C
LOWEST_BASS = 28  # E1, the lowest string of a bass guitar
LOWEST_MELODY = 67


class Song(NamedTuple):
    """What the clips of one song share: key, tempo and arrangement."""

    key: Key
    beat: float  # seconds
    comping: Instrument
    stroke: int  # beats between strokes
    broken: bool  # whether the notes of a chord come one by one
    bass: Instrument
    bass_level: float  # dB relative to the comping instrument, as all levels
    melody: Instrument | None
    melody_level: float
    drums: Instrument | None
    drums_level: float
    lead_in: int  # beats before the first chord


def make_chord_clips(
    *,
    n_clips: int = 20,
    duration: float | tuple[float, float] = (20.0, 30.0),
    sample_rate: int = 22050,
    vocabulary: str = "majmin",
    snr: float | tuple[float, float] = (20, 40),
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make clips of chord progressions with their annotations.

    Each song has a major or minor key, a tempo, an instrument that plays the chords in
    close position with the least movement from one to the next, a bass, and often a
    melody with passing notes and soft drums. Progressions follow the functions of the
    key, with borrowed chords and secondary dominants; chords last one, two or four
    beats. Some songs begin with a bar without a chord. Two clips are made of each song,
    with different progressions in different rooms. Leave whole songs out when you
    validate (pass `groups` to a group splitter): the clips of a song share their key
    and instruments.

    Parameters
    ----------
    n_clips : int, default=20
        Number of clips, two per song. The default takes a few seconds.

    duration : float or tuple of (float, float), default=(20.0, 30.0)
        Length of the clips in seconds, at least 2, drawn uniformly between the two
        values. A float makes all clips equally long. The default holds about 20 chords.

    sample_rate : int, default=22050
        Samples per second, at least 8000. The default is the field's usual rate.

    vocabulary : {"majmin", "sevenths", "tetrads"}, default="majmin"
        The chords: major and minor triads; also major, minor and dominant sevenths; or
        also sixths, suspended, diminished, augmented and half-diminished chords and
        minor chords with a major seventh. Some triads are played as inversions; labels
        do not name the bass, as these vocabularies leave it out.

    snr : float or tuple of (float, float), default=(20, 40)
        Signal-to-noise ratio of the recordings in dB, drawn uniformly between the
        two values. Lower is harder. By default the major or minor triad whose pitch
        classes hold most of a frame's chroma is right in about 0.7 of the frames.

    random_state : int, RandomState instance or None, default=None
        Determines songs, progressions and recordings. Pass an int for the same clips in
        each call: bit for bit on one machine with the same versions of libraries.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes.

        data : list of ndarray of shape (n_samples_i,)
            Waveforms, float32, with a peak below 1.
        target : ndarray of shape (n_clips,), dtype=object
            For each clip a tuple of intervals, (n_chords_i, 2) in seconds, without gaps
            from 0 to the clip's end, and labels, (n_chords_i,) of str in Harte's syntax
            [1]_ with sharps, such as "C#:min"; "N" is no chord.
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
        If a number is too small, or `vocabulary` is not one of the three.

    See Also
    --------
    load_isophonics, load_billboard, load_rwc_popular : Annotated recordings.

    References
    ----------
    .. [1] C. Harte, M. Sandler, S. Abdallah and E. Gomez, "Symbolic representation of
       musical chords: A proposed syntax for text annotations", ISMIR 2005.

    Examples
    --------
    >>> from skdeepmir.datasets import make_chord_clips
    >>> clips = make_chord_clips(n_clips=2, duration=4.0, random_state=0)
    >>> intervals, labels = clips.target[0]
    >>> len(intervals) == len(labels)
    True
    >>> float(intervals[0, 0]), float(intervals[-1, 1])
    (0.0, 4.0)
    """
    _check_integer("n_clips", n_clips, 1)
    _check_integer("sample_rate", sample_rate, 8000)
    shortest, longest = _check_range("duration", duration, 2.0)
    check_choice("vocabulary", vocabulary, VOCABULARIES)
    lowest_snr, highest_snr = _check_range("snr", snr, -np.inf)
    rng = check_random_state(random_state)

    # A seed per song and per clip: none depends on how much others draw.
    n_songs = -(-n_clips // _CLIPS_PER_SONG)
    songs = [
        _draw_song(np.random.RandomState(seed))
        for seed in rng.randint(_MAX_SEED, size=n_songs)
    ]
    groups = rng.permutation(np.arange(n_clips) // _CLIPS_PER_SONG)
    data, target = [], np.empty(n_clips, dtype=object)
    for i, seed in enumerate(rng.randint(_MAX_SEED, size=n_clips)):
        clip_rng = np.random.RandomState(seed)
        seconds = round(clip_rng.uniform(shortest, longest) * sample_rate) / sample_rate
        song = songs[groups[i]]
        # A short clip is not mostly lead-in.
        first = min(song.lead_in * song.beat, seconds / 4)
        chords = draw_chords(song.key, song.beat, first, seconds, vocabulary, clip_rng)
        waveform = _perform(song, chords, seconds, sample_rate, clip_rng)
        noise = clip_rng.uniform(lowest_snr, highest_snr)
        recording = record(waveform, sample_rate, noise, clip_rng)
        data.append(recording.astype(np.float32))
        target[i] = _annotate(chords)
    return Bunch(
        data=data,
        target=target,
        groups=groups,
        sample_rate=int(sample_rate),
        DESCR=(
            f"{n_clips} synthetic recordings of {n_songs} songs with chords of the "
            f"vocabulary {vocabulary!r}. target: intervals and labels; groups: the "
            "song."
        ),
    )


def _annotate(chords: list[Chord]) -> tuple[np.ndarray, np.ndarray]:
    """Return intervals and labels, from 0 s on."""
    intervals = [(chord.start, chord.end) for chord in chords]
    labels = [chord.label for chord in chords]
    if chords[0].start > 0:
        intervals.insert(0, (0.0, chords[0].start))
        labels.insert(0, "N")
    return np.array(intervals), np.array(labels, dtype=object)


# -------------------------------------------------------------------- random draws


def _draw_song(rng: np.random.RandomState) -> Song:
    return Song(
        key=Key(tonic=rng.randint(12), minor=rng.uniform() < 0.4),
        beat=rng.uniform(0.4, 0.7),
        comping=_tame(draw_instrument(rng.choice(COMPING_TIMBRES), rng)),
        stroke=rng.choice([1, 2, 2, 4]),
        broken=rng.uniform() < 0.3,
        bass=_tame(draw_instrument(rng.choice(["plucked", "plucked", "bowed"]), rng)),
        bass_level=rng.uniform(-8, 0),
        melody=_draw_sometimes(["blown", "bowed", "plucked"], 0.6, rng),
        melody_level=rng.uniform(-8, 0),
        drums=_draw_sometimes(["drum"], 0.6, rng),
        drums_level=rng.uniform(-18, -8),
        lead_in=rng.choice([0, 0, 0, 2, 4]),
    )


def _draw_sometimes(
    timbres: list[str], probability: float, rng: np.random.RandomState
) -> Instrument | None:
    if rng.uniform() >= probability:
        return None
    return _tame(draw_instrument(rng.choice(timbres), rng))


def _tame(instrument: Instrument) -> Instrument:
    """Make an instrument sound at the pitch of its notes, for a beat or more."""
    if instrument.timbre in ("plucked", "struck"):
        instrument = instrument._replace(decay=max(instrument.decay, 1.5))
    if instrument.timbre == "organ":
        # Loud stops of fifths and thirds would sound like other chords.
        partials = instrument.partials.copy()
        partials[MUTATIONS] = np.minimum(partials[MUTATIONS], 0.5)
        instrument = instrument._replace(partials=partials)
    return instrument._replace(inharmonicity=min(instrument.inharmonicity, 1e-3))


# --------------------------------------------------------------------- performance


def _perform(
    song: Song,
    chords: list[Chord],
    duration: float,
    sample_rate: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Play all parts; float64 (n_samples,)."""
    parts: list[tuple[Instrument | None, float, Any]] = [
        (song.comping, 0.0, _comping_notes),
        (song.bass, song.bass_level, _bass_notes),
        (song.melody, song.melody_level, _melody_notes),
    ]
    mixture = np.zeros(round(duration * sample_rate))
    for instrument, level, write in parts:
        if instrument is not None:
            notes = [n for n in write(song, chords, rng) if n.onset < duration]
            part = play(instrument, notes, duration, sample_rate, rng)
            mixture += 10 ** (level / 20) * part
    if song.drums is not None:
        notes = _drum_notes(song, chords[0].start, duration, rng)
        part = play(song.drums, notes, duration, sample_rate, rng)
        mixture += 10 ** (song.drums_level / 20) * part
    return mixture


def _beats(chord: Chord, step: float) -> Iterator[tuple[float, float]]:
    """Yield the onset and the length of each `step` seconds of a chord."""
    # A remainder of under a tenth is an error of rounding.
    n_steps = max(1, int(np.ceil((chord.end - chord.start) / step - 0.1)))
    for i in range(n_steps):
        onset = chord.start + i * step
        yield onset, min(step, chord.end - onset)


def _human(rng: np.random.RandomState) -> float:
    """Lateness of a note in seconds."""
    return float(abs(rng.normal(0, 0.008)))


def _comping_notes(
    song: Song, chords: list[Chord], rng: np.random.RandomState
) -> Iterator[Note]:
    voicing: list[int] = []
    for chord in chords:
        voicing = lead_voices(voicing, chord.pitch_classes)
        step = song.beat / 2 if song.broken else song.stroke * song.beat
        for stroke, (onset, length) in enumerate(_beats(chord, step)):
            velocity = rng.uniform(0.5, 0.9)
            # One note of a broken chord rings on while the others follow.
            struck = [voicing[stroke % len(voicing)]] if song.broken else voicing
            held = min(3 * step, chord.end - onset) if song.broken else 0.95 * length
            for pitch in struck:
                late = _human(rng)
                yield Note(onset + late, held, midi_to_hz(pitch), velocity)


def lead_voices(previous: list[int], pitch_classes: list[int]) -> list[int]:
    """Return the close position of a chord that moves least from the one before."""
    # Positions are ascending MIDI note numbers, one per pitch class.

    def effort(pitches: list[int]) -> float:
        movement = sum(min(abs(p - q) for q in previous or [p]) for p in pitches)
        centre = sum(pitches) / len(pitches)
        return movement + 0.1 * abs(centre - COMPING_CENTRE)

    positions = []
    for k in range(len(pitch_classes)):
        turned = pitch_classes[k:] + pitch_classes[:k]
        lowest = COMPING_CENTRE - 12 + (turned[0] - COMPING_CENTRE) % 12
        position = [lowest + (p - turned[0]) % 12 for p in turned]
        positions += [position, [p + 12 for p in position]]
    return min(positions, key=effort)


def _bass_notes(
    song: Song, chords: list[Chord], rng: np.random.RandomState
) -> Iterator[Note]:
    """Play the bass of each chord, then bass or fifth."""
    for chord in chords:
        step = song.beat * rng.choice([1, 2])
        for i, (onset, length) in enumerate(_beats(chord, step)):
            pitch_class = chord.bass
            if i > 0 and rng.uniform() < 0.3 and 7 in INTERVALS[chord.quality]:
                pitch_class = chord.root + 7
            pitch = LOWEST_BASS + (pitch_class - LOWEST_BASS) % 12
            velocity = rng.uniform(0.6, 1)
            late = _human(rng)
            yield Note(onset + late, 0.9 * length, midi_to_hz(pitch), velocity)


def _melody_notes(
    song: Song, chords: list[Chord], rng: np.random.RandomState
) -> Iterator[Note]:
    """Chord notes on the beats, passing notes of the scale between some of them."""
    pitch = LOWEST_MELODY + rng.randint(5, 12)
    begun = False
    for chord in chords:
        for onset, length in _beats(chord, song.beat):
            if begun and rng.uniform() < 0.25:
                continue
            begun = True
            pitch = _step_to(pitch + rng.randint(-4, 5), chord.pitch_classes)
            notes = [(onset, length, pitch)]
            if rng.uniform() < 0.35:
                passing = _step_to(pitch + rng.choice([-2, 2]), song.key.scale)
                half = length / 2
                notes = [(onset, half, pitch), (onset + half, half, passing)]
            for start, held, p in notes:
                velocity, late = rng.uniform(0.4, 1), _human(rng)
                yield Note(start + late, 0.9 * held, midi_to_hz(p), velocity)


def _step_to(pitch: int, pitch_classes: list[int]) -> int:
    """Return the nearest pitch of these classes in the melody's octave and a half."""
    allowed = [
        p for p in range(LOWEST_MELODY, LOWEST_MELODY + 19) if p % 12 in pitch_classes
    ]
    return min(allowed, key=lambda p: abs(p - pitch))


def _drum_notes(
    song: Song, first_beat: float, duration: float, rng: np.random.RandomState
) -> list[Note]:
    """Strike on each beat, in the lead-in too, and on some of the halves."""
    n_before = int(np.floor(first_beat / song.beat + 1e-6))
    beats = np.arange(first_beat - n_before * song.beat, duration, song.beat)
    halves = beats[rng.uniform(size=len(beats)) < 0.4] + song.beat / 2
    onsets = np.sort(np.concatenate([beats, halves[halves < duration]]))
    # Rounding may put the first beat a hair before the start.
    return [
        Note(max(onset, 0.0), 0.1, midi_to_hz(LOWEST_BASS), rng.uniform(0.4, 1))
        for onset in onsets
    ]
