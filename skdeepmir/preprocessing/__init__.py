"""Transformers of frames: any from scikit-learn, normalisation, context, pooling."""

from skdeepmir._public import suggest_names
from skdeepmir.preprocessing._framewise import FrameTransformer
from skdeepmir.preprocessing._pooling import FUNCTIONS, MultiTimescalePooler
from skdeepmir.preprocessing._preparation import (
    BandShifter,
    ClipNormalizer,
    FrameStacker,
)

__all__ = [
    "FUNCTIONS",
    "BandShifter",
    "ClipNormalizer",
    "FrameStacker",
    "FrameTransformer",
    "MultiTimescalePooler",
]

suggest_names(__name__)
