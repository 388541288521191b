"""Folders of recordings: paths, classes and groups, nothing decoded."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from sklearn.utils import Bunch

from skdeepmir._disk import literal_path, shown, user_path
from skdeepmir._groups import clean_name
from skdeepmir.datasets._collections import RESERVED, such_as
from skdeepmir.datasets._file_groups import group_files
from skdeepmir.datasets._labels import check_target_names, encode_classes
from skdeepmir.datasets._walk import (
    AUDIO_EXTENSIONS,
    UNREADABLE_EXTENSIONS,
    check_folder,
    list_files,
)
from skdeepmir.frames import object_array


def load_audio_folder(
    folder: str | os.PathLike[str],
    *,
    groups: str | Mapping[Any, Any] | Any = None,
    target_names: Iterable[str] | None = None,
    unknown: Literal["raise", "drop"] = "raise",
) -> Bunch:
    r"""List a folder of recordings that has a sub-folder for each class.

    This is the layout of GTZAN: ``FOLDER/blues/blues.00000.wav``.

    Parameters
    ----------
    folder : str or PathLike
        The folder; ``~`` is the home folder. Sub-folders of a class folder belong to
        that class, and symbolic links are followed; hidden files and files without an
        audio extension are ignored. A file with several names through links is listed
        once: under its own name if that is below the folder, else under the first link.
    groups : str, mapping or Series, default=None
        What belongs together (artist, album, speaker) and must not be split between
        training and test. Either a regular expression, searched in each path relative
        to ``folder`` with ``/`` between folders, whose first pair of parentheses is the
        group; or a mapping (or Series with an index) from such paths, or absolute ones,
        to groups. Accents match whether they are composed (NFC) or not, as on macOS.
    target_names : list of str, default=None
        The classes in the order of their numbers, such as those of another collection,
        ``train.target_names``: equal names then have equal numbers, whether or not all
        occur here. None takes the sub-folders, sorted.
    unknown : {"raise", "drop"}, default="raise"
        Whether sub-folders that ``target_names`` does not have are an error, or are
        left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, sorted.
        - target : ndarray of shape (n_clips,), int. Index into ``target_names``.
        - target_names : ndarray of str. The sub-folders' names, composed (NFC) and
          without spaces around them: two that differ in nothing else are one class. Or
          those that were given.
        - groups : ndarray of shape (n_clips,), dtype=object, or None.
        - folds, splits : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there is no class folder with audio, one is not in ``target_names``, or a
        file has no group, or one that is empty or counts as missing, such as "None" or
        "NA".
    PermissionError
        If the folder cannot be read.
    TypeError
        If ``groups`` is neither a regular expression nor a mapping.

    Warns
    -----
    UserWarning
        If files are left out, with their number: in formats that cannot be decoded,
        outside the class folders, in folders that cannot be read, or behind broken
        links. If a link leads back to a folder above it, or a folder or a file has
        several names. If ``unknown="drop"`` leaves clips out. If a regular expression
        in ``groups`` leaves nearly every file alone, or puts all into one group.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_audio_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("jazz/a_1.wav", "jazz/b_1.wav", "rock/c_1.wav"):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir(exist_ok=True)
    ...         path.touch()
    ...     bunch = load_audio_folder(folder, groups=r"/(\w)_")
    >>> bunch.target, bunch.target_names, bunch.groups
    (array([0, 0, 1]), array(['jazz', 'rock'], dtype='<U4'),
     array(['a', 'b', 'c'], dtype=object))
    """
    wanted = check_target_names(target_names, unknown)
    root = check_folder(
        folder,
        f"folder={shown(folder)} is not a folder; expected one with a sub-folder of "
        "recordings for each class.",
    )
    found = list_recordings(root, stacklevel=4)
    names = [relative.as_posix() for relative in found]
    classes = [class_of(name) for name in names]
    targets = encode_classes(
        classes, wanted, unknown, lambda rows: f"{names[rows[0]]!a}"
    )
    names = [names[row] for row in targets.kept]
    return Bunch(
        data=object_array(literal_path(root / name) for name in names),
        target=targets.numbers,
        target_names=targets.names,
        groups=None if groups is None else group_files(names, groups, root),
        folds=None,
        splits=None,
        DESCR=f"{len(names)} recordings of {len(targets.names)} classes in {root}.",
    )


def list_recordings(root, stacklevel):
    """Return the audio files in the class folders below a folder, relative to it."""
    found, unreadable, stray = [], [], []
    known = (*AUDIO_EXTENSIONS, *UNREADABLE_EXTENSIONS)
    for path in list_files(root, stacklevel, once=known):
        suffix = path.suffix.lower()
        if suffix in UNREADABLE_EXTENSIONS:
            unreadable.append(path)
        elif suffix in AUDIO_EXTENSIONS:
            (found if len(path.parts) > 1 else stray).append(path)
    if unreadable:
        warnings.warn(
            f"{_some(unreadable, 'file is', 'files are')} left out: the format cannot "
            "be decoded. Convert to FLAC.",
            stacklevel=stacklevel - 1,
        )
    outside = ""
    if stray:
        outside = (
            f"{_some(stray, 'file lies', 'files lie')} outside the class folders, in "
            f"{str(root)!a} itself"
        )
    if not found:
        raise ValueError(
            f"{os.fspath(root)!a} has no sub-folder with audio files "
            f"({', '.join(AUDIO_EXTENSIONS)}); expected CLASS/RECORDING.wav."
            f"{outside and ' '}{outside}{outside and '.'}"
        )
    if stray:
        warnings.warn(
            f"{outside}: left out. Move what belongs to a class into its folder.",
            stacklevel=stacklevel - 1,
        )
    return found


def _some(paths, one, many):
    return such_as(len(paths), one, many, f"{paths[0].as_posix()!a}")


def class_of(name):
    """Return the class of a path relative to the folder of the classes."""
    label = clean_name(name.split("/")[0])
    if not label:
        raise ValueError(
            f"{name!a} lies in a class folder whose name is only spaces. Rename it."
        )
    return label


def list_paths(root, names, *, source, is_confined=True):
    """Return paths below a folder; `source` says in errors what lists them."""
    # If they are confined they must stay inside (symbolic links are not followed), and
    # ~ is not the home folder.
    if not is_confined:
        names = [user_path(name) for name in names]
    for name in names:
        fault = "holds a NUL" if "\0" in name else ""
        if is_confined and not fault:
            fault = _fault(root, name)
        if fault:
            raise ValueError(
                f"{source} lists {name!a}, which {fault}; expected the path of a file "
                f"below {str(root)!a}. Correct it, or do not use a list that you do "
                "not trust."
            )
    return object_array(literal_path(root / name) for name in names)


def _fault(root, name):
    """Return why a path does not stay inside a folder, "" if it does."""
    parts = name.replace("\\", "/").split("/")
    is_windows = re.match(r"[A-Za-z]:[\\/]|\\", name)
    if is_windows and os.name != "nt":
        return "is an absolute path of Windows"
    if user_path(name) != name:
        return "leads out of the folder, into a home folder"
    if ".." in parts or os.path.isabs(name) or ":" in parts[0]:
        inside = os.path.abspath(root)
        path = os.path.abspath(os.path.join(inside, name.replace("\\", "/")))
        if not Path(path).is_relative_to(inside):
            return "leads out of the folder"
    devices = [RESERVED.fullmatch(part.partition(".")[0].rstrip()) for part in parts]
    if any(devices) and os.name == "nt":  # elsewhere they are names like others
        return "is a Windows device"
    return ""
