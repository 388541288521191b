"""Tag and chord metrics, as MIREX defined them and as they are used today.

Tags: rows are clips and columns are tags, as in the labels and scores of a multi-label
classifier. An area under a ROC curve is defined only where there are both a 0 and a 1;
tags and clips without both are left out of means, and one ``UndefinedMetricWarning``
says how many there were.

Chords: one item for each song, annotated in seconds, in a file or by frame. Scores are
those of mir_eval, over the time that the vocabulary scores; songs without any are left
out of means in the same way.
"""

from skdeepmir._public import suggest_names
from skdeepmir.metrics._areas import auc_clip, auc_tag
from skdeepmir.metrics._chord_report import chord_confusion, chord_report
from skdeepmir.metrics._chord_scorers import (
    CHORD_SCORERS,
    chord_scorer,
    score_chords,
)
from skdeepmir.metrics._chords import chord_coverage, segmentation_score, wcsr
from skdeepmir.metrics._precision import average_precision_tag, precision_at_k
from skdeepmir.metrics._report import (
    TAG_SCORERS,
    mean_and_se,
    mirex2009_tag_scores,
    tag_report,
)
from skdeepmir.metrics._scorers import get_scorer, get_scorer_names

__all__ = [
    "CHORD_SCORERS",
    "TAG_SCORERS",
    "auc_clip",
    "auc_tag",
    "average_precision_tag",
    "chord_confusion",
    "chord_coverage",
    "chord_report",
    "chord_scorer",
    "get_scorer",
    "get_scorer_names",
    "mean_and_se",
    "mirex2009_tag_scores",
    "precision_at_k",
    "score_chords",
    "segmentation_score",
    "tag_report",
    "wcsr",
]

suggest_names(__name__)
