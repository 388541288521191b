"""Chord labels in Harte's grammar, vocabularies, annotations in seconds and frames.

Labels are str, read as mir_eval reads them. An annotation is ``(intervals, labels)``:
an array of start and end in seconds, and a label for each row. Each frame has a label,
"X" where the chord is unknown.
"""

from skdeepmir._public import suggest_names
from skdeepmir.chords._files import read_chords, write_jams, write_lab
from skdeepmir.chords._intervals import (
    check_intervals,
    frame_intervals,
    holds_seconds,
    label_frames,
    merge_intervals,
)
from skdeepmir.chords._labels import NO_CHORD, UNSCORED, Chord, parse
from skdeepmir.chords._vocabularies import (
    VOCABULARIES,
    decode,
    encode,
    simplify,
    transpose,
    transposition_table,
    vocabulary_of,
)

__all__ = [
    "NO_CHORD",
    "UNSCORED",
    "VOCABULARIES",
    "Chord",
    "check_intervals",
    "decode",
    "encode",
    "frame_intervals",
    "holds_seconds",
    "label_frames",
    "merge_intervals",
    "parse",
    "read_chords",
    "simplify",
    "transpose",
    "transposition_table",
    "vocabulary_of",
    "write_jams",
    "write_lab",
]

suggest_names(__name__)
