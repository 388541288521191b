"""Synthetic songs with known chords, for tests, examples and first experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skdeepmir.datasets._collections import check_choice
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

PITCH_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Semitones of each quality above its root.
INTERVALS = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "aug": (0, 4, 8),
    "dim": (0, 3, 6),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "minmaj7": (0, 3, 7, 11),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
}
VOCABULARIES = ("majmin", "sevenths", "tetrads")


class Degree(NamedTuple):
    """A chord of a key, its qualities, and what may follow, often what is likely."""

    root: int  # semitones above the tonic
    triad: str
    sevenths: str  # also in the vocabularies "sevenths" and "tetrads"
    colours: str  # also in "tetrads"
    followers: str

    def qualities(self, vocabulary: str) -> list[str]:
        sevenths = "" if vocabulary == "majmin" else self.sevenths
        colours = self.colours if vocabulary == "tetrads" else ""
        return [self.triad, *sevenths.split(), *colours.split()]


# Major keys with chords borrowed from the minor and with secondary dominants.
MAJOR = {
    "I": Degree(0, "maj", "maj7 7", "maj6 sus2 sus4", "IV IV V V vi vi ii iii bVII"),
    "ii": Degree(2, "min", "min7", "min6", "V V V IV vii iii bVII I"),
    "II": Degree(2, "maj", "7", "", "V V V IV"),
    "iii": Degree(4, "min", "min7", "", "vi vi IV IV ii"),
    "III": Degree(4, "maj", "7", "aug", "vi vi vi IV"),
    "IV": Degree(5, "maj", "maj7", "maj6 sus2", "I I I V V V ii iv bVII vi"),
    "iv": Degree(5, "min", "min7", "min6 minmaj7", "I I V bVII"),
    "V": Degree(7, "maj", "7", "sus4 aug", "I I I I vi vi IV iii III bVI"),
    "bVI": Degree(8, "maj", "maj7", "maj6", "bVII bVII V iv"),
    "vi": Degree(9, "min", "min7", "minmaj7", "IV IV IV ii ii V V iii II"),
    "bVII": Degree(10, "maj", "7", "maj6 sus2", "IV IV I I"),
    "vii": Degree(11, "dim", "", "hdim7 dim7", "I I iii vi"),
}
# Minor keys with the major dominant, the Dorian and the Neapolitan chord.
MINOR = {
    "i": Degree(0, "min", "min7", "min6 minmaj7 sus4", "iv VI VI VII VII V III bII ii"),
    "bII": Degree(1, "maj", "maj7", "", "V V i iv"),
    "ii": Degree(2, "dim", "", "hdim7", "V V i"),
    "III": Degree(3, "maj", "maj7", "maj6 aug", "VI VI VII iv i IV"),
    "iv": Degree(5, "min", "min7", "min6", "i i V V VII VI ii"),
    "IV": Degree(5, "maj", "7", "sus2", "i VII VI"),
    "v": Degree(7, "min", "min7", "", "i VI iv VII"),
    "V": Degree(7, "maj", "7", "sus4 aug", "i i i VI vii"),
    "VI": Degree(8, "maj", "maj7", "maj6", "VII VII III iv V bII i"),
    "VII": Degree(10, "maj", "7", "sus4", "i i III III VI v"),
    "vii": Degree(11, "dim", "", "dim7", "i i"),
}
SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 10)}
# Beats of the chords of a bar.
BARS = ((4,), (4,), (4,), (2, 2), (2, 2), (2, 1, 1))

# A struck note takes long to compute.
COMPING_TIMBRES = ("organ", "organ", "plucked", "plucked", "struck")
# The organ's stops 5 1/3', 2 2/3', 1 3/5' and 1 1/3' among its partials.
MUTATIONS = [2, 5, 9, 11]
COMPING_CENTRE = 60  # middle C
LOWEST_BASS = 28  # E1, the lowest string of a bass guitar
LOWEST_MELODY = 67


class Song(NamedTuple):
    """What the clips of one song share: key, tempo and arrangement."""

    tonic: int
    minor: bool
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


class Chord(NamedTuple):
    """One chord from `start` to `end`; `bass` is a pitch class."""

    start: float
    end: float
    root: int
    quality: str
    bass: int

    @property
    def label(self) -> str:
        return f"{PITCH_NAMES[self.root]}:{self.quality}"

    @property
    def pitch_classes(self) -> list[int]:
        return [(self.root + step) % 12 for step in INTERVALS[self.quality]]


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
    beats. Some songs begin with a bar without chord. Two clips are made of each song,
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
        Determines songs, progressions and recordings. Pass an int for the same clips,
        bit for bit, in each call.

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
        If a number is too small, or `vocabulary` is none of the three.

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
        chords = _draw_chords(songs[groups[i]], vocabulary, seconds, clip_rng)
        waveform = _perform(songs[groups[i]], chords, seconds, sample_rate, clip_rng)
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
        tonic=rng.randint(12),
        minor=rng.uniform() < 0.4,
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
    """Let an instrument be heard at the pitch of its notes, for a beat or more."""
    if instrument.timbre in ("plucked", "struck"):
        instrument = instrument._replace(decay=max(instrument.decay, 1.5))
    if instrument.timbre == "organ":
        # Loud stops of fifths and thirds would sound like other chords.
        partials = instrument.partials.copy()
        partials[MUTATIONS] = np.minimum(partials[MUTATIONS], 0.5)
        instrument = instrument._replace(partials=partials)
    return instrument._replace(inharmonicity=min(instrument.inharmonicity, 1e-3))


def _draw_chords(
    song: Song, vocabulary: str, duration: float, rng: np.random.RandomState
) -> list[Chord]:
    """Walk over the degrees of the key from the tonic, bar by bar, to the end."""
    degrees = MINOR if song.minor else MAJOR
    degree = next(iter(degrees.values()))
    # A short clip is not mostly lead-in.
    start = min(song.lead_in * song.beat, duration / 4)
    chords: list[Chord] = []
    while start < duration:
        for beats in BARS[rng.randint(len(BARS))]:
            end = min(start + beats * song.beat, duration)
            if start < duration:
                chords.append(
                    _draw_chord(start, end, song.tonic, degree, vocabulary, rng)
                )
            start = end
            degree = _draw_follower(degrees, degree, vocabulary, rng)
    return chords


def _draw_chord(
    start: float,
    end: float,
    tonic: int,
    degree: Degree,
    vocabulary: str,
    rng: np.random.RandomState,
) -> Chord:
    qualities = degree.qualities(vocabulary)
    quality = qualities[rng.randint(len(qualities))]
    root = (tonic + degree.root) % 12
    inverted = rng.uniform() < 0.12 and quality in ("maj", "min")
    bass = (root + INTERVALS[quality][1]) % 12 if inverted else root
    return Chord(start, end, root, quality, bass)


def _draw_follower(
    degrees: dict[str, Degree],
    degree: Degree,
    vocabulary: str,
    rng: np.random.RandomState,
) -> Degree:
    followers = [degrees[name] for name in degree.followers.split()]
    if vocabulary != "tetrads":
        followers = [d for d in followers if d.triad != "dim"]
    return followers[rng.randint(len(followers))]


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
    """Return the close position that moves least from the one before.

    Parameters
    ----------
    previous : list of int
        MIDI note numbers of the chord before; empty for the first chord.
    pitch_classes : list of int
        The chord's, upward from its root.

    Returns
    -------
    pitches : list of int
        MIDI note numbers, ascending within an octave, one per pitch class.
    """

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
    scale = [(song.tonic + step) % 12 for step in SCALES[song.minor]]
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
                passing = _step_to(pitch + rng.choice([-2, 2]), scale)
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
