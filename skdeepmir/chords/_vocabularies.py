"""Chord vocabularies, and how other labels map to theirs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from skdeepmir.chords._labels import (
    NO_CHORD,
    ROOTS,
    UNSCORED,
    Chord,
    label_list,
    map_labels,
    parse,
)

NO_LABEL = -1  # number of frames that are neither learned from nor scored
SEMITONES = range(-5, 7)  # transpositions, the nearest of each key

# The degrees above the root of each quality: where the bass may lie.
_DEGREES = {
    "maj": ("3", "5"),
    "min": ("b3", "5"),
    "aug": ("3", "#5"),
    "dim": ("b3", "b5"),
    "sus2": ("2", "5"),
    "sus4": ("4", "5"),
    "maj7": ("3", "5", "7"),
    "min7": ("b3", "5", "b7"),
    "7": ("3", "5", "b7"),
    "dim7": ("b3", "b5", "bb7"),
    "hdim7": ("b3", "b5", "b7"),
    "minmaj7": ("b3", "5", "7"),
    "maj6": ("3", "5", "6"),
    "min6": ("b3", "5", "6"),
}


def _on_all_roots(qualities: Sequence[str], *, inversions: bool) -> tuple[str, ...]:
    kinds = [
        quality + bass
        for quality in qualities
        for bass in ("", *(f"/{d}" for d in _DEGREES[quality] if inversions))
    ]
    return (*(f"{root}:{kind}" for kind in kinds for root in ROOTS), NO_CHORD)


_SEVENTHS = ("maj", "min", "maj7", "7", "min7")

#: The labels of each vocabulary. All twelve roots of the first quality, from C upward,
#: then those of the next, and "N" last: a transposition rolls blocks of twelve.
VOCABULARIES: dict[str, tuple[str, ...]] = {
    "majmin": _on_all_roots(("maj", "min"), inversions=False),
    "majmin_inv": _on_all_roots(("maj", "min"), inversions=True),
    "sevenths": _on_all_roots(_SEVENTHS, inversions=False),
    "tetrads": _on_all_roots(tuple(_DEGREES), inversions=False),
    "full": _on_all_roots(tuple(_DEGREES), inversions=True),
}


def _triad(chord: Chord) -> Hashable:
    return chord.root, chord.bitmap[:8]


def _triad_and_bass(chord: Chord) -> Hashable:
    return chord.root, chord.bitmap[:8], chord.bass


def _without_bass(chord: Chord) -> Hashable:
    return chord.root, chord.bitmap


def _whole(chord: Chord) -> Hashable:
    return chord


# What mir_eval's metric of each vocabulary compares.
_COMPARED: dict[str, Callable[[Chord], Hashable]] = {
    "majmin": _triad,
    "majmin_inv": _triad_and_bass,
    "sevenths": _without_bass,
    "tetrads": _without_bass,
    "full": _whole,
}


class _Lexicon(NamedTuple):
    labels: tuple[str, ...]
    compared: Callable[[Chord], Hashable]
    codes: dict[Any, int]  # of what is compared: a tuple that begins with the root

    def code(self, label: str) -> int:
        return self.codes.get(self.compared(parse(label)), -1)


def _lexicon(vocabulary: str | Sequence[str]) -> _Lexicon:
    if not isinstance(vocabulary, str):
        return _checked_lexicon(tuple(label_list(vocabulary, "vocabulary")))
    if vocabulary not in VOCABULARIES:
        raise ValueError(
            f"vocabulary={vocabulary!r} is not one of {list(VOCABULARIES)}; pass one "
            "of them or a sequence of labels."
        )
    return _checked_lexicon(VOCABULARIES[vocabulary])


@lru_cache(maxsize=64)
def _checked_lexicon(labels: tuple[str, ...]) -> _Lexicon:
    if not labels:
        raise ValueError("vocabulary is empty; expected at least 1 label.")
    if UNSCORED in labels:
        raise ValueError(
            f"vocabulary holds {UNSCORED!r}, which stands for chords outside of a "
            "vocabulary. Leave it out."
        )
    name = next((name for name, known in VOCABULARIES.items() if known == labels), "")
    compared = _COMPARED.get(name, _whole)
    codes: dict[Any, int] = {}
    for i, label in enumerate(labels):
        first = codes.setdefault(compared(parse(label)), i)
        if first != i:
            raise ValueError(
                f"vocabulary holds {labels[first]!r} and {label!r}, which are the same "
                "chord to mir_eval. Keep one of them."
            )
    return _Lexicon(labels, compared, codes)


def vocabulary_of(vocabulary: str | Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a vocabulary.

    Parameters
    ----------
    vocabulary : str or sequence of str
        A name in ``VOCABULARIES``, or labels of your own.

    Returns
    -------
    labels : tuple of str
        The labels in their order, which is that of the codes of :func:`encode`.

    Raises
    ------
    ValueError
        If the name is unknown, there are no labels, or they are not in Harte's grammar,
        contain "X", or contain the same chord twice.

    Examples
    --------
    >>> from skdeepmir.chords import vocabulary_of
    >>> labels = vocabulary_of("majmin")
    >>> len(labels), labels[0], labels[12], labels[-1]
    (25, 'C:maj', 'C:min', 'N')
    """
    return _lexicon(vocabulary).labels


