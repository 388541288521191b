"""scikit-learn-compatible estimators for deep learning on music audio.

Public names are loaded when they are first used (PEP 562): importing the package costs
next to nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "AugmentedClassifier": "skdeepmir.tagging",
    "BandShifter": "skdeepmir.preparation",
    "ClipNormalizer": "skdeepmir.preparation",
    "ClipVotingClassifier": "skdeepmir.tagging",
    "ConvRegressor": "skdeepmir.tagging",
    "ConvTagger": "skdeepmir.tagging",
    "DBNFeatureLearner": "skdeepmir.feature_learning",
    "DropoutMLPClassifier": "skdeepmir.tagging",
    "FeatureStore": "skdeepmir.feature_store",
    "FrameStacker": "skdeepmir.preparation",
    "FrameTransformer": "skdeepmir.framewise",
    "GroupBaggingClassifier": "skdeepmir.tagging",
    "MultiTimescalePooler": "skdeepmir.pooling",
    "MultiTimescaleTagger": "skdeepmir.tagging",
    "SpectrogramExtractor": "skdeepmir.spectrogram",
    "compare": "skdeepmir.evaluation",
    "MultilabelStratifiedGroupKFold": "skdeepmir.model_selection",
    "load": "skdeepmir.persistence",
    "load_clips": "skdeepmir.frames",
    "save": "skdeepmir.persistence",
    "save_clips": "skdeepmir.frames",
}
_MODULES = {
    "audio",
    "baselines",
    "datasets",
    "evaluation",
    "frames",
    "metrics",
    "model_selection",
    "nets",
    "plotting",
    "testing",
}

__all__ = [
    "AugmentedClassifier",
    "BandShifter",
    "ClipNormalizer",
    "ClipVotingClassifier",
    "ConvRegressor",
    "ConvTagger",
    "DBNFeatureLearner",
    "DropoutMLPClassifier",
    "FeatureStore",
    "FrameStacker",
    "FrameTransformer",
    "GroupBaggingClassifier",
    "MultiTimescalePooler",
    "MultiTimescaleTagger",
    "MultilabelStratifiedGroupKFold",
    "SpectrogramExtractor",
    "compare",
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
