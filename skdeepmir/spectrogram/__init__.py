"""Audio clips into frames: ``SpectrogramExtractor``."""

from skdeepmir.spectrogram._extractor import SpectrogramExtractor

__all__ = ["SpectrogramExtractor"]