def simplify(labels: Any, vocabulary: str | Sequence[str]) -> np.ndarray:
    """Map chords to the labels of a vocabulary.

    Parameters
    ----------
    labels : sequence of str of length n
        Labels in Harte's grammar.
    vocabulary : str or sequence of str
        As in :func:`vocabulary_of`.

    Returns
    -------
    simplified : ndarray of shape (n,), dtype=object
        Labels of the vocabulary; "X" for chords outside of it.

    Raises
    ------
    ValueError
        If a label is not in the grammar (see :func:`parse`), or the vocabulary is
        invalid.

    Notes
    -----
    Chords are the same if mir_eval's metric treats them so: for "majmin", root and the
    eight semitones from it upward ("C:7" is "C:maj"); for "majmin_inv", the bass too;
    for "sevenths" and "tetrads", root and all twelve semitones; for "full", the bass
    too, as in mir_eval's ``tetrads_inv``. Semitones include the bass: "C:maj/2" is not
    "C:maj" there, and "C:maj/6" is "C:maj6" in "tetrads". Upper voices don't count:
    "C:9" is "C:7". In a vocabulary of your own, root, semitones and bass count.

    Examples
    --------
    >>> from skdeepmir.chords import simplify
    >>> simplify(["Bb:9", "C:maj/3", "D:sus4", "N"], "majmin")
    array(['A#:maj', 'C:maj', 'X', 'N'], dtype=object)
    >>> simplify(["Bb:9", "C:maj/3", "D:sus4", "N"], "full")
    array(['A#:7', 'C:maj/3', 'D:sus4', 'N'], dtype=object)
    """
    return decode(encode(labels, vocabulary), vocabulary)


def encode(labels: Any, vocabulary: str | Sequence[str]) -> np.ndarray:
    """Return the index of each chord in a vocabulary.

    Parameters
    ----------
    labels : sequence of str of length n
        Labels in Harte's grammar, simplified as by :func:`simplify`.
    vocabulary : str or sequence of str
        As in :func:`vocabulary_of`.

    Returns
    -------
    codes : ndarray of shape (n,), dtype=int64
        Index into the vocabulary; -1 for "X" and for chords outside of it.

    Raises
    ------
    ValueError
        If a label is not in the grammar (see :func:`parse`), or the vocabulary is
        invalid.

    Examples
    --------
    >>> from skdeepmir.chords import encode
    >>> encode(["C:maj7", "Db:min", "N", "X"], "majmin")
    array([ 0, 13, 24, -1])
    """
    return map_labels(_lexicon(vocabulary).code, labels, np.int64)


