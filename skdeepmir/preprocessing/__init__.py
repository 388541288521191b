"""Transformers of frames: any from scikit-learn, normalisation, context, pooling.

Also clips by number, for what takes a table of numbers only.
"""

from skdeepmir._public import suggest_names
from skdeepmir.preprocessing._framewise import FrameTransformer
from skdeepmir.preprocessing._lookup import ClipLookup, replace_clips
from skdeepmir.preprocessing._pooling import FUNCTIONS, MultiTimescalePooler
from skdeepmir.preprocessing._preparation import (
    BandNormalizer,
    BandShifter,
    ClipNormalizer,
    FrameStacker,
)

__all__ = [
    "FUNCTIONS",
    "BandNormalizer",
    "BandShifter",
    "ClipLookup",
    "ClipNormalizer",
    "FrameStacker",
    "FrameTransformer",
    "MultiTimescalePooler",
    "replace_clips",
]

suggest_names(__name__)
