"""MTG-Jamendo: full tracks with tags, split by artist."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import user_path
from skdeepmir._errors import check_choice
from skdeepmir._groups import clean_name, is_missing
from skdeepmir.datasets._collections import (
    PARTS,
    describe_parts,
    find_missing,
    split_indices,
)
from skdeepmir.datasets._labels import check_target_names, encode_tags
from skdeepmir.datasets._loaders import list_paths
from skdeepmir.datasets._tables import read_table

SUBSETS = {
    "top50tags": "autotagging_top50tags",
    "genre": "autotagging_genre",
    "instrument": "autotagging_instrument",
    "moodtheme": "autotagging_moodtheme",
    "all": "autotagging",
}
COLUMNS = "TRACK_ID ARTIST_ID ALBUM_ID PATH DURATION TAGS".split()
SUFFIXES = {"full": ".mp3", "low": ".low.mp3"}
FILE_NAMES = {"train": "train", "valid": "validation", "test": "test"}
SOURCE = "https://github.com/MTG/mtg-jamendo-dataset"


def load_mtg_jamendo(
    folder: str | os.PathLike[str],
    *,
    subset: str = "top50tags",
    split: int = 0,
    audio: str | os.PathLike[str] | None = None,
    quality: str = "full",
    missing: str = "raise",
    target_names: Iterable[Any] | None = None,
    unknown: Literal["raise", "drop"] = "raise",
) -> Bunch:
    r"""List the MTG-Jamendo data set [1]_: 55,000 full tracks with 195 tags.

    Parameters
    ----------
    folder : str or PathLike
        A copy of the repository MTG/mtg-jamendo-dataset, or at least of its tables
        ``data/splits/split-0/autotagging_top50tags-train.tsv`` and so on.
    subset : str, default="top50tags"
        Which tags: "top50tags", "genre", "instrument", "moodtheme" or "all". Tracks
        without any of them are not in the subset.
    split : {0, 1, 2, 3, 4}, default=0
        Which of the five published splits. No artist is in two parts of a split.
    audio : str or PathLike, default=None
        The folder that holds the folders 00 to 99 of audio. None is ``folder/audio``.
    quality : {"full", "low"}, default="full"
        Which of the two published encodings: ``34/786434.mp3`` or
        ``34/786434.low.mp3``. Features of the two differ: do not mix them.
    missing : {"raise", "drop"}, default="raise"
        Whether tracks without a file are an error, or are left out with a warning.
    target_names, unknown : optional
        The tags in the order of their columns, and what becomes of others, as for
        :func:`load_manifest`.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_tracks,), dtype=object. Paths: those of "train",
          then "valid", then "test", each in the order of its table.
        - target : ndarray of shape (n_tracks, n_tags). 0 and 1.
        - target_names : ndarray of str. Tags such as "genre---rock", sorted, or
          those that were given.
        - groups : ndarray of shape (n_tracks,), dtype=object. Artists.
        - folds : None.
        - splits : dict of str to ndarray of int. Indices of the tracks in "train",
          "valid" and "test".
        - DESCR : str.

    Raises
    ------
    ValueError
        If a table is missing or has other columns, a row has no artist, path or tag, a
        track is in two parts, or a track has no file.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves tracks out, with their number.

    References
    ----------
    .. [1] D. Bogdanov, M. Won, P. Tovstogan, A. Porter and X. Serra, "The MTG-Jamendo
       dataset for automatic music tagging", Machine Learning for Music Discovery
       Workshop, ICML 2019.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_mtg_jamendo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tables = pathlib.Path(folder, "data", "splits", "split-0")
    ...     tables.mkdir(parents=True)
    ...     pathlib.Path(folder, "audio", "14").mkdir(parents=True)
    ...     for n, part in enumerate(["train", "validation", "test"]):
    ...         pathlib.Path(folder, "audio", "14", f"{n}14.mp3").touch()
    ...         text = (
    ...             "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    ...             f"track_{n}14\tartist_{n}\talbum_1\t14/{n}14.mp3\t124.6\t"
    ...             "genre---rock\tinstrument---drums\n"
    ...         )
    ...         _ = (tables / f"autotagging_top50tags-{part}.tsv").write_text(text)
    ...     bunch = load_mtg_jamendo(folder)
    >>> bunch.target.shape, bunch.groups, bunch.splits["valid"]
    ((3, 2), array(['artist_0', 'artist_1', 'artist_2'], dtype=object), array([1]))
    """
    check_choice("subset", subset, SUBSETS)
    check_choice("split", split, range(5))
    check_choice("quality", quality, SUFFIXES)
    pinned = check_target_names(target_names, unknown)
    folder = Path(user_path(folder))
    tables = folder / "data" / "splits" / f"split-{split}"
    rows, parts = [], []
    for part in PARTS:
        table = _read_tracks(tables / f"{SUBSETS[subset]}-{FILE_NAMES[part]}.tsv")
        rows += table
        parts += [part] * len(table)
    _check_once([row[0] for row in rows], tables)
    root = folder / "audio" if audio is None else Path(user_path(audio))
    files = [row[3].removesuffix(".mp3") + SUFFIXES[quality] for row in rows]
    paths = list_paths(root, files, source="The tables of MTG-Jamendo")
    other = "low" if quality == "full" else "full"
    found = find_missing(
        paths,
        missing,
        f"Pass audio= with the folder of 00 to 99, or quality={other!r} if those are "
        "the files that you have.",
    )
    rows = [row for row, there in zip(rows, found, strict=True) if there]
    names, target, _ = encode_tags(
        [row[5:] for row in rows], pinned, unknown, lambda at: f"{rows[at[0]][0]!a}"
    )
    part_of = np.array(parts)[found]
    return Bunch(
        data=paths[found],
        target=target,
        target_names=names,
        groups=np.array([row[1] for row in rows], dtype=object),
        folds=None,
        splits=split_indices(part_of),
        DESCR=(
            f"MTG-Jamendo, subset {subset!r}, split {split}: {describe_parts(part_of)} "
            f"tracks of {len(names)} tags, audio ({quality} quality) in {root}."
        ),
    )


def _read_tracks(path: Path) -> list[list[str]]:
    """Return TRACK_ID, ARTIST_ID, ALBUM_ID, PATH, DURATION and the tags of tracks."""
    table = read_table(path, delimiter="\t", source=SOURCE, is_ragged=True)
    if table.header != COLUMNS:
        raise ValueError(
            f"{str(path)!a} has columns {table.header}; expected {COLUMNS}, separated "
            f"by tabs, as in {SOURCE}."
        )
    rows = []
    for number, cells in enumerate(table.rows):
        row = [clean_name(cell) for cell in cells]
        row[3:4] = cells[3:4]
        if len(row) < 6 or "" in row[5:]:
            raise ValueError(
                f"{str(path)!a} has no tags, or an empty one, for {row[0]!a} in line "
                f"{table.lines[number]}; expected {COLUMNS} with one or more tags."
            )
        for name, cell in zip(COLUMNS, row, strict=False):
            if name in ("TRACK_ID", "ARTIST_ID", "PATH") and is_missing(cell):
                raise ValueError(
                    f"{table.at(number)} has the {name} {cell!a}; expected one in each "
                    f"row. Download the tables again from {SOURCE}."
                )
        rows.append(row)
    return rows


def _check_once(tracks: list[str], tables: Path) -> None:
    seen: set[str] = set()
    for track in tracks:
        if track in seen:
            raise ValueError(
                f"{track!a} occurs twice in the tables of {str(tables)!a}; expected "
                f"each track in one part only. Download them again from {SOURCE}."
            )
        seen.add(track)
