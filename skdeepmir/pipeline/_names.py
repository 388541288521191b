"""Names of features from the spectrum on."""

from __future__ import annotations

from typing import Any

import numpy as np


def makes_frames(step: Any) -> bool:
    """Tell whether a step names features that come from frames or audio."""
    return hasattr(step, "_feature_names_out") or hasattr(step, "feature_names_")


def names_features(step: Any) -> bool:
    """Tell whether a step names its features at all."""
    return makes_frames(step) or hasattr(step, "get_feature_names_out")


def names_after(step: Any, names: Any, in_frames: bool) -> tuple[Any, bool]:
    """Return the names after a step, and whether they come from frames."""
    if hasattr(step, "_feature_names_out"):
        return step._feature_names_out(names), True
    if not hasattr(step, "get_feature_names_out"):
        return step.feature_names_, True
    known = getattr(step, "feature_names_in_", None)
    if in_frames and known is not None:  # of a table whose frames had no names
        longer = dict(zip(known, names, strict=True))
        own = step.get_feature_names_out()
        return np.array([longer.get(n, n) for n in own], dtype=object), True
    return step.get_feature_names_out(names), in_frames
