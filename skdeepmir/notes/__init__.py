"""Notes: when each begins and ends, its pitch and velocity; files, and rolls of frames.

The notes of a clip are a structured array, sorted by onset, then pitch, with the fields
of :data:`NOTE_DTYPE`: onset and offset in seconds, pitch as a MIDI note number (69 is
A4, 440 Hz) and velocity as in MIDI, 1 to 127. It may be empty: a clip without notes.

Where a sustain pedal is known, a note ends by one of two conventions: "pedal", when its
string is damped, or "key", when its key is released. Frame t stands for the second ``t
/ frame_rate + offset``, as for :mod:`skdeepmir.onsets`.
"""

from skdeepmir._public import suggest_names
from skdeepmir.notes._files import read_notes, write_jams, write_notes
from skdeepmir.notes._midi import write_midi
from skdeepmir.notes._notes import (
    NOTE_DTYPE,
    UNKNOWN_VELOCITY,
    check_notes,
    extend_by_pedal,
)
from skdeepmir.notes._rolls import (
    NEAR_OFFSET,
    NEAR_ONSET,
    OFFSET,
    ONSET,
    SOUNDING,
    note_roll,
    note_targets,
    roll_notes,
)

__all__ = [
    "NEAR_OFFSET",
    "NEAR_ONSET",
    "NOTE_DTYPE",
    "OFFSET",
    "ONSET",
    "SOUNDING",
    "UNKNOWN_VELOCITY",
    "check_notes",
    "extend_by_pedal",
    "note_roll",
    "note_targets",
    "read_notes",
    "roll_notes",
    "write_jams",
    "write_midi",
    "write_notes",
]

suggest_names(__name__)
