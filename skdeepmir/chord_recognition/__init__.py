"""Recognisers of chords: clips of frames in, a label for each frame out."""

from skdeepmir.chord_recognition._blstm import BLSTMChordRecognizer
from skdeepmir.chord_recognition._gaussian import GaussianChordRecognizer
from skdeepmir.chord_recognition._templates import TemplateChordRecognizer

__all__ = [
    "BLSTMChordRecognizer",
    "GaussianChordRecognizer",
    "TemplateChordRecognizer",
]
