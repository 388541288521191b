"""Onset annotations: times in seconds, their files, and targets of frames.

An annotation is an array of the seconds at which events begin, in order. It may be
empty: a clip without onsets. Frame t stands for the second ``t / frame_rate + offset``:
the offset is 0 for frames that are centred on their time, and half of the longest
window for frames that begin with their first sample.
"""

from skdeepmir._public import suggest_names
from skdeepmir.onsets._files import read_onsets, write_jams, write_onsets
from skdeepmir.onsets._frames import (
    NEAR_ONSET,
    NO_ONSET,
    ONSET,
    frame_targets,
    frame_times,
)
from skdeepmir.onsets._times import check_onsets, merge_onsets

__all__ = [
    "NEAR_ONSET",
    "NO_ONSET",
    "ONSET",
    "check_onsets",
    "frame_targets",
    "frame_times",
    "merge_onsets",
    "read_onsets",
    "write_jams",
    "write_onsets",
]

suggest_names(__name__)
