"""Folders and manifests of recordings: paths, labels and groups, nothing decoded."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import literal_path, shown, user_path
from skdeepmir._groups import (
    clean_name,
    is_missing,
    missing_text,
)
from skdeepmir.datasets._collections import RESERVED, counted, such_as
from skdeepmir.datasets._file_groups import group_files
from skdeepmir.datasets._tables import Table, read_table
from skdeepmir.datasets._walk import (
    AUDIO_EXTENSIONS,
    UNREADABLE_EXTENSIONS,
    check_folder,
    list_files,
)
from skdeepmir.frames import object_array

MOST_SHOWN = 5  # values of a column that an error shows
# Other names of a column, which may hold what is not read.
NEARLY = {
    "group": ("artist", "album", "band", "speaker", "song", "group_id", "artist_id"),
    "fold": ("fold_id",),
}


def load_audio_folder(
    folder: str | os.PathLike[str], *, groups: str | Mapping[Any, Any] | Any = None
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

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, sorted.
        - target : ndarray of shape (n_clips,), int. Index into ``target_names``.
        - target_names : ndarray of str. The sub-folders' names, composed (NFC) and
          without spaces around them: two that differ in nothing else are one class.
        - groups : ndarray of shape (n_clips,), dtype=object, or None.
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there is no class folder with audio, or a file has no group, or one that is
        empty or counts as missing, such as "None" or "NA".
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
        several names.

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
    root = check_folder(
        folder,
        f"folder={shown(folder)} is not a folder; expected one with a sub-folder of "
        "recordings for each class.",
    )
    found = list_recordings(root, stacklevel=4)
    names = [relative.as_posix() for relative in found]
    target_names, target = encode_classes(names)
    return Bunch(
        data=object_array(literal_path(root / name) for name in names),
        target=target,
        target_names=target_names,
        groups=None if groups is None else group_files(names, groups, root),
        folds=None,
        DESCR=f"{len(found)} recordings of {len(target_names)} classes in {root}.",
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


def encode_classes(names):
    """Return the names of the classes, and the number of each relative path."""
    classes = [clean_name(name.split("/")[0]) for name in names]
    if "" in classes:
        raise ValueError(
            f"{names[classes.index('')]!a} lies in a class folder whose name is only "
            "spaces. Rename it."
        )
    return np.unique(classes, return_inverse=True)


def load_manifest(
    manifest: Any,
    *,
    root: str | os.PathLike[str] | None = None,
    where: Mapping[str, str] | None = None,
    annotations: str | None = None,
) -> Bunch:
    r"""Read a CSV table of recordings.

    Parameters
    ----------
    manifest : str or PathLike
        A CSV file in UTF-8, with commas, a header and the columns "path" and "label",
        and optionally "group" and "fold"; other columns and empty rows are ignored. A
        label may be several tags joined by ``|``. Cells with a comma are quoted. Spaces
        around cells do not matter, except in paths and before quotes; neither does it
        matter whether accents are composed. ``~`` is the home folder, also in paths if
        ``root`` is None. A first line such as ``sep=;`` gives the delimiter.
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
          table has no such column or leaves it empty in every row.
        - DESCR : str.

    Raises
    ------
    ValueError
        If a column is missing or named twice; a row has more or fewer cells than the
        header; a quote is not closed, or only on another line, in a cell that is used
        or may have swallowed rows; no row is left; a row has no path, label or
        annotation, an empty tag, or no group or fold where others have one ("None" or
        "NA" count as none); a path occurs twice or leads out of ``root``. The message
        names the line.
    FileNotFoundError
        If there is no such file.
    TypeError
        If ``manifest`` is not a path.

    Warns
    -----
    UserWarning
        If there is no column "group" or "fold", but one with a similar name, or one
        such as "artist" or "album".

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
    manifest = _manifest_path(manifest)
    if where is not None and not isinstance(where, Mapping):
        raise ValueError(
            f"where={where!r} is a {type(where).__name__}; expected a dict from "
            "columns to values, such as {'task': 'tagging'}."
        )
    wanted = {clean_name(str(c)): clean_name(str(v)) for c, v in (where or {}).items()}
    target_column = "label" if annotations is None else annotations
    table = read_table(
        manifest, ("path", target_column, *wanted), optional=("group", "fold")
    )
    if not table.rows:
        raise ValueError(
            f"{str(manifest)!a} has a header, but no rows; expected one for each clip."
        )
    columns = {name: table.column(name) for name in wanted}
    table = table.keep(
        row
        for row in range(len(table.rows))
        if all(columns[name][row] == value for name, value in wanted.items())
    )
    if not table.rows:
        there = "; ".join(f"{name!a} has {_values(columns[name])}" for name in wanted)
        raise ValueError(
            f"{str(manifest)!a} has no rows with where={where!r}. Of its columns, "
            f"{there}: choose from these."
        )
    names = table.raw_column("path")
    _check_filled(table, "path", names)
    folder = manifest.parent if root is None else Path(user_path(root))
    rules = {"source": f"{str(manifest)!a}", "is_confined": root is not None}
    data = _paths(folder, names, **rules)
    _check_once(table, data)
    if annotations is None:
        labels = table.column(target_column)
        _check_filled(table, target_column, labels)
        target_names, target = _encode_labels(table, labels)
    else:
        labels = table.raw_column(target_column)
        _check_filled(table, target_column, labels)
        target_names, target = None, _paths(folder, labels, **rules)
        missing = [i for i, path in enumerate(target) if not os.path.isfile(path)]
        if missing:
            nouns = "annotation file that does", "annotation files that do"
            raise ValueError(
                f"{str(manifest)!a} lists {counted(len(missing), *nouns)} not exist, "
                f"first {target[missing[0]]!a} in line {table.lines[missing[0]]}. "
                "Correct the table, or pass root=."
            )
    return Bunch(
        data=data,
        target=target,
        target_names=target_names,
        groups=_column(table, "group"),
        folds=_column(table, "fold"),
        DESCR=f"{len(table.rows)} recordings listed in {manifest}.",
    )


