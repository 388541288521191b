"""Recognisers of chords: clips of frames in, a label for each frame out."""

from skdeepmir._public import load_lazily

# BLSTMChordRecognizer brings torch along.
__getattr__, __dir__, __all__ = load_lazily(__name__, __file__)
