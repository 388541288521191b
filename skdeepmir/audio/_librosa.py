"""librosa, which one process at a time imports.

Some of its modules compile functions when they are imported first, and keep them in
numba's cache on disk. Where two processes do so at once, as workers of a search or of
tests in a new environment, parts of both can be mixed there, and each later process
ends with a segmentation fault.
"""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

# Those that compile when they are imported.
COMPILING = ("util.utils", "core.audio", "core.pitch", "beat")


@functools.cache
def import_librosa() -> Any:
    """Return librosa, whose functions are compiled now or were before."""
    with _lock():
        for name in COMPILING:
            importlib.import_module(f"librosa.{name}")
    return importlib.import_module("librosa")


def _lock() -> AbstractContextManager[Any]:
    """Return what other processes of this user wait for."""
    import filelock

    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir(), f"skdeepmir-{user}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != user:  # somebody else's, or a link of theirs
            return nullcontext()
        return filelock.FileLock(folder / "librosa.lock").acquire()
    except (OSError, NotImplementedError):  # nowhere to write, or no locks there
        return nullcontext()
