"""Sets of audio clips, and whether a clip can be used."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._files import read_header
from skdeepmir.audio._waveforms import check_waveform
from skdeepmir.frames import PATH_TYPES, as_sequence, what_is_no_set

EXPECTED = "Expected a list of paths or waveforms."
FOLDER = "skdeepmir.datasets.load_audio_folder."


def is_path(clip: Any) -> bool:
    """Tell whether a clip is the name of a file.

    Parameters
    ----------
    clip : object
        An item of a set of clips.

    Returns
    -------
    is_path : bool
        True for str, bytes and PathLike, False for waveforms and anything else.
    """
    return isinstance(clip, PATH_TYPES)


def list_audio(X: Any) -> list[Any] | None:
    """Return a set of clips as a list.

    Parameters
    ----------
    X : list of path, list of ndarray, or array-like of shape (n_clips, n_samples)
        Clips; tuples, Series, object arrays and tables with one column are accepted,
        and paths and waveforms may be mixed.

    Returns
    -------
    clips : list or None
        The clips, unchecked; None if X is a table of numbers, whose rows are waveforms.

    Raises
    ------
    AudioError
        With the code "bad_x" if X is not a set of clips.
    """
    if found := what_is_no_set(X):
        hint = ""
        if is_path(X):
            hint = " For a single file pass [path]; for a folder see " + FOLDER
        raise AudioError("bad_x", f"is {found}", EXPECTED + hint)
    if isinstance(X, np.ma.MaskedArray) and X.ndim > 1 and np.ma.is_masked(X):
        row = int(np.argwhere(np.ma.getmaskarray(X))[0, 0])
        raise AudioError(
            "bad_type", "has masked samples", "Fill them: X.filled(0).", row=row
        )
    clips = as_sequence(X)
    if isinstance(clips, list):
        if not clips:
            raise AudioError("bad_x", "holds 0 clips", "Expected at least 1.")
        if _holds_audio(clips) or not isinstance(X, list | tuple):
            return clips  # cells of a column are clips, lists of numbers as well
    elif shape := _shape_of_paths(clips):
        raise AudioError("bad_x", f"is an array of paths of shape {shape}", EXPECTED)
    return None


def check_waveform_table(X: np.ndarray) -> None:
    """Raise an AudioError if a table of waveforms has a single column.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_samples)
        A waveform in each row.

    Raises
    ------
    AudioError
        With the code "bad_x".
    """
    if X.shape[1] == 1:
        raise AudioError(
            "bad_x",
            f"has shape {X.shape}: 1 feature(s), or clips of a single sample",
            f"This is a table of features, not audio. {EXPECTED}",
        )


def _shape_of_paths(X: Any) -> tuple[int, ...]:
    """Return the shape of a table with several columns if there are paths in it."""
    if len(getattr(X, "shape", ())) != 2 or not hasattr(X, "__array__"):
        return ()
    table = np.asarray(X)
    has_paths = table.dtype.kind in "OUST" and any(map(is_path, table.flat))
    return table.shape if has_paths else ()


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
        For files: the options of :func:`read_header`, which checks them.

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
