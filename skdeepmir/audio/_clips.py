"""A set of audio clips: what is one, and whether a clip of it can be used."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._files import check_waveform, read_header
from skdeepmir.frames import as_sequence

EXPECTED = "Expected a list of paths or waveforms."


def is_path(clip: Any) -> bool:
    """Tell whether a clip is the name of a file."""
    return isinstance(clip, str | bytes | os.PathLike)


def list_audio(X: Any) -> list[Any] | None:
    """Return a set of clips as a list.

    Parameters
    ----------
    X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
        Clips; tuples, Series, object arrays and a column of paths are understood, and
        paths and waveforms may be mixed.

    Returns
    -------
    clips : list or None
        The clips, unchecked; None if X is a table of numbers, whose rows are waveforms.

    Raises
    ------
    AudioError
        With the code "bad_x" if X is no set of clips.
    """
    if is_path(X):
        raise AudioError(
            "bad_x",
            f"is a single path, {os.fsdecode(X)!a}",
            f"{EXPECTED} For one file pass [path], for a folder see "
            "skdeepmir.datasets.load_audio_folder.",
        )
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")
    if not is_array and (isinstance(X, dict | set) or not hasattr(X, "__len__")):
        found = ascii(X)[:40]
        if isinstance(X, dict | set):
            found = f"a {type(X).__name__}, which has no order"
        elif hasattr(X, "__next__"):
            found = f"a {type(X).__name__}, which can be read only once"
        raise AudioError("bad_x", f"is {found}", EXPECTED)
    clips = _column(as_sequence(X))
    if isinstance(clips, list):
        if not clips:
            raise AudioError("bad_x", "holds 0 clips", "Expected at least 1.")
        if _holds_audio(clips):
            return clips
    return None


def check_waveform_table(X: np.ndarray) -> None:
    """Raise an AudioError if a table of waveforms has a single column."""
    if X.shape[1] == 1:
        raise AudioError(
            "bad_x",
            f"has shape {X.shape}: 1 feature(s), or clips of a single sample",
            f"This is a table of features, not audio. {EXPECTED}",
        )


def _column(X: Any) -> Any:
    """Return a table of paths as a list, if it has one column."""
    if getattr(X, "ndim", None) not in (0, 2) or not hasattr(X, "__array__"):
        return X
    array = np.asarray(X)
    if array.dtype.kind not in "OUS" or not any(map(is_path, array.flat)):
        return X
    if array.ndim == 0 or array.shape[1] != 1:
        raise AudioError(
            "bad_x", f"is an array of paths of shape {array.shape}", EXPECTED
        )
    return list(array[:, 0])


def _holds_audio(clips: list[Any]) -> bool:
    """Tell whether a list's items are clips rather than the rows of a table."""
    if any(c is None or is_path(c) or isinstance(c, np.ndarray) for c in clips):
        return True
    return len({len(c) for c in clips if isinstance(c, list | tuple)}) > 1


def check_clip(clip: Any, **limits: Any) -> Any:
    """Return a path, or a waveform as float32, if it can be used.

    Parameters
    ----------
    clip : path or array-like of shape (n_samples,)
        A clip.
    **limits : dict
        Of a file, see :func:`read_header`, which looks at it.

    Returns
    -------
    clip : path or ndarray of shape (n_samples,), float32
        The clip.

    Raises
    ------
    AudioError
        If it cannot be used.
    """
    if not is_path(clip):
        return check_waveform(clip)
    read_header(clip, **limits)
    return clip
