"""What clips are called on a page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from skdeepmir._disk import path_name, user_path
from skdeepmir._printable import printable
from skdeepmir.frames import PATH_TYPES


def names_of_clips(given: Any, numbers: Iterable[int]) -> dict[int, str]:
    """Return names of clips: paths below their common folder, or numbers."""
    names = {clip: f"clip {clip}" for clip in numbers}
    if not isinstance(given, list):
        return names
    paths = {
        clip: os.path.abspath(user_path(given[clip])) if _is_path(given[clip]) else ""
        for clip in numbers
    }
    folders = {os.path.dirname(path) for path in paths.values() if path}
    try:
        root = os.path.commonpath(folders) if folders else ""
    except ValueError:  # on several drives
        root = ""
    for clip, path in paths.items():
        if path:
            shown = os.path.relpath(path, root) if root else path_name(given[clip])
            names[clip] = printable(shown)
    return names


def _is_path(clip: Any) -> bool:
    return isinstance(clip, PATH_TYPES) and "\0" not in path_name(clip)
