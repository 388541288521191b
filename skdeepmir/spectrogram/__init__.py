"""Extract frames from audio clips, keep them on disk, and find bad files."""

from skdeepmir._public import suggest_names
from skdeepmir.spectrogram._extractor import SpectrogramExtractor
from skdeepmir.spectrogram._screening import check_audio, drop_bad_audio
from skdeepmir.spectrogram._store import FeatureStore

__all__ = ["FeatureStore", "SpectrogramExtractor", "check_audio", "drop_bad_audio"]

suggest_names(__name__)
