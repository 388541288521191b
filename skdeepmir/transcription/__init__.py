"""Transcription of piano music: clips of frames in, notes out."""

from skdeepmir._public import load_lazily

# PianoTranscriber brings torch along.
__getattr__, __dir__, __all__ = load_lazily(__name__, __file__)
