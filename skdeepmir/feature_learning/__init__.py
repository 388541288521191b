"""Features that are learned without labels, from frames or from sequences of them."""

from skdeepmir._errors import DivergenceError
from skdeepmir._public import suggest_names
from skdeepmir.feature_learning._conv_learner import ConvDBNFeatureLearner
from skdeepmir.feature_learning._learner import DBNFeatureLearner
from skdeepmir.feature_learning._local_learner import LocalFeatureLearner

__all__ = [
    "ConvDBNFeatureLearner",
    "DBNFeatureLearner",
    "DivergenceError",
    "LocalFeatureLearner",
]

suggest_names(__name__)