def decode(codes: Any, vocabulary: str | Sequence[str]) -> np.ndarray:
    """Return the label of each index, the inverse of :func:`encode`.

    Parameters
    ----------
    codes : array-like of int of shape (n,)
        Index into the vocabulary, or -1.
    vocabulary : str or sequence of str
        As in :func:`vocabulary_of`.

    Returns
    -------
    labels : ndarray of shape (n,), dtype=object
        Labels; "X" for -1.

    Raises
    ------
    ValueError
        If codes are not integers or are out of range.

    Examples
    --------
    >>> from skdeepmir.chords import decode
    >>> decode([0, 13, 24, -1], "majmin")
    array(['C:maj', 'C#:min', 'N', 'X'], dtype=object)
    """
    names = vocabulary_of(vocabulary)
    found = np.asarray(codes)
    if found.size == 0:
        return np.empty(found.shape, dtype=object)
    if found.dtype.kind not in "iu":
        raise ValueError(
            f"codes have dtype {found.dtype}, expected whole numbers from -1 to "
            f"{len(names) - 1}."
        )
    wrong = found[(found < -1) | (found >= len(names))]
    if len(wrong):
        raise ValueError(
            f"codes hold {wrong[0]}, expected numbers from -1 to {len(names) - 1}: the "
            f"vocabulary has {len(names)} labels."
        )
    return np.array([*names, UNSCORED], dtype=object)[found]


def transpose(labels: Any, semitones: int) -> np.ndarray:
    """Transpose chords.

    Parameters
    ----------
    labels : sequence of str of length n
        Labels in Harte's grammar.
    semitones : int
        Semitones upward; downward if negative.

    Returns
    -------
    transposed : ndarray of shape (n,), dtype=object
        The same chords on other roots, spelled with sharps. Quality, added degrees and
        bass stay, as do "N" and "X".

    Raises
    ------
    ValueError
        If a label is not in the grammar, see :func:`parse`, or ``semitones`` is not
        whole.

    Examples
    --------
    >>> from skdeepmir.chords import transpose
    >>> transpose(["C:maj/3", "Bb:min7(11)", "N"], 3)
    array(['D#:maj/3', 'C#:min7(11)', 'N'], dtype=object)
    """
    if isinstance(semitones, bool) or not isinstance(semitones, int | np.integer):
        raise ValueError(f"semitones={semitones!r}, expected a whole number.")

    def moved(label: str) -> str:
        chord = parse(label)
        if chord.root < 0:
            return label
        return ROOTS[(chord.root + int(semitones)) % 12] + label[1:].lstrip("b#")

    return map_labels(moved, labels, object)


def transposition_table(vocabulary: str | Sequence[str]) -> np.ndarray:
    """Return the index of each class of a vocabulary after each transposition.

    Parameters
    ----------
    vocabulary : str or sequence of str
        As in :func:`vocabulary_of`.

    Returns
    -------
    table : ndarray of shape (12, n_classes), dtype=int64
        ``table[k, i]`` is the index of class i moved up by k semitones.

    Raises
    ------
    ValueError
        If the vocabulary lacks a chord on one of the twelve roots.

    Examples
    --------
    >>> from skdeepmir.chords import transposition_table
    >>> transposition_table("majmin")[2, [0, 11, 12, 24]]
    array([ 2,  1, 14, 24])
    """
    labels, _, codes = _lexicon(vocabulary)
    moved = [
        [(root if root < 0 else (root + k) % 12, *rest) for root, *rest in codes]
        for k in range(12)
    ]
    table = np.array([[codes.get(chord, -1) for chord in row] for row in moved])
    if (table < 0).any():
        k, i = np.argwhere(table < 0)[0]
        raise ValueError(
            f"vocabulary has {labels[i]!r} but lacks {transpose([labels[i]], k)[0]!r}; "
            "expected each chord on all twelve roots, so that it can be transposed."
        )
    return table
