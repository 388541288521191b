"""Features that are learned from frames: ``DBNFeatureLearner``."""

from skdeepmir._errors import DivergenceError
from skdeepmir._public import suggest_names
from skdeepmir.feature_learning._learner import DBNFeatureLearner

__all__ = ["DBNFeatureLearner", "DivergenceError"]

suggest_names(__name__)
