"""A set of audio clips: what is one, and whether a clip of it can be used."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._files import check_waveform, read_header
from skdeepmir.frames import PATH_TYPES, as_sequence, what_is_no_set

EXPECTED = "Expected a list of paths or waveforms."
FOLDER = "skdeepmir.datasets.load_audio_folder."


def is_path(clip: Any) -> bool:
    """Tell whether a clip is the name of a file."""
    return isinstance(clip, PATH_TYPES)


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
    if found := what_is_no_set(X):
        hint = ""
        if is_path(X):
            hint = " For one file pass [path], for a folder see " + FOLDER
        raise AudioError("bad_x", f"is {found}", EXPECTED + hint)
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