def _manifest_path(manifest):
    if not isinstance(manifest, str | bytes | os.PathLike):
        raise TypeError(
            f"manifest is a {type(manifest).__name__}; expected the path of a CSV "
            "file. Save a data frame with df.to_csv(PATH, index=False)."
        )
    path = Path(user_path(manifest))
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # or a NUL
        raise FileNotFoundError(
            f"There is no file {shown(manifest)}; expected a CSV file with the columns "
            "'path' and 'label'. Check the path."
        ) from error
    if is_folder:
        raise ValueError(
            f"manifest={shown(manifest)} is a folder; expected a CSV file. Use "
            "load_audio_folder for a folder with a sub-folder for each class."
        )
    return path


def _values(cells):
    values = list(dict.fromkeys(cells))
    more = ", ..." if len(values) > MOST_SHOWN else ""
    return ", ".join(f"{value!a}" for value in values[:MOST_SHOWN]) + more


def _check_filled(table, column, cells):
    for row, cell in enumerate(cells):
        if cell.strip():
            continue
        if column == "path":
            raise ValueError(
                f"{table.at(row)} gives no path; expected one in each row."
            )
        raise ValueError(
            f"{table.at(row)} gives no {column} for "
            f"{table.raw_column('path')[row]!a}. For files that annotate recordings, "
            "pass the name of their column as annotations=."
        )


def _check_once(table, paths):
    lines = {}
    for path, line in zip(paths, table.lines, strict=True):
        other = lines.setdefault(os.path.normpath(path), line)
        if other != line:
            name = table.raw_column("path")[table.lines.index(line)]
            raise ValueError(
                f"{str(table.path)!a} lists {name!a} more than once, in lines {other} "
                f"and {line}. If the table holds several tasks, choose one with "
                "where={'task': ...}."
            )


def _paths(root, names, *, source, is_confined=True):
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


def _encode_labels(table, labels):
    if not any("|" in label for label in labels):
        return np.unique(labels, return_inverse=True)
    tags = [[tag.strip() for tag in label.split("|")] for label in labels]
    for row, (label, clip) in enumerate(zip(labels, tags, strict=True)):
        if "" in clip:
            raise ValueError(
                f"{table.at(row)} has the label {label!a}, in which a tag is empty; "
                "expected tags joined by |, as in piano|drums."
            )
    return _encode_tags(tags)


def _encode_tags(tags):
    names = np.array(sorted(set().union(*tags)))
    column = {name: number for number, name in enumerate(names.tolist())}
    target = np.zeros((len(tags), len(names)), dtype=int)
    for row, clip in zip(target, tags, strict=True):
        row[[column[tag] for tag in clip]] = 1
    return names, target


def _column(table: Table, name: str) -> np.ndarray | None:
    if name not in table.header:
        for other in table.header:
            if other.casefold().rstrip("s") in {name, *NEARLY[name]}:
                warnings.warn(
                    f"{str(table.path)!a} has a column {other!a}, which is not read; "
                    f"expected {name!a}. Rename it if it holds the {name}s.",
                    stacklevel=3,
                )
                break
        return None
    values = table.column(name)
    if not any(values):
        return None
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing:
        first = missing[0]
        path = f"{table.raw_column('path')[first]!a}"
        text = missing_text(values[first], "band" if name == "group" else name)
        fault = f"gives no {name} for {path}"
        if text:
            fault = f"has the {name} {values[first]!a} for {path}{text}"
        lines = ", ".join(str(table.lines[row]) for row in missing[:10])
        raise ValueError(
            f"{table.at(first)} {fault}; {len(missing)} of {len(values)} rows "
            f"{'gives none (line' if len(missing) == 1 else 'give none (lines'} {lines}"
            f"{', ...' if len(missing) > 10 else ''}). Give each a {name}, if need be "
            "a name of its own, or leave the column empty in all rows."
        )
    return object_array(values)
