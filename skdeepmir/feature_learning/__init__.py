"""Features that are learned from frames: ``DBNFeatureLearner``."""

from skdeepmir.feature_learning._learner import DBNFeatureLearner
from skdeepmir.feature_learning._rbm import DivergenceError

__all__ = ["DBNFeatureLearner", "DivergenceError"]
