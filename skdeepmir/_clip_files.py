"""Clips in one file, from which they are mapped rather than read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from skdeepmir._disk import path_name, shown, target_file, user_path, written_whole
from skdeepmir.frames import PATH_TYPES, list_clips


def save_clips(path: str | bytes | os.PathLike[Any], clips: Any) -> None:
    """Write clips to one file, for :func:`load_clips`.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; an existing one is replaced. ``~`` is the home folder.
    clips : list of ndarray of shape (n_frames_i, n_features), or ndarray of shape \
            (n_clips, n_frames, n_features)
        Clips with the same features per frame and one dtype; a column or an iterator of
        them is accepted as well.

    Raises
    ------
    ValueError
        If they are not clips (see :func:`list_clips`), or have several dtypes.
    FileNotFoundError
        If the folder of the file does not exist.

    Notes
    -----
    The file is a ``.npy`` of all stacked frames, which ``numpy.load`` reads, followed
    by a ``.npy`` of the number of frames of each clip.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skdeepmir import load_clips, save_clips
    >>> path = Path(tempfile.mkdtemp()) / "clips.npy"
    >>> save_clips(path, [np.ones((3, 2)), np.zeros((5, 2))])
    >>> [clip.shape for clip in load_clips(path)]
    [(3, 2), (5, 2)]
    """
    path = target_file(path)
    given = type(clips).__name__
    if isinstance(clips, Iterator):
        clips = list(clips)
    is_path = isinstance(clips, PATH_TYPES)  # before the clips, perhaps
    if not is_path:
        clips, layout = list_clips(clips, owner="save_clips")
    if is_path or not layout.has_clips:
        raise ValueError(
            f"clips is a {given}; expected a list of matrices (n_frames, n_features) "
            "or a 3-D array, after the path. Save plain rows with numpy.save."
        )
    dtypes = sorted({str(clip.dtype) for clip in clips})
    if len(dtypes) > 1:
        raise ValueError(
            f"clips have the dtypes {', '.join(dtypes)}; expected one. Convert them: "
            "[clip.astype('float32') for clip in clips]."
        )
    header = {
        "descr": np.lib.format.dtype_to_descr(clips[0].dtype),
        "fortran_order": False,
        "shape": (int(layout.n_frames.sum()), clips[0].shape[1]),
    }
    with written_whole(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for clip in clips:
            file.write(np.ascontiguousarray(clip).data)
        np.save(file, layout.n_frames.astype(np.int64), allow_pickle=False)


def load_clips(path: str | bytes | os.PathLike[Any]) -> list[np.ndarray]:
    """Load clips that :func:`save_clips` wrote, as views of a memory map.

    Nothing is read until it is used, and worker processes (``n_jobs``) map the file
    themselves: a fold of such clips travels as names and offsets, not as data.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; ``~`` is the home folder. It must stay where it is, and not be
        replaced, while the clips are used: worker processes look it up by its name.

    Returns
    -------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Read-only views of one memory map.

    Raises
    ------
    ValueError
        If the file was not written by :func:`save_clips`, or is truncated.
    """
    name = user_path(path)
    if not os.path.isfile(name):
        raise FileNotFoundError(
            f"There is no file {shown(path)}. Expected one from skdeepmir.save_clips."
        )
    with open(name, "rb") as file:
        try:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            start = file.tell()
            file.seek(start + dtype.itemsize * int(np.prod(shape)))
            n_frames = np.load(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"{path_name(path)!a} is not a complete set of clips ({error}). "
                "Expected a file from skdeepmir.save_clips; write it again."
            ) from error
    rows = np.memmap(name, dtype=dtype, mode="r", offset=start, shape=shape)
    ends = np.cumsum(n_frames)
    return [rows[e - n : e] for e, n in zip(ends, n_frames, strict=True)]
