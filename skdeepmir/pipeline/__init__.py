"""Pipelines that begin with audio: ``Pipeline`` and ``make_pipeline``.

They are scikit-learn's, with the same parameters, and what steps on clips need to know
of each other: frame rates, validation clips, names of features.
"""

from skdeepmir._public import suggest_names
from skdeepmir.pipeline._pipeline import Pipeline, make_pipeline

__all__ = ["Pipeline", "make_pipeline"]

suggest_names(__name__)
