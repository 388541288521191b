"""Recordings for the tests of audio, and whether two sets of clips are equal."""

import numpy as np
import soundfile


def write_clips(folder, waveforms):
    """Write waveforms as they are, and return the paths of the files."""
    names = [str(folder / f"{i}.wav") for i in range(len(waveforms))]
    for name, y in zip(names, waveforms, strict=True):
        soundfile.write(name, y, 22050, subtype="FLOAT")
    return names


def assert_equal_clips(clips, expected):
    assert type(clips) is type(expected) is list
    for clip, other in zip(clips, expected, strict=True):
        np.testing.assert_array_equal(clip, other)
