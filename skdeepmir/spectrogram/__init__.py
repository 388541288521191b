"""Extract frames from audio clips and streams, keep them, and find bad files."""

from skdeepmir._public import suggest_names
from skdeepmir.spectrogram._beats import BeatSynchronousExtractor
from skdeepmir.spectrogram._extractor import SpectrogramExtractor
from skdeepmir.spectrogram._screening import check_audio, drop_bad_audio
from skdeepmir.spectrogram._store import FeatureStore
from skdeepmir.spectrogram._stream import FrameStream

__all__ = [
    "BeatSynchronousExtractor",
    "FeatureStore",
    "FrameStream",
    "SpectrogramExtractor",
    "check_audio",
    "drop_bad_audio",
]

suggest_names(__name__)
