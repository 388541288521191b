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
    "AugmentedClassifier": "skdeepmir.ensemble",
    "BLSTMChordRecognizer": "skdeepmir.chord_recognition",
    "BandShifter": "skdeepmir.preprocessing._preparation",
    "ClipNormalizer": "skdeepmir.preprocessing._preparation",
    "ClipVotingClassifier": "skdeepmir.ensemble",
    "ConvRegressor": "skdeepmir.neural_network",
    "ConvTagger": "skdeepmir.neural_network",
    "DBNFeatureLearner": "skdeepmir.feature_learning",
    "DivergenceError": "skdeepmir._errors",
    "DoubtfulAudioWarning": "skdeepmir.audio",
    "DropoutMLPClassifier": "skdeepmir.neural_network",
    "FeatureStore": "skdeepmir.spectrogram._store",
    "FrameStacker": "skdeepmir.preprocessing._preparation",
    "FrameTransformer": "skdeepmir.preprocessing._framewise",
    "GaussianChordRecognizer": "skdeepmir.chord_recognition",
    "GroupBaggingClassifier": "skdeepmir.ensemble",
    "ModelFileError": "skdeepmir.persistence",
    "MultiTimescalePooler": "skdeepmir.preprocessing._pooling",
    "MultiTimescaleTagger": "skdeepmir.neural_network",
    "Pipeline": "skdeepmir.pipeline",
    "SpectrogramExtractor": "skdeepmir.spectrogram",
    "TemplateChordRecognizer": "skdeepmir.chord_recognition",
    "check_audio": "skdeepmir.spectrogram._screening",
    "compare": "skdeepmir.model_selection._compare",
    "drop_bad_audio": "skdeepmir.spectrogram._screening",
    "MultilabelStratifiedGroupKFold": "skdeepmir.model_selection",
    "make_pipeline": "skdeepmir.pipeline",
    "load": "skdeepmir.persistence",
    "load_clips": "skdeepmir._clip_files",
    "save": "skdeepmir.persistence",
    "save_clips": "skdeepmir._clip_files",
}
_MODULES = {
    "audio",
    "baselines",
    "chord_recognition",
    "chords",
    "datasets",
    "decoding",
    "ensemble",
    "feature_learning",
    "frames",
    "metrics",
    "model_selection",
    "nets",
    "neural_network",
    "persistence",
    "pipeline",
    "plotting",
    "preprocessing",
    "spectrogram",
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
    "Pipeline",
    "SpectrogramExtractor",
    "TemplateChordRecognizer",
    "check_audio",
    "compare",
    "drop_bad_audio",
    "load",
    "load_clips",
    "make_pipeline",
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
