"""scikit-learn-compatible estimators for deep learning on music audio.

Public names are loaded when they are first used (PEP 562): importing the package costs
next to nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "AudioError": "skdeepmir.audio",
    "AudioWarning": "skdeepmir.audio",
    "AugmentedClassifier": "skdeepmir.tagging",
    "BLSTMChordRecognizer": "skdeepmir.chord_recognition",
    "BandShifter": "skdeepmir.preparation",
    "ClipNormalizer": "skdeepmir.preparation",
    "ClipVotingClassifier": "skdeepmir.tagging",
    "ConvRegressor": "skdeepmir.tagging",
    "ConvTagger": "skdeepmir.tagging",
    "DBNFeatureLearner": "skdeepmir.feature_learning",
    "DivergenceError": "skdeepmir._errors",
    "DoubtfulAudioWarning": "skdeepmir.audio",
    "DropoutMLPClassifier": "skdeepmir.tagging",
    "FeatureStore": "skdeepmir.feature_store",
    "FrameStacker": "skdeepmir.preparation",
    "FrameTransformer": "skdeepmir.framewise",
    "GaussianChordRecognizer": "skdeepmir.chord_recognition",
    "GroupBaggingClassifier": "skdeepmir.tagging",
    "ModelFileError": "skdeepmir.persistence",
    "MultiTimescalePooler": "skdeepmir.pooling",
    "MultiTimescaleTagger": "skdeepmir.tagging",
    "SpectrogramExtractor": "skdeepmir.spectrogram",
    "TemplateChordRecognizer": "skdeepmir.chord_recognition",
    "check_audio": "skdeepmir.screening",
    "compare": "skdeepmir.evaluation",
    "drop_bad_audio": "skdeepmir.screening",
    "MultilabelStratifiedGroupKFold": "skdeepmir.model_selection",
    "load": "skdeepmir.persistence",
    "load_clips": "skdeepmir.frames",
    "save": "skdeepmir.persistence",
    "save_clips": "skdeepmir.frames",
}
_MODULES = {
    "audio",
    "baselines",
    "chords",
    "datasets",
    "decoding",
    "evaluation",
    "frames",
    "metrics",
    "model_selection",
    "nets",
    "plotting",
    "testing",
}

__all__ = [
    "AudioError",
    "AudioWarning",
    "AugmentedClassifier",
    "BLSTMChordRecognizer",
    "BandShifter",
    "ClipNormalizer",
    "ClipVotingClassifier",
    "ConvRegressor",
    "ConvTagger",
    "DBNFeatureLearner",
    "DivergenceError",
    "DoubtfulAudioWarning",
    "DropoutMLPClassifier",
    "FeatureStore",
    "FrameStacker",
    "FrameTransformer",
    "GaussianChordRecognizer",
    "GroupBaggingClassifier",
    "ModelFileError",
    "MultiTimescalePooler",
    "MultiTimescaleTagger",
    "MultilabelStratifiedGroupKFold",
    "SpectrogramExtractor",
    "TemplateChordRecognizer",
    "check_audio",
    "compare",
    "drop_bad_audio",
    "load",
    "load_clips",
    "save",
    "save_clips",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"skdeepmir.{name}")
    raise AttributeError(f"module 'skdeepmir' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, *_MODULES])
