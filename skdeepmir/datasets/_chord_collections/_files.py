"""What the loaders of chords share: files by name, tables, and what is returned."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import shown, user_path
from skdeepmir.datasets._collections import reading
from skdeepmir.frames import object_array


def existing_folder(folder: str | os.PathLike[str]) -> Path:
    path = Path(user_path(folder))
    if not path.is_dir():
        raise ValueError(
            f"{shown(folder)} is no folder; expected that of the annotations, or of "
            "the recordings as audio_folder."
        )
    return path


def find_files(root: Path, extensions: Iterable[str]) -> list[Path]:
    """Return the files below a folder, sorted, without hidden ones."""
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in extensions
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
        and path.is_file()
    ]


def fold_name(name: str) -> str:
    """Return only the letters and digits of a name, in lower case without accents."""
    letters = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    return "".join(c for c in letters if c.isalnum())


def only_file(files: Iterable[Path], what: str) -> Path:
    """Return the one file there is; several are an error."""
    files = sorted(files)
    if len(files) > 1:
        raise ValueError(
            f"{len(files)} files are possible as {what}: {str(files[0])!a} and "
            f"{str(files[1])!a}. Leave one of them, or pass a narrower folder."
        )
    return files[0]


def chord_bunch(
    data: np.ndarray,
    target: list[Any],
    groups: list[str],
    titles: list[str],
    description: str,
    group: str,
    **more: Any,
) -> Bunch:
    """Return what a loader of chords returns; `group` says what the groups are."""
    return Bunch(
        data=data,
        target=object_array(target),
        groups=object_array(groups),
        titles=object_array(titles),
        folds=None,
        DESCR=(
            f"{description} {len(data)} songs, {len(set(groups))} groups. target: "
            f"chord annotations; groups: the {group}."
        ),
        **more,
    )


def read_csv(
    path: Path, columns: tuple[str, ...], delimiter: str
) -> list[dict[str, str]]:
    """Return the rows of a table that has at least these columns."""
    with reading(path), open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        for column in columns:
            if column not in (reader.fieldnames or []):
                raise ValueError(
                    f"{str(path)!a} has no column {column!r}; found "
                    f"{reader.fieldnames or []}."
                )
        return list(reader)
