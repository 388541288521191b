"""Progressions of chords that follow the functions of a key."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    """A chord of a key, its qualities, and what may follow, more often if likely."""

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


class Key(NamedTuple):
    """A major or minor key on a tonic, 0 to 11 semitones above C."""

    tonic: int
    minor: bool

    @property
    def scale(self) -> list[int]:
        """Pitch classes."""
        return [(self.tonic + step) % 12 for step in SCALES[self.minor]]


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


def draw_chords(
    key: Key,
    beat: float,
    start: float,
    duration: float,
    vocabulary: str,
    rng: np.random.RandomState,
) -> list[Chord]:
    """Walk over the degrees of a key from the tonic, bar by bar, without gaps."""
    # All in seconds: a beat, the start of the first chord, the end of the last.
    degrees = MINOR if key.minor else MAJOR
    degree = next(iter(degrees.values()))
    chords: list[Chord] = []
    while start < duration:
        for beats in BARS[rng.randint(len(BARS))]:
            end = min(start + beats * beat, duration)
            if start < duration:
                chords.append(
                    _draw_chord(start, end, key.tonic, degree, vocabulary, rng)
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
