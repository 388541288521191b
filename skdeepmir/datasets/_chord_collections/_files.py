"""Shared by the loaders of chord collections: files by name, and the Bunch."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import shown
from skdeepmir._groups import check_groups
from skdeepmir.datasets._walk import check_folder, list_files
from skdeepmir.frames import object_array


class Folder:
    """A folder, and the files below it, sorted, without hidden ones."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path = check_folder(
            folder,
            f"{shown(folder)} is not a folder; expected that of the annotations, or of "
            "the recordings as audio_folder.",
        )
        self.path = path
        self.files = [path / name for name in list_files(path, stacklevel=5)]

    @classmethod
    def both(
        cls,
        folder: str | os.PathLike[str],
        audio_folder: str | os.PathLike[str] | None,
    ) -> tuple[Folder, Folder]:
        """Return the folders of annotations and of recordings, which may be one."""
        root = cls(folder)
        return root, cls(audio_folder) if audio_folder else root

    def find(self, extensions: Iterable[str]) -> list[Path]:
        """Return the files with these extensions in any case, broken links included."""
        return [
            path
            for path in self.files
            if path.suffix.lower() in extensions
            and (os.path.isfile(path) or not os.path.exists(path))
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
            f"{str(files[1])!a}. Keep one of them, or pass a narrower folder."
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
    """Return the Bunch of a loader of chords; `group` says what the groups are."""
    missing = [p for p in target if isinstance(p, str) and not os.path.isfile(p)]
    if missing:
        are = "is a broken link:", "are broken links, such as"
        raise ValueError(
            f"{len(missing)} of {len(target)} annotations {are[len(missing) > 1]} "
            f"{missing[0]!a}. Restore its target, or remove the link."
        )
    return Bunch(
        data=data,
        target=object_array(target),
        groups=check_groups(groups, len(data)),
        titles=object_array(titles),
        folds=None,
        DESCR=(
            f"{description} {len(data)} songs, {len(set(groups))} groups. target: "
            f"chord annotations; groups: the {group}."
        ),
        **more,
    )
