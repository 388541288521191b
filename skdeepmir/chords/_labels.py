"""Chord labels in Harte's grammar, read by mir_eval."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from mir_eval.chord import CHORD_RE, InvalidChordException
from mir_eval.chord import encode as mir_eval_encode

#: No chord is played.
NO_CHORD = "N"
#: Unknown, or outside the vocabulary: left out of training and of scores.
UNSCORED = "X"

#: Roots as this package spells them, from C upward.
ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SEMITONES = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
_DEGREES = ("", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7")

# Common spellings and Harte's. Looked up as written, then in lower case.
_QUALITIES = {
    "maj": "maj",
    "min": "min",
    **dict.fromkeys(("", "M", "ma", "major", "dur"), "maj"),
    **dict.fromkeys(("m", "mi", "-", "minor", "moll"), "min"),
    **dict.fromkeys(("M7", "ma7", "maj7", "major7", "Δ", "Δ7"), "maj7"),
    **dict.fromkeys(("m7", "mi7", "-7", "min7", "minor7"), "min7"),
    **dict.fromkeys(("7", "dom", "dom7"), "7"),
    **dict.fromkeys(("+", "aug", "augmented"), "aug"),
    **dict.fromkeys(("o", "°", "dim", "diminished"), "dim"),
    **dict.fromkeys(("o7", "°7", "dim7"), "dim7"),
    **dict.fromkeys(("ø", "ø7", "m7b5", "min7b5", "hdim", "hdim7"), "hdim7"),
    **dict.fromkeys(("mM7", "mmaj7", "minmaj7", "minM7"), "minmaj7"),
    **dict.fromkeys(("6", "M6", "maj6"), "maj6"),
    **dict.fromkeys(("m6", "min6"), "min6"),
    **dict.fromkeys(("sus", "sus4"), "sus4"),
    "sus2": "sus2",
    "add9": "maj(9)",
    "aug7": "aug(b7)",
    "9": "9",
    **dict.fromkeys(("M9", "maj9"), "maj9"),
    **dict.fromkeys(("m9", "min9"), "min9"),
    "11": "11",
    "maj11": "maj9(11)",
    **dict.fromkeys(("m11", "min11"), "min11"),
    "13": "13",
    **dict.fromkeys(("M13", "maj13"), "maj13"),
    **dict.fromkeys(("m13", "min13"), "min13"),
    "5": "5",
}
_OTHERS = {
    **dict.fromkeys(("n", "nc", "n.c.", "none", "no chord", "nochord"), NO_CHORD),
    **dict.fromkeys(("x", "?", "unknown"), UNSCORED),
}
_ROOT = re.compile(r"([A-Ha-h])(is|es|b+|#+|)")


class Chord(NamedTuple):
    """Root, sounding semitones and bass of a chord label.

    Attributes
    ----------
    root : int
        Semitones from C up to the root, 0 to 11; -1 for "N" and "X".
    bitmap : tuple of 12 int
        1 for each semitone above the root that sounds, the bass included; all 0 for "N"
        and all -1 for "X".
    bass : int
        Semitones from the root up to the bass, 0 to 11; -1 for "N" and "X".
    """

    root: int
    bitmap: tuple[int, ...]
    bass: int


def parse(label: str) -> Chord:
    """Parse a chord label.

    Parameters
    ----------
    label : str
        In Harte's grammar [1]_: root, quality, added or omitted degrees, bass, as in
        "C", "Bb:min7", "F#:maj(9)/3"; or "N", no chord, or "X", not to be scored.

    Returns
    -------
    chord : Chord
        Root, semitones and bass, by ``mir_eval.chord.encode``: ninths, elevenths and
        thirteenths are dropped, as in mir_eval's metrics.

    Raises
    ------
    ValueError
        If the label is not a str, is not in the grammar, or has a quality that mir_eval
        lacks. The message suggests a label where one is plausible.

    References
    ----------
    .. [1] C. Harte, "Towards automatic extraction of harmony information from music
       signals", PhD thesis, Queen Mary University of London, 2010.

    Examples
    --------
    >>> from skdeepmir.chords import parse
    >>> parse("D:min/b3")
    Chord(root=2, bitmap=(1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0), bass=3)
    >>> parse("H:dur")
    Traceback (most recent call last):
    ...
    ValueError: 'H:dur' is not in Harte's grammar (did you mean 'B:maj'?).
    """
    if not isinstance(label, str):
        raise ValueError(
            f"{label!r} is of type {type(label).__name__}, expected a label of type "
            "str, such as 'C:maj'."
        )
    return _parse(str(label))


@lru_cache(maxsize=10_000)
def _parse(label: str) -> Chord:
    if not CHORD_RE.fullmatch(label):
        raise ValueError(f"{label!r} is not in Harte's grammar{_hint(label)}.")
    try:
        root, bitmap, bass = mir_eval_encode(label)
    except InvalidChordException as error:
        raise ValueError(
            f"{label!r} has a quality that mir_eval cannot read{_hint(label)}."
        ) from error
    return Chord(int(root), tuple(bitmap.tolist()), int(bass))


def _hint(label: str) -> str:
    meant = _suggest(label)
    if meant is None:
        return "; expected labels such as 'C:maj', 'F#:min7/b3' or 'N'"
    return f" (did you mean {meant!r}?)"


def _suggest(label: str) -> str | None:
    """Return the label that was probably meant, if there is one."""
    label = label.strip().replace("♭", "b").replace("♯", "#")
    if label.lower() in _OTHERS:
        return _OTHERS[label.lower()]
    match = _ROOT.match(label)
    if match is None:
        return None
    root = _root_in_english(match)
    quality, slash, bass = label[match.end() :].partition("/")
    quality = quality.strip().removeprefix(":").strip()
    quality, bracket, degrees = quality.partition("(")
    meant = _QUALITIES.get(quality, _QUALITIES.get(quality.lower()))
    if meant is None:
        return None
    candidate = f"{root}:{meant}{bracket}{degrees}{_bass_degree(root, slash + bass)}"
    return candidate if CHORD_RE.fullmatch(candidate) else None


def _root_in_english(match: re.Match[str]) -> str:
    """Return a root with an English name: German H is B, and Fis is F#."""
    letter = match[1].upper().replace("H", "B")
    return letter + {"is": "#", "es": "b"}.get(match[2], match[2])


