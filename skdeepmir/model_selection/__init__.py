"""Pipelines compared under one protocol, and splitters for tags and groups."""

from skdeepmir._public import suggest_names
from skdeepmir.model_selection._compare import Comparison, compare, corrected_t_test
from skdeepmir.model_selection._splitters import (
    MultilabelStratifiedGroupKFold,
    tag_rate_errors,
)

__all__ = [
    "Comparison",
    "MultilabelStratifiedGroupKFold",
    "compare",
    "corrected_t_test",
    "tag_rate_errors",
]

suggest_names(__name__)
