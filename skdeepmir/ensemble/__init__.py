"""Classifiers of clips made of other classifiers: votes, variants, averages."""

from skdeepmir._public import suggest_names
from skdeepmir.ensemble._bagging import GroupBaggingClassifier
from skdeepmir.ensemble._votes import AugmentedClassifier, ClipVotingClassifier

__all__ = ["AugmentedClassifier", "ClipVotingClassifier", "GroupBaggingClassifier"]

suggest_names(__name__)
