"""Metrics of tags, chords, onsets and notes, as MIREX defined them and as used today.

Tags: rows are clips and columns are tags, as in the labels and scores of a multi-label
classifier. An area under a ROC curve is defined only where there are both a 0 and a 1;
tags and clips without both are left out of means, and one ``UndefinedMetricWarning``
says how many there were.

Chords: one item for each song, annotated in seconds, in a file or by frame. Scores are
those of mir_eval, over the time that the vocabulary scores; songs without any are left
out of means in the same way.

Onsets: one item for each clip, times in seconds or a file. Notes likewise, or rolls for
scores of frames. What is not defined is 0, as
in mir_eval, with one ``UndefinedMetricWarning``.
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
from skdeepmir.metrics._frame_scores import (
    FrameScores,
    frame_accuracy,
    frame_f1,
    frame_scores,
)
from skdeepmir.metrics._note_scorers import NOTE_SCORERS, frame_scorer, note_scorer
from skdeepmir.metrics._notes import NoteScores, note_f1, note_scores
from skdeepmir.metrics._onset_scorers import ONSET_SCORERS, onset_scorer
from skdeepmir.metrics._onsets import (
    OnsetScores,
    onset_f1,
    onset_report,
    onset_scores,
)
from skdeepmir.metrics._precision import average_precision_tag, precision_at_k
from skdeepmir.metrics._report import (
    TAG_SCORERS,
    mean_and_se,
    mirex2009_tag_scores,
    tag_report,
)
from skdeepmir.metrics._scorers import get_scorer, get_scorer_names
from skdeepmir.metrics._transcription_report import transcription_report

__all__ = [
    "CHORD_SCORERS",
    "NOTE_SCORERS",
    "ONSET_SCORERS",
    "TAG_SCORERS",
    "FrameScores",
    "NoteScores",
    "OnsetScores",
    "auc_clip",
    "auc_tag",
    "average_precision_tag",
    "chord_confusion",
    "chord_coverage",
    "chord_report",
    "chord_scorer",
    "frame_accuracy",
    "frame_f1",
    "frame_scorer",
    "frame_scores",
    "get_scorer",
    "get_scorer_names",
    "mean_and_se",
    "mirex2009_tag_scores",
    "note_f1",
    "note_scorer",
    "note_scores",
    "onset_f1",
    "onset_report",
    "onset_scorer",
    "onset_scores",
    "precision_at_k",
    "score_chords",
    "segmentation_score",
    "tag_report",
    "transcription_report",
    "wcsr",
]

suggest_names(__name__)