def _bass_degree(root: str, bass: str) -> str:
    """Return "/3" for a bass written as a note, as in C/E; else what was written."""
    note = _ROOT.fullmatch(bass.removeprefix("/").strip())
    if note is None:
        return bass
    degree = _DEGREES[(_pitch_class(_root_in_english(note)) - _pitch_class(root)) % 12]
    return f"/{degree}" if degree else ""


def _pitch_class(note: str) -> int:
    return (_SEMITONES[note[0]] + note.count("#") - note[1:].count("b")) % 12


def label_list(labels: Any, name: str = "labels") -> list[str]:
    """Return labels as a list, after checking that all are str."""
    if isinstance(labels, str | bytes):
        raise ValueError(
            f"{name} is {labels!r}; expected a sequence of labels: [{labels!r}]."
        )
    found = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    wrong = {kind for kind in set(map(type, found)) if not issubclass(kind, str)}
    if wrong:
        i = next(i for i, label in enumerate(found) if type(label) in wrong)
        raise ValueError(
            f"{name}[{i}] is {found[i]!r} of type {type(found[i]).__name__}; expected "
            "chord labels of type str, such as 'C:maj'."
        )
    return found


def map_labels(
    function: Callable[[str], Any], labels: Any, dtype: type[Any]
) -> np.ndarray:
    """Return the function's value of each label; it is called once per distinct one."""
    found = label_list(labels)
    values = {label: function(label) for label in dict.fromkeys(found)}
    return np.fromiter(map(values.__getitem__, found), dtype, len(found))
