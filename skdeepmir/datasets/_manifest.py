"""Tables of recordings: paths, labels, groups, folds and parts, nothing decoded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import shown, user_path
from skdeepmir._errors import did_you_mean
from skdeepmir._groups import clean_name, is_missing, missing_text
from skdeepmir._warnings import warn_user
from skdeepmir.datasets._collections import PARTS, counted
from skdeepmir.datasets._data_frames import as_text, is_data_frame, table_of
from skdeepmir.datasets._labels import (
    Targets,
    check_target_names,
    encode_classes,
    encode_tags,
    warn_of_unannotated_tags,
)
from skdeepmir.datasets._loaders import list_paths
from skdeepmir.datasets._tables import Table, read_table
from skdeepmir.frames import object_array

MOST_SHOWN = 5  # values of a column that an error shows
OPTIONAL = ("group", "fold", "split")
# Other names of a column, which may hold what is not read.
NEARLY = {
    "group": ("artist", "album", "band", "speaker", "song", "group_id", "artist_id"),
    "fold": ("fold_id",),
    "split": ("partition", "split_id"),
}
# Other names of the parts of a split.
SPELLED = {
    "training": "train",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "testing": "test",
}
# Columns that say where clips are of.
COLLECTIONS = ("collection", "dataset", "corpus", "source")


def load_manifest(
    manifest: Any,
    *,
    root: str | os.PathLike[str] | None = None,
    where: Mapping[str, Any] | None = None,
    annotations: str | None = None,
    target_names: Iterable[Any] | None = None,
    unknown: Literal["raise", "drop"] = "raise",
    multilabel: bool | None = None,
) -> Bunch:
    r"""Read a table of recordings: a CSV file or a data frame.

    Parameters
    ----------
    manifest : str, PathLike or data frame
        A CSV file in UTF-8, with commas, a header and the columns "path" and "label",
        and optionally "group", "fold" and "split"; other columns and empty rows are
        ignored. A label may be several tags joined by ``|``. Cells with a comma are
        quoted. Spaces around cells do not matter, except in paths and before quotes;
        neither does it matter whether accents are composed. ``~`` is the home folder,
        also in paths if ``root`` is None. A first line such as ``sep=;`` gives the
        delimiter. Or a data frame of pandas, polars or pyarrow with such columns, whose
        labels may also be lists of tags.
    root : str or PathLike, default=None
        Where relative paths start. Paths that lead out of it are refused: pass it for a
        manifest from elsewhere. None is the folder of the file, or the current folder
        for a data frame, and lets paths lead anywhere, as a table of your own may.
    where : mapping of str to str, list of str or callable, default=None
        Keep only the rows whose columns have these values, or one of several:
        ``{"task": "notes", "source": ["splendid", "wartuba"]}``. A function says of
        each cell's text whether to keep it, such as ``{"source": lambda source: source
        not in trained_on}``.
    annotations : str, default=None
        Name of the column with the file that annotates each recording, such as a
        ``.lab`` file of chords, an ``.onsets`` file or a ``.mid`` file of notes. These
        files are then the target, instead of labels.
    target_names : list of str, default=None
        The classes or tags in the order of their numbers, such as those of another
        collection, ``train.target_names``: equal labels then have equal numbers, and
        tags equal columns, whether or not all occur here. None takes the labels that
        there are, sorted.
    unknown : {"raise", "drop"}, default="raise"
        Whether labels that ``target_names`` does not have are an error, or are left out
        with a warning: clips of such a class; of such tags only the tags.
    multilabel : bool, default=None
        Whether labels are tags. None looks for a ``|`` or a list in any row, which
        works unless no clip happens to have two tags.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, in the table's order.
        - target : ndarray of shape (n_clips,), int, an index into ``target_names``; or,
          for tags, ndarray of shape (n_clips, n_tags) of 0 and 1. With ``annotations``
          ndarray of shape (n_clips,), dtype=object: paths. The labels themselves are
          ``target_names[target]``.
        - target_names : ndarray of str. Labels or tags; None with ``annotations``.
        - groups, folds : ndarray of shape (n_clips,), dtype=object, or None where the
          table has no such column or leaves it empty in every row.
        - splits : dict of str to ndarray of int, or None, likewise. Indices of the
          clips in each part that the column "split" names; "validation", "val" and
          "dev" are named "valid". Clips without a part are in none.
        - DESCR : str.

    Raises
    ------
    ValueError
        If a column is missing or named twice; a row has more or fewer cells than the
        header; a quote is not closed, or only on another line, in a cell that is used
        or may have swallowed rows; no row is left, or ``where`` names a value that its
        column does not have; a row has no path, label or annotation, an empty tag, or
        no group or fold where others have one ("None" or "NA" count as none); a label
        is not in ``target_names``; a path occurs twice or leads out of ``root``. The
        message names the line, or the row of a data frame, counted from 0.
    FileNotFoundError
        If there is no such file.
    TypeError
        If ``manifest`` is neither a path nor a data frame.

    Warns
    -----
    UserWarning
        If there is no column "group", "fold" or "split", but one with a similar name,
        or one such as "artist" or "album". If ``unknown="drop"`` leaves labels out. If
        a tag of ``target_names`` has no clip; or if all clips of one source lack a tag
        that others have, beyond what chance explains, so that it seems not to have been
        annotated there: tags that are not given count as absent. Sources are told apart
        by the columns "collection", "dataset", "corpus" and "source", and by those of
        which ``where`` takes several values.

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

    Of a second collection, here a data frame, equal classes have equal numbers:

    >>> import pandas as pd
    >>> notes = pd.DataFrame({"path": ["a.wav", "b.wav"], "label": ["flute", "cello"]})
    >>> train = load_manifest(notes)
    >>> others = pd.DataFrame({"path": ["c.wav", "d.wav"], "label": ["flute", "flute"]})
    >>> test = load_manifest(others, target_names=train.target_names)
    >>> train.target, test.target
    (array([1, 0]), array([1, 1]))
    """
    pinned = check_target_names(target_names, unknown)
    if multilabel not in (None, True, False):
        raise ValueError(f"multilabel={multilabel!r} must be None, True or False.")
    if annotations is not None and (pinned is not None or multilabel is not None):
        raise ValueError(
            "target_names and multilabel are for labels, but with annotations="
            f"{annotations!r} the target is files. Leave them out."
        )
    wanted = _wanted(where, as_text if is_data_frame(manifest) else str)
    target_column = "label" if annotations is None else annotations
    table, folder = _table(manifest, ("path", target_column, *wanted))
    if not table.rows:
        raise ValueError(
            f"{table.name} has a header, but no rows; expected one for each clip."
        )
    table = _chosen(table, wanted, where)
    _check_filled(table, "path")
    _check_filled(table, target_column)
    folder = folder if root is None else Path(user_path(root))
    rules = {"source": table.name, "is_confined": root is not None}
    _check_once(table, list_paths(folder, table.raw_column("path"), **rules))
    if annotations is None:
        names, target, kept = _targets(table, pinned, unknown, multilabel)
        if np.ndim(target) == 2:
            _warn_of_sources(table, names, target, wanted)
        table = table.keep(kept)
    else:
        names, target = (
            None,
            list_paths(folder, table.raw_column(target_column), **rules),
        )
        missing = [i for i, path in enumerate(target) if not os.path.isfile(path)]
        if missing:
            nouns = "annotation file that does", "annotation files that do"
            raise ValueError(
                f"{table.name} lists {counted(len(missing), *nouns)} not exist, "
                f"first {target[missing[0]]!a} in {table.places(missing[:1])}. "
                "Correct the table, or pass root=."
            )
    groups, folds, parts = (_column(table, name) for name in OPTIONAL)
    return Bunch(
        data=list_paths(folder, table.raw_column("path"), **rules),
        target=target,
        target_names=names,
        groups=groups,
        folds=folds,
        splits=None if parts is None else _splits(parts),
        DESCR=f"{len(table.rows)} recordings listed in {table.name}.",
    )


def _table(manifest: Any, columns: Iterable[str]) -> tuple[Table, Path]:
    """Return the cells of a file or data frame, and where relative paths start."""
    columns = (*columns,)
    if is_data_frame(manifest):
        optional = (*OPTIONAL, *COLLECTIONS)
        return table_of(manifest, "manifest", columns, optional=optional), Path()
    if not isinstance(manifest, str | bytes | os.PathLike):
        raise TypeError(
            f"manifest is a {type(manifest).__name__}; expected the path of a CSV "
            "file, or a data frame of pandas, polars or pyarrow."
        )
    path = _manifest_path(manifest)
    return read_table(path, columns, optional=OPTIONAL), path.parent


def _manifest_path(manifest: str | bytes | os.PathLike[Any]) -> Path:
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


def _wanted(where: Any, to_text: Any) -> dict[str, Any]:
    """Return the values that are wanted of each column, as text, or a function."""
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise ValueError(
            f"where={where!r} is a {type(where).__name__}; expected a dict from "
            "columns to values, such as {'task': 'tagging'}."
        )
    wanted: dict[str, Any] = {}
    for column, values in where.items():
        if callable(values):
            wanted[clean_name(str(column))] = values
            continue
        is_one = isinstance(values, str) or not isinstance(values, Iterable)
        found = [clean_name(to_text(v)) for v in ([values] if is_one else values)]
        if not found:
            raise ValueError(
                f"where={where!r} has no values for {column!r}; expected one, or a "
                "list of some."
            )
        wanted[clean_name(str(column))] = found
    return wanted


def _chosen(table: Table, wanted: dict[str, Any], where: Any) -> Table:
    """Return the rows with the values that are wanted."""
    columns = {name: table.column(name) for name in wanted}
    for name, values in wanted.items():
        if callable(values):
            wanted = {**wanted, name: {*filter(values, {*columns[name]})}}
            continue
        there = set(columns[name])
        if absent := [value for value in values if value not in there]:
            raise ValueError(
                f"{table.name} has no rows with where={where!r}: its column {name!a} "
                f"has {_values(columns[name])}, not {absent[0]!a}. Choose from these."
                f"{did_you_mean(absent[0], there)}"
            )
    chosen = table.keep(
        row
        for row in range(len(table.rows))
        if all(columns[name][row] in values for name, values in wanted.items())
    )
    if not chosen.rows:
        names = " and ".join(f"{name!a}" for name in wanted)
        raise ValueError(
            f"{table.name} has no rows with where={where!r}: no row meets all of it. "
            f"Choose other values of {names}."
        )
    return chosen


def _values(cells: list[str]) -> str:
    values = list(dict.fromkeys(cells))
    more = ", ..." if len(values) > MOST_SHOWN else ""
    return ", ".join(f"{value!a}" for value in values[:MOST_SHOWN]) + more


def _check_filled(table: Table, column: str) -> None:
    for row, cell in enumerate(table.raw_column(column)):
        if isinstance(cell, list) or cell.strip():
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


def _check_once(table: Table, paths: np.ndarray) -> None:
    rows: dict[str, int] = {}
    for row, path in enumerate(paths):
        other = rows.setdefault(os.path.normpath(path), row)
        if other != row:
            raise ValueError(
                f"{table.name} lists {table.raw_column('path')[row]!a} more than once, "
                f"in {table.unit}s {table.lines[other]} and {table.lines[row]}. If the "
                "table holds several tasks, choose one with where={'task': ...}."
            )


def _targets(
    table: Table, names: list[str] | None, unknown: str, multilabel: bool | None
) -> Targets:
    """Return the labels of all rows as classes or tags."""
    cells = table.raw_column("label")
    labels = table.column("label")
    if multilabel is None:
        multilabel = any(isinstance(cell, list) or "|" in cell for cell in cells)
    if not multilabel:
        return encode_classes(labels, names, unknown, table.places)
    tags = []
    for row, (cell, label) in enumerate(zip(cells, labels, strict=True)):
        is_list = isinstance(cell, list)
        clip = cell if is_list else [tag.strip() for tag in label.split("|")]
        if "" in clip:
            raise ValueError(
                f"{table.at(row)} has the label {label!a}, in which a tag is empty; "
                "expected tags joined by |, as in piano|drums."
            )
        tags.append(clip)
    return encode_tags(tags, names, unknown, table.places)


def _warn_of_sources(
    table: Table, names: np.ndarray, target: np.ndarray, wanted: dict[str, Any]
) -> None:
    """Warn of tags that a source never has, by the first column that shows some."""
    merged = [n for n, values in wanted.items() if callable(values) or len(values) > 1]
    own = {"path", "label", *OPTIONAL}
    for column in dict.fromkeys([*COLLECTIONS, *merged]):
        if column in table.header and column not in own:
            sources = table.column(column)
            if warn_of_unannotated_tags(names, target, column, sources):
                return


def _splits(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of the clips in each part: train, valid and test first."""
    # A clip without a part belongs to none.
    named = [cell.casefold() for cell in cells]
    parts = np.array(
        ["" if is_missing(name) else SPELLED.get(name, name) for name in named]
    )
    others = sorted({*parts.tolist()} - {"", *PARTS})
    known = [part for part in PARTS if part in parts]
    return {part: np.flatnonzero(parts == part) for part in (*known, *others)}


def _column(table: Table, name: str) -> np.ndarray | None:
    """Return what a column says of each row, None if it says nothing."""
    if name not in table.header:
        for other in table.header:
            if other.casefold().rstrip("s") in {name, *NEARLY[name]}:
                warn_user(
                    f"{table.name} has a column {other!a}, which is not read; "
                    f"expected {name!a}. Rename it if it holds the {name}s."
                )
                break
        return None
    values = table.column(name)
    if not any(values):
        return None
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing and name != "split":  # clips may be in no part
        first = missing[0]
        path = f"{table.raw_column('path')[first]!a}"
        text = missing_text(values[first], "band" if name == "group" else name)
        fault = f"gives no {name} for {path}"
        if text:
            fault = f"has the {name} {values[first]!a} for {path}{text}"
        raise ValueError(
            f"{table.at(first)} {fault}; {len(missing)} of {len(values)} rows "
            f"{'gives none' if len(missing) == 1 else 'give none'} "
            f"({table.places(missing)}). Give each a {name}, if need be a name of its "
            "own, or leave the column empty in all rows."
        )
    return object_array(values)
