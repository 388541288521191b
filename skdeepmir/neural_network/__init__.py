"""Neural nets that classify, tag or rate clips."""

from skdeepmir._public import suggest_names
from skdeepmir.neural_network._conv_regressor import ConvRegressor
from skdeepmir.neural_network._conv_tagger import ConvTagger
from skdeepmir.neural_network._dropout_mlp import DropoutMLPClassifier
from skdeepmir.neural_network._multi_timescale import MultiTimescaleTagger

__all__ = [
    "ConvRegressor",
    "ConvTagger",
    "DropoutMLPClassifier",
    "MultiTimescaleTagger",
]

suggest_names(__name__)
