"""Tag metrics: areas and precision as MIREX 2009 had them and as they are used today.

Rows are clips and columns are tags, as in the labels and scores of a multi-label
classifier. An area under a ROC curve is defined only where there are both a 0 and a 1;
tags and clips without both are left out of a mean, and one ``UndefinedMetricWarning``
says how many there were.
"""

from skdeepmir.metrics._areas import auc_clip, auc_tag
from skdeepmir.metrics._precision import average_precision_tag, precision_at_k
from skdeepmir.metrics._report import (
    TAG_SCORERS,
    mean_and_se,
    mirex2009_tag_scores,
    tag_report,
)

__all__ = [
    "TAG_SCORERS",
    "auc_clip",
    "auc_tag",
    "average_precision_tag",
    "mean_and_se",
    "mirex2009_tag_scores",
    "precision_at_k",
    "tag_report",
]
