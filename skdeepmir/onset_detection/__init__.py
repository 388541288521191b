"""Detectors of onsets: clips of frames in, times in seconds out."""

from skdeepmir._public import load_lazily

# OnsetDetector brings torch along.
__getattr__, __dir__, __all__ = load_lazily(__name__, __file__)
