"""What to put between frames and a step that takes one row of numbers for each clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags

from skdeepmir._frame_rates import inner_estimators
from skdeepmir.frames import as_sequence, holds_clips


def advice_on_rows(steps: Sequence[tuple[str, Any]], X: Any) -> str | None:
    """Say what to do if clips of frames reached a step that takes rows, else None.

    It is for the time after an error: each step is asked again, of two clips.
    """
    try:
        return _advice(steps, X)
    except Exception:  # of any kind: what counts is the error that came before
        return None


def _advice(steps: Sequence[tuple[str, Any]], X: Any) -> str | None:
    clips = as_sequence(X)
    if not isinstance(clips, list | np.ndarray) and not hasattr(clips, "columns"):
        return None  # not a set of clips at all
    clips = clips[:2]
    for i, (place, step) in enumerate(steps):
        is_last = i == len(steps) - 1
        if holds_clips(clips) and not _takes_clips(step):
            if is_last or not _transforms(step, clips):
                return _between(place, step)
        if is_last:
            break
        try:
            clips = step.transform(clips)
        except (TypeError, ValueError):  # this one failed, for another reason
            break
    return None


def _takes_clips(step: Any) -> bool:
    """Tell whether a step, or what is inside it, says that it takes clips."""
    tags = get_tags(step)
    inputs = tags.input_tags
    if inputs.three_d_array or inputs.string or tags.no_validation:
        return True
    return any(_takes_clips(inner) for _, inner in inner_estimators(step))


def _transforms(step: Any, clips: Any) -> bool:
    """Tell whether a transformer, which may be fitted, takes these clips."""
    try:
        step.transform(clips)
    except (TypeError, ValueError):
        return False
    return True


def _between(place: str, step: Any) -> str:
    name = type(step).__name__
    advice = "Put MultiTimescalePooler() between, which makes one row of each clip"
    if is_classifier(step):
        advice += f", or use ClipVotingClassifier({name}(...)), where frames vote"
    elif hasattr(step, "transform"):
        advice += f", or use FrameTransformer({name}(...)), which transforms each frame"
    return (
        f"{place} is {name}, which takes one row of numbers for each clip, but clips "
        f"of frames reach it, (n_frames, n_features) each. {advice}."
    )
