"""Recognisers of chords: clips of frames in, a label for each frame out."""

from typing import TYPE_CHECKING, Any

from skdeepmir.chord_recognition._gaussian import GaussianChordRecognizer
from skdeepmir.chord_recognition._templates import TemplateChordRecognizer

if TYPE_CHECKING:
    from skdeepmir.chord_recognition._blstm import BLSTMChordRecognizer

__all__ = [
    "BLSTMChordRecognizer",
    "GaussianChordRecognizer",
    "TemplateChordRecognizer",
]


def __getattr__(name: str) -> Any:
    if name == "BLSTMChordRecognizer":  # it brings torch along
        from skdeepmir.chord_recognition._blstm import BLSTMChordRecognizer

        return BLSTMChordRecognizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
