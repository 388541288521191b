"""Pipelines compared under one protocol, and splitters for tags and groups."""

from skdeepmir._public import suggest_names
from skdeepmir.model_selection._compare import compare
from skdeepmir.model_selection._comparison import Comparison
from skdeepmir.model_selection._few_shot import FewShotCurve, few_shot_curve
from skdeepmir.model_selection._few_shot_split import FewShotSplit
from skdeepmir.model_selection._significance import (
    Difference,
    corrected_t_test,
    sign_flip_test,
)
from skdeepmir.model_selection._splitters import (
    MultilabelStratifiedGroupKFold,
    tag_rate_errors,
)

__all__ = [
    "Comparison",
    "Difference",
    "FewShotCurve",
    "FewShotSplit",
    "MultilabelStratifiedGroupKFold",
    "compare",
    "corrected_t_test",
    "few_shot_curve",
    "sign_flip_test",
    "tag_rate_errors",
]

suggest_names(__name__)
