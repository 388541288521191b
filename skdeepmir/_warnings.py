"""Warnings that point to the user's line, through whatever calls are between."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Packages whose frames stand between a user's line and the place of a warning:
# decorators, pipelines, searches, parallel loops.
BETWEEN = frozenset(
    "skdeepmir sklearn joblib skorch torch tqdm contextlib functools concurrent "
    "multiprocessing threading".split()
)


def warn_user(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the first frame outside of this package and those that it works with."""
    # A fixed stacklevel would count the frames of decorators, pipelines, generators.
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and _is_between(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level if frame else level - 1)


def _is_between(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in BETWEEN
