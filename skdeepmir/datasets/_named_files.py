"""Files of a collection that belong together by their names."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from skdeepmir._disk import shown
from skdeepmir._groups import clean_name
from skdeepmir.datasets._collections import find_missing
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


def files_by_name(
    paths: Iterable[Path],
    what: str,
    wanted: Iterable[str] | None = None,
    *,
    ending: str = "",
    prefix: re.Pattern[str] | None = None,
    below: Path | None = None,
) -> dict[str, Path]:
    """Return files by their names without prefix, ending and extension."""
    # Names are paths relative to the folder `below`, if it is given.
    files = defaultdict(list)
    for path in paths:
        if path.stem.endswith(ending):
            name = clean_name(path.stem.removesuffix(ending))
            if prefix:
                name = prefix.sub("", name, count=1)
            if below:
                name = (path.parent.relative_to(below) / name).as_posix()
            files[name].append(path)
    keep = files if wanted is None else set(wanted)
    return {
        name: only_file(found, f"the {what} of {name!a}")
        for name, found in files.items()
        if name in keep
    }


def with_recordings(
    annotations: dict[str, Path],
    recordings: dict[str, Path],
    missing: str,
    ending: str = "",
) -> tuple[list[str], np.ndarray]:
    """Return the names that have a recording, and the paths of these."""
    names = list(annotations)
    paths = object_array(
        str(recordings.get(name, path.with_name(f"{Path(name).name}{ending}.*")))
        for name, path in annotations.items()
    )
    found = find_missing(
        paths,
        missing,
        "No recording has the name of this annotation. Pass audio_folder= if "
        "recordings lie elsewhere.",
    )
    kept = [name for name, there in zip(names, found, strict=True) if there]
    return kept, paths[found]
