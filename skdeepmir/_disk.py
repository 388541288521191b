"""Paths that users give, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from skdeepmir._warnings import warn_user

TEMPORARY = ".part"  # the last suffix of files that are not finished
CHECKSUM = 32  # bytes before what is in a checked file
STRAY_SECONDS = 24 * 3600
_REPORTED: set[tuple[Path, str]] = set()  # of warn_unusable


def path_name(path: Any) -> str:
    """Return a path as Python's text, also where its bytes are not valid UTF-8.

    Parameters
    ----------
    path : str, bytes or PathLike
        A path, or NumPy's text.

    Returns
    -------
    name : str
        As ``os.fsdecode`` gives it.
    """
    return str(os.fsdecode(path))  # of NumPy's text, os.fsdecode returns NumPy's


def user_path(path: Any) -> str:
    """Return the path that a user means, with the home folder in place of ``~``."""
    # Where nobody has that name, ``~name`` is a name like others.
    name = path_name(path)
    try:
        return os.path.expanduser(name)
    except ValueError:  # a NUL, or half a character: what opens it says so
        return name


def literal_path(path: str | os.PathLike[str]) -> str:
    """Return a path of a file that was found, which :func:`user_path` leaves as is."""
    name = os.fspath(path)  # it may begin with a file or folder that really has a ~
    return os.path.join(os.curdir, name) if name.startswith("~") else name


def shown(path: Any) -> str:
    """Return a path for an error: as it was given, and what it stands for."""
    name, meant = path_name(path), user_path(path)
    return f"{name!a}" if name == meant else f"{name!a} (that is, {meant!a})"


def target_path(path: str | bytes | os.PathLike[Any]) -> Path:
    """Return where a user wants something to be written; its folder must exist."""
    target = Path(user_path(path))
    if not target.parent.is_dir():
        folder = os.path.dirname(path_name(path).rstrip(os.sep)) or os.curdir
        raise FileNotFoundError(
            f"There is no folder {shown(folder)} for {target.name!a}. Create it."
        )
    return target


def target_file(path: str | bytes | os.PathLike[Any]) -> Path:
    """Return where a user wants a file, which may replace a file but nothing else."""
    target = target_path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{shown(path)} is a folder; expected a file.")
    if target.exists() and not target.is_file():  # root would replace /dev/null
        raise FileExistsError(
            f"{shown(path)} is a device or pipe, which a file would replace. Choose "
            "another path."
        )
    return target


def listed(choices: Collection[str]) -> str:
    """Return alternatives for an error: "'.lab' or '.jams'"."""
    *first, last = map(repr, choices)
    return f"{', '.join(first)} or {last}" if first else last


def annotation_file(
    path: str | bytes | os.PathLike[Any], suffixes: Collection[str], what: str
) -> tuple[Path, str, str]:
    """Return the file of an annotation, its extension and its name for errors."""
    file, name = Path(user_path(path)), f"{path_name(path)!a}"
    suffix = file.suffix.lower()
    if suffix not in suffixes:
        raise ValueError(
            f"{name} has the extension {suffix!r}; expected the path of an annotation "
            f"that ends in {listed(suffixes)}."
        )
    if not os.path.isfile(file):
        raise FileNotFoundError(
            f"There is no file {shown(path)}; expected {what}. Check the path."
        )
    return file, suffix, name


def annotation_text(file: Path, name: str) -> str:
    """Return the text of an annotation, whose name errors give."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not text in UTF-8 ({error}). Save it as UTF-8."
        ) from error


def read_annotation(
    path: str | bytes | os.PathLike[Any], suffixes: Collection[str], what: str
) -> tuple[str, str, str]:
    """Return the text of an annotation, its extension and its name for errors."""
    file, suffix, name = annotation_file(path, suffixes, what)
    return annotation_text(file, name), suffix, name


def annotation_target(
    path: str | bytes | os.PathLike[Any],
    suffixes: Collection[str],
    reader: str,
    writers: Mapping[str, str],
) -> Path:
    """Return where an annotation is written that the function `reader` can read.

    `writers` says what writes files with other extensions.
    """
    found = Path(user_path(path)).suffix
    if found.lower() not in suffixes:
        other = writers.get(found.lower())
        raise ValueError(
            f"{path_name(path)!a} has the extension {found!r}; expected "
            f"{listed(suffixes)}, which tells {reader} the format."
            f"{f' For {found} call {other}.' if other else ''}"
        )
    return target_file(path)


@contextlib.contextmanager
def written_whole(path: Path, *, synced: bool = True) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only once it is complete."""
    # Readers see the old file or the new one, never half of it, and several processes
    # may write the same file at once. A killed process leaves a file with the suffix
    # TEMPORARY behind. `synced` keeps the promise also if the power fails; it takes
    # some milliseconds.
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}")
    try:
        with open(part, "xb") as file:
            yield file
            if synced:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def make_folder(name: str, folder: Path) -> None:
    """Make a folder that a parameter `name` gives, if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(
            f"{name}={str(folder)!a} is a file, or in one; expected a folder, which is "
            "made if it is missing."
        ) from error


def write_checked(path: Path, body: Any) -> None:
    """Write a file, whole, that :func:`read_checked` reads."""
    with written_whole(path) as file:
        file.write(checksum_of(path, body))
        file.write(body)


def read_checked(path: Path) -> bytes | None:
    """Return what :func:`write_checked` wrote, or None if the file does not exist.

    A ``ValueError`` says that it is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    body = content[CHECKSUM:]
    if content[:CHECKSUM] != checksum_of(path, body):
        raise ValueError("its checksum differs")
    return body


def checksum_of(path: Path, content: Any) -> bytes:
    """Return that of a file: it covers the name, for what was copied over another."""
    digest = hashlib.sha256(path.name.encode())
    digest.update(content)
    return digest.digest()


def warn_unusable(folder: Path, error: Exception, message: str) -> None:
    """Warn that a folder cannot be used, once in each process."""
    reason = getattr(error, "strerror", None) or str(error)
    if (folder, reason) not in _REPORTED:
        _REPORTED.add((folder, reason))
        warn_user(f"{message} ({reason})")


def is_stray(status: os.stat_result) -> bool:
    """Tell whether an unfinished file is so old that its writer must be dead."""
    return time.time() - status.st_mtime > STRAY_SECONDS


def remove_strays(folder: Path, name: str) -> None:
    """Remove what killed processes were writing: unfinished files, named by a regex."""
    unfinished = re.compile(rf"{name}\.[0-9a-f]{{12}}{re.escape(TEMPORARY)}")
    for path in folder.glob(f"*{TEMPORARY}"):
        with contextlib.suppress(OSError):  # another process does, or may
            if unfinished.fullmatch(path.name) and is_stray(path.stat()):
                path.unlink()
