"""Folders and manifests of recordings: paths, labels and groups, nothing decoded."""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import literal_path, shown, user_path
from skdeepmir.datasets._collections import RESERVED, reading
from skdeepmir.frames import object_array

AUDIO_EXTENSIONS = (
    ".wav .flac .ogg .oga .opus .mp3 .aiff .aif .aifc .au .caf .w64 .rf64".split()
)
UNREADABLE_EXTENSIONS = ".m4a .aac .mp4 .wma .ac3 .webm".split()


def load_audio_folder(folder, *, groups=None):
    r"""List a folder of recordings that has a sub-folder for each class.

    This is the layout of GTZAN: ``FOLDER/blues/blues.00000.wav``.

    Parameters
    ----------
    folder : str or PathLike
        The folder; ``~`` is the home folder. Sub-folders of a class folder belong to
        that class; hidden files and files without an audio extension are passed over.
    groups : str or mapping, default=None
        What belongs together (artist, album, speaker) and must not be split between
        training and test. A regular expression that is searched in each path relative
        to ``folder``, with ``/`` between folders; its first parenthesis is the group.
        Or a mapping from such relative paths to groups.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, sorted.
        - target : ndarray of shape (n_clips,), int. Index into ``target_names``.
        - target_names : ndarray of str. The sub-folders' names.
        - groups : ndarray of shape (n_clips,) or None.
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there is no class folder with audio, or a file has no group.

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
    root = Path(user_path(folder))
    if not root.is_dir():
        raise ValueError(
            f"folder={shown(folder)} is no folder; expected one with a sub-folder of "
            "recordings for each class."
        )
    found, unreadable = [], []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if len(relative.parts) < 2 or any(p.startswith(".") for p in relative.parts):
            continue
        if path.suffix.lower() in AUDIO_EXTENSIONS and not path.is_dir():
            found.append(relative)
        elif path.suffix.lower() in UNREADABLE_EXTENSIONS:
            unreadable.append(relative)
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} files such as {unreadable[0].as_posix()!a} are left "
            "out: no decoder here knows them. Convert them to FLAC.",
            stacklevel=2,
        )
    if not found:
        raise ValueError(
            f"{os.fsdecode(folder)!a} has no sub-folder with audio files "
            f"({', '.join(AUDIO_EXTENSIONS)}); expected CLASS/RECORDING.wav."
        )
    names = [relative.as_posix() for relative in found]
    target_names, target = np.unique(
        [relative.parts[0] for relative in found], return_inverse=True
    )
    return Bunch(
        data=object_array(literal_path(root / name) for name in names),
        target=target,
        target_names=target_names,
        groups=None if groups is None else _group_files(names, groups),
        folds=None,
        DESCR=f"{len(found)} recordings of {len(target_names)} classes in {root}.",
    )


def load_manifest(manifest, *, root=None, where=None, annotations=None):
    r"""Read a CSV table of recordings.

    Parameters
    ----------
    manifest : str or PathLike
        A CSV file with a header and the columns "path" and "label", and maybe "group"
        and "fold". A label may be several tags joined by ``|``. ``~`` is the home
        folder, also in the paths of a table of your own.
    root : str or PathLike, default=None
        Where relative paths start. Paths that lead out of it are refused: pass it for a
        manifest from elsewhere. None is the folder of the manifest, and lets paths lead
        anywhere, as a table of your own may.
    where : mapping of str to str, default=None
        Keep only the rows whose columns have these values, such as
        ``{"task": "tagging"}``.
    annotations : str, default=None
        Name of the column with the file that annotates each recording, such as a
        ``.lab`` file of chords. These files are then the target, instead of labels.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, in the table's order.
        - target : ndarray of shape (n_clips,), int, an index into ``target_names``; or,
          where any label has a ``|``, ndarray of shape (n_clips, n_tags) of 0 and 1.
          With ``annotations`` ndarray of shape (n_clips,), dtype=object: paths.
        - target_names : ndarray of str. Labels or tags, sorted; None with
          ``annotations``.
        - groups, folds : ndarray of shape (n_clips,), dtype=object, or None where the
          table has no such column or leaves it empty.
        - DESCR : str.

    Raises
    ------
    ValueError
        If a column is missing, no row is left, a row has no path, label or annotation,
        a path comes twice, or one leads out of ``root``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_manifest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "labels.csv")
    ...     _ = table.write_text("path,label\na.wav,piano|drums\nb.wav,piano\n")
    ...     bunch = load_manifest(table)
    >>> bunch.target
    array([[1, 1],
           [0, 1]])
    """
    manifest = Path(user_path(manifest))
    if where is not None and not isinstance(where, Mapping):
        raise ValueError(
            f"where={where!r} is a {type(where).__name__}; expected a dict from "
            "columns to values, such as {'task': 'tagging'}."
        )
    with reading(manifest), open(manifest, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        table = list(reader)
        columns = reader.fieldnames or []
    target_column = "label" if annotations is None else annotations
    for column in ("path", target_column, *(where or {})):
        if column not in columns:
            raise ValueError(
                f"{str(manifest)!a} has no column {column!r}; found {columns}."
            )
    table = [r for r in table if all(r[c] == str(v) for c, v in (where or {}).items())]
    if not table:
        raise ValueError(f"{str(manifest)!a} has no rows with where={where!r}.")
    paths = [row["path"] or "" for row in table]
    if "" in paths:
        raise ValueError(
            f"{str(manifest)!a} gives no path in row {paths.index('') + 1} of "
            f"{len(paths)}; expected one in each."
        )
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise ValueError(
            f"{str(manifest)!a} lists {twice!a} more than once. If the table holds "
            "several tasks, choose one with where={'task': ...}."
        )
    labels = [row[target_column] or "" for row in table]
    if "" in labels:
        raise ValueError(
            f"{str(manifest)!a} gives no {target_column} for "
            f"{paths[labels.index('')]!a}. For files that annotate recordings, pass "
            "the name of their column as annotations=."
        )
    folder = manifest.parent if root is None else Path(user_path(root))
    rules = {"source": f"{str(manifest)!a}", "is_confined": root is not None}
    if annotations is None:
        target_names, target = _encode_labels(labels)
    else:
        target_names, target = None, _paths(folder, labels, **rules)
        missing = [path for path in target if not os.path.isfile(path)]
        if missing:
            raise ValueError(
                f"{str(manifest)!a} lists {len(missing)} annotation files that do not "
                f"exist, such as {missing[0]!a}. Correct the table, or pass root=."
            )
    return Bunch(
        data=_paths(folder, paths, **rules),
        target=target,
        target_names=target_names,
        groups=_column(table, "group"),
        folds=_column(table, "fold"),
        DESCR=f"{len(table)} recordings listed in {manifest}.",
    )


def _paths(root, names, *, source, is_confined=True):
    """Return paths below a folder; `source` says in errors what lists them.

    Where they are confined they must stay inside, symbolic links not followed, and
    ``~`` is not the home folder.
    """
    if not is_confined:
        names = [user_path(name) for name in names]
    for name in names:
        fault = "holds a NUL" if "\0" in name else ""
        if is_confined and not fault:
            fault = _fault(root, name)
        if fault:
            raise ValueError(
                f"{source} lists {name!a}, which {fault}; expected the path of a file "
                f"below {str(root)!a}. Correct it; if it is not your own, do not use "
                "it."
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
        return "is a device on Windows"
    return ""


def _group_files(names, groups):
    if isinstance(groups, Mapping):
        missing = [name for name in names if name not in groups]
        found = [groups.get(name) for name in names]
    else:
        pattern = re.compile(groups)
        if pattern.groups < 1:
            raise ValueError(f"groups={groups!r} needs a parenthesis: the group.")
        matches = [pattern.search(name) for name in names]
        missing = [name for name, m in zip(names, matches, strict=True) if m is None]
        found = [m and m.group(1) for m in matches]
    if missing:
        raise ValueError(
            f"groups gives no group for {len(missing)} of {len(names)} files, such as "
            f"{missing[0]!a}."
        )
    return np.array(found, dtype=object)


def _encode_labels(labels):
    if not any("|" in label for label in labels):
        return np.unique(labels, return_inverse=True)
    return _encode_tags([label.split("|") for label in labels])


def _encode_tags(tags):
    names = np.array(sorted(set().union(*tags)))
    column = {name: number for number, name in enumerate(names.tolist())}
    target = np.zeros((len(tags), len(names)), dtype=int)
    for row, clip in zip(target, tags, strict=True):
        row[[column[tag] for tag in clip]] = 1
    return names, target


def _column(table, name):
    values = [row.get(name) or "" for row in table]
    return None if "" in values else np.array(values, dtype=object)
