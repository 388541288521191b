"""All scores of transcribed music in one table."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir.metrics._event_counts import report_of_groups
from skdeepmir.metrics._event_inputs import list_pairs
from skdeepmir.metrics._frame_scores import ERRORS, FRAME_RATE, RATIOS, count_frames
from skdeepmir.metrics._notes import NoteRules, count_matches, scored_notes


def transcription_report(y_true: Any, y_pred: Any, *, groups: Any = None) -> Any:
    """Report the scores of transcribed notes for each kind of material, and for all.

    Parameters
    ----------
    y_true, y_pred : see :func:`note_scores`
        Notes of references and detections.
    groups : array-like of shape (n_clips,), default=None
        Instrument, composer or kind of material of each clip. None reports all
        together.

    Returns
    -------
    report : DataFrame of shape (n_groups + 1, 19)
        One row for each group, sorted, and "all". The columns are "n_clips",
        "n_reference", "n_detected", "n_hits" and "precision", "recall" and "f" of notes
        by onset and pitch; "offset_f", "velocity_f" and "offset_velocity_f", where
        these must be right as well; "overlap_ratio"; and by frames of 10 ms
        "frame_accuracy", "frame_precision", "frame_recall", "frame_f", "total_error",
        "substitution_error", "missed_error" and "false_alarm_error", all pooled over
        the clips of the group. What is not defined is NaN.

    Raises
    ------
    ValueError
        As :func:`note_scores`; if there is not a group for each clip, or one is called
        "all".

    See Also
    --------
    note_scores : Scores of notes.
    frame_scores : Scores of frames.

    Examples
    --------
    >>> from skdeepmir.metrics import transcription_report
    >>> references = [[[0.0, 1.0, 60], [0.5, 1.0, 64]], [[0.2, 0.5, 60]]]
    >>> detections = [[[0.0, 0.8, 60], [0.5, 1.0, 65]], [[0.2, 0.5, 60]]]
    >>> groups = ["upright", "grand"]
    >>> report = transcription_report(references, detections, groups=groups)
    >>> report[["n_reference", "f", "offset_f", "frame_accuracy"]].round(2)
             n_reference     f  offset_f  frame_accuracy
    grand              1  1.00      1.00            1.00
    upright            2  0.50      0.50            0.40
    all                3  0.67      0.67            0.48
    """
    clips = list_pairs(y_true, y_pred, scored_notes)
    by_onset = count_matches(clips, NoteRules())
    stricter = {
        "offset_f": count_matches(clips, NoteRules(offsets=True)),
        "velocity_f": count_matches(clips, NoteRules(velocities=True)),
        "offset_velocity_f": count_matches(
            clips, NoteRules(offsets=True, velocities=True)
        ),
    }
    truth, found = zip(*clips, strict=True)
    frames = count_frames(list(truth), list(found), FRAME_RATE)

    def line_of(rows: np.ndarray) -> dict[str, Any]:
        notes, sounding = by_onset.take(rows).sum(), frames.take(rows).sum()
        return {
            **notes.totals(),
            **{name: _only(notes, name) for name in ("precision", "recall", "f")},
            **{
                name: _only(counts.take(rows).sum(), "f")
                for name, counts in stricter.items()
            },
            "overlap_ratio": notes.mean_of_hits("overlap"),
            **{f"frame_{name}": _only(sounding, name) for name in RATIOS},
            **{name: _only(sounding, name) for name in ERRORS},
        }

    return report_of_groups(len(clips), groups, line_of)


def _only(counts: Any, name: str) -> float:
    """Return a score of a single clip."""
    (value,) = counts.values(name)
    return float(value)
