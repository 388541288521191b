"""Folders walked: links are followed, and what cannot be followed is told."""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable
from pathlib import Path

AUDIO_EXTENSIONS = (
    ".wav .flac .ogg .oga .opus .mp3 .aiff .aif .aifc .au .caf .w64 .rf64".split()
)
UNREADABLE_EXTENSIONS = (
    ".m4a .aac .mp4 .wma .ac3 .webm .m4b .mka .ape .wv .mpc .tta .dsf .amr .3gp .ra"
).split()
# Links with these names are listed where they lead nowhere, for the reader to name.
LISTED = {*AUDIO_EXTENSIONS, *UNREADABLE_EXTENSIONS, ".lab", ".csv"}


def list_files(root: Path, stacklevel: int = 3) -> list[Path]:
    """Return the files below a folder, relative to it and sorted.

    Hidden files and folders are left out. Symbolic links are followed.

    Warns
    -----
    UserWarning
        If a link leads back to a folder that it lies in, which is walked once only; if
        one leads nowhere; if a folder may not be read.
    """
    files, problems = _walk(root)
    for problem, paths in problems.items():
        if paths:
            first = f"{str(root / min(paths))!a}"
            message = problem.format(n=len(paths), first=first)
            warnings.warn(message, stacklevel=stacklevel)
    return sorted(files)


def _walk(root: Path) -> tuple[list[Path], dict[str, list[Path]]]:
    files: list[Path] = []
    loops: list[Path] = []
    broken: list[Path] = []
    unreadable: list[Path] = []
    resolved = root.resolve()
    above = frozenset(_identity(folder) for folder in (resolved, *resolved.parents))
    waiting = [(Path(), above)]
    while waiting:
        folder, chain = waiting.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = [e for e in listing if not e.name.startswith(".")]
        except PermissionError:
            if folder == Path():
                raise
            unreadable.append(folder)
            continue
        for entry in entries:
            path = folder / entry.name
            # Of a link to itself, entry.is_dir() would raise an error.
            is_link = entry.is_symlink()
            if os.path.isdir(entry.path) if is_link else entry.is_dir():
                try:
                    identity = _identity(entry.path)
                except PermissionError:
                    unreadable.append(path)
                    continue
                if identity in chain:
                    loops.append(path)
                else:
                    waiting.append((path, chain | {identity}))
            elif not is_link or os.path.exists(entry.path):
                files.append(path)
            elif path.suffix.lower() in LISTED:
                files.append(path)
            else:
                broken.append(path)
    return files, {
        "{n} links lead back to a folder that they lie in, such as {first}: what it "
        "holds is listed once.": loops,
        "{n} links lead to nothing, such as {first}: what should be there is left "
        "out. Mount or restore what they lead to, or remove them.": broken,
        "{n} folders may not be read, such as {first}: what they hold is left out. "
        "Ask for the permission, or move them away.": unreadable,
    }


def _identity(folder: str | Path) -> Hashable:
    """Return what is the same for a folder by all its names."""
    found = os.stat(folder)
    # Some file systems of networks number nothing.
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(folder)
