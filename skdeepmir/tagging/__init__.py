"""Clips into labels and tags."""

from skdeepmir.tagging._bagging import GroupBaggingClassifier
from skdeepmir.tagging._conv_regressor import ConvRegressor
from skdeepmir.tagging._conv_tagger import ConvTagger
from skdeepmir.tagging._dropout_mlp import DropoutMLPClassifier
from skdeepmir.tagging._multi_timescale import MultiTimescaleTagger
from skdeepmir.tagging._votes import AugmentedClassifier, ClipVotingClassifier

__all__ = [
    "AugmentedClassifier",
    "ClipVotingClassifier",
    "ConvRegressor",
    "ConvTagger",
    "DropoutMLPClassifier",
    "GroupBaggingClassifier",
    "MultiTimescaleTagger",
]
