"""Neural nets that classify, tag or rate clips."""

from skdeepmir._public import suggest_names
from skdeepmir.neural_network._conv_regressor import ConvRegressor
from skdeepmir.neural_network._conv_tagger import ConvTagger
from skdeepmir.neural_network._dropout_mlp import DropoutMLPClassifier
from skdeepmir.neural_network._multi_timescale import MultiTimescaleTagger
from skdeepmir.neural_network._net_frame_classifier import NetFrameClassifier
from skdeepmir.neural_network._net_regressor import NetRegressor
from skdeepmir.neural_network._net_tagger import NetTagger

__all__ = [
    "ConvRegressor",
    "ConvTagger",
    "DropoutMLPClassifier",
    "MultiTimescaleTagger",
    "NetFrameClassifier",
    "NetRegressor",
    "NetTagger",
]

suggest_names(__name__)
