"""Songs of chroma with known chords, and small recognisers of them."""

import numpy as np
import pytest

from skdeepmir import (
    BLSTMChordRecognizer,
    GaussianChordRecognizer,
    TemplateChordRecognizer,
)
from skdeepmir.chords import frame_intervals, parse

RATE = 10.0
PROGRESSION = ["C:maj", "A:min", "F:maj", "G:maj"]


def blstm(**parameters):
    defaults = {
        "n_units": 8,
        "n_layers": 1,
        "dropout": 0,
        "input_dropout": 0,
        "max_epochs": 15,
        "learning_rate": 0.03,
        "excerpt_length": 32,
        "batch_size": 4,
        "frame_rate": RATE,
        "random_state": 0,
        "verbose": False,
    }
    return BLSTMChordRecognizer(**{**defaults, **parameters})


def previous_chord_net(decoder="viterbi", **parameters):
    options = {"sees_previous": True, "dropout": 0.2, "max_epochs": 30}
    return blstm(decoder=decoder, **{**options, **parameters})


def learners(**parameters):
    """Return recognisers that learn from labels."""
    parameters = {"frame_rate": RATE, **parameters}
    return [
        TemplateChordRecognizer(templates="mean", **parameters),
        GaussianChordRecognizer(**parameters),
        blstm(**parameters),
    ]


LEARNERS = pytest.mark.parametrize(
    "recognizer", learners(), ids=lambda recognizer: type(recognizer).__name__
)


def chroma_of(labels, noise=0.3, seed=0):
    """Return noisy frames (n_frames, 12) in which chords sound."""
    frames = noise * np.random.RandomState(seed).rand(len(labels), 12)
    for frame, label in zip(frames, labels, strict=True):
        chord = parse(label)
        frame += np.roll(np.maximum(chord.bitmap, 0), max(chord.root, 0))
    return frames


def make_songs(n_songs=6, chords=PROGRESSION, seed=0):
    """Return clips of 36 to 60 frames, and labels of their frames."""
    rng = np.random.RandomState(seed)
    clips, y = [], []
    for song in range(n_songs):
        order = rng.permutation(chords)
        labels = np.repeat(order, rng.randint(9, 16, size=len(order)))
        clips.append(chroma_of(labels, seed=seed + song))
        y.append(labels.astype(object))
    return clips, y


def in_seconds(y):
    return [frame_intervals(labels, RATE) for labels in y]


def assert_same_probabilities(a, b, clips):
    for p, q in zip(a.predict_proba(clips), b.predict_proba(clips), strict=True):
        np.testing.assert_array_equal(p, q)
