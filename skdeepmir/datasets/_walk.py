"""Walk folders: follow links, and report what cannot be followed."""

from __future__ import annotations

import os
import stat
import warnings
from collections import deque
from collections.abc import Collection, Hashable
from pathlib import Path

from skdeepmir._disk import user_path
from skdeepmir.datasets._collections import such_as

AUDIO_EXTENSIONS = (
    ".wav .flac .ogg .oga .opus .mp3 .aiff .aif .aifc .au .caf .w64 .rf64".split()
)
UNREADABLE_EXTENSIONS = (
    ".m4a .aac .mp4 .wma .ac3 .webm .m4b .mka .ape .wv .mpc .tta .dsf .amr .3gp .ra"
).split()
# Links with these names are listed where they lead nowhere, for the reader to name.
LISTED = {
    *AUDIO_EXTENSIONS,
    *UNREADABLE_EXTENSIONS,
    ".lab",
    ".onsets",
    ".csv",
    ".mid",
    ".midi",
}


def check_folder(folder: str | os.PathLike[str], message: str) -> Path:
    """Return the path of an existing folder, or raise an error."""
    path = Path(user_path(folder))
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except PermissionError as error:
        raise _forbidden(path) from error
    except (OSError, ValueError):  # nothing there, or a NUL in it
        is_folder = False
    if not is_folder:
        raise ValueError(message)
    if not os.access(path, os.R_OK | os.X_OK):
        raise _forbidden(path)
    return path


def list_files(
    root: Path, stacklevel: int = 3, *, once: Collection[str] = ()
) -> list[Path]:
    """Return the files below a folder, relative to it and sorted; warn of problems."""
    # Hidden files and folders are left out. Symbolic links are followed, and a folder
    # with several names is listed once: under its own name if that lies below `root`,
    # else under the first link that leads there. So are files with an extension in
    # `once`, unless their own name lies in `root` itself.
    walk = _Walk(root, once)
    for message in walk.problems():
        warnings.warn(message, stacklevel=stacklevel)
    return sorted(walk.files)


class _Walk:
    """The files below a folder, and the problems that were met on the way."""

    def __init__(self, root: Path, once: Collection[str]) -> None:
        self.root, self.once = root, once
        self.files: list[Path] = []
        # By identity, the name under which a folder is listed.
        self.folders: dict[Hashable, Path] = {}
        # Links to files that are to be listed once, and what opens them.
        self.file_links: list[tuple[Path, str]] = []
        self.loops: list[Path] = []
        self.broken: list[Path] = []
        self.unreadable: list[Path] = []
        self.folders_again: dict[Path, Path] = {}
        self.files_again: dict[Path, Path] = {}
        # Links to folders that wait for all folders before them, each with its chain:
        # the identities of the folders that it lies in, by its name and on the disk.
        self.links: deque[tuple[Path, frozenset[Hashable]]] = deque()
        self.links.append((Path(), frozenset()))
        while self.links:
            self._walk_real_folders(*self.links.popleft())
        self._add_linked_files()

    def _walk_real_folders(self, top: Path, chain: frozenset[Hashable]) -> None:
        """List what lies below a link or the root, up to the next links."""
        n_links = len(self.links)
        waiting = [(top, chain)]
        while waiting:
            folder, chain = waiting.pop()
            is_link = folder == top
            entered = self._enter(folder, chain, is_link)
            if entered is None:
                continue
            try:
                with os.scandir(self.root / folder) as listing:
                    entries = [e for e in listing if not e.name.startswith(".")]
            except PermissionError as error:
                if folder == Path():
                    raise _forbidden(self.root) from error
                self.unreadable.append(folder)
                continue
            for entry in entries:
                path = folder / entry.name
                if entry.is_symlink():
                    self._add_link(path, entry.path, entered)
                elif entry.is_dir():
                    waiting.append((path, entered))
                else:
                    self.files.append(path)
        found = [self.links.pop() for _ in range(len(self.links) - n_links)]
        self.links.extend(sorted(found, key=lambda link: link[0]))

    def _enter(
        self, folder: Path, chain: frozenset[Hashable], is_link: bool
    ) -> frozenset[Hashable] | None:
        """Return the chain inside a folder, None if it is not to be walked."""
        name = self.root / folder
        try:
            identity = _identity(name)
        except PermissionError:
            self.unreadable.append(folder)
            return None
        if identity in chain:
            self.loops.append(folder)
            return None
        if identity in self.folders:
            self.folders_again[folder] = self.folders[identity]
            return None
        self.folders[identity] = folder
        return chain | {identity} | (_identities_above(name) if is_link else set())

    def _add_link(self, path: Path, name: str, chain: frozenset[Hashable]) -> None:
        suffix = path.suffix.lower()
        try:
            is_folder = stat.S_ISDIR(os.stat(name).st_mode)
        except PermissionError:
            self.unreadable.append(path)
        except OSError:  # nothing there, or it leads to itself
            (self.files if suffix in LISTED else self.broken).append(path)
        else:
            if is_folder:
                self.links.append((path, chain))
            elif suffix in self.once:
                self.file_links.append((path, name))
            else:
                self.files.append(path)

    def _add_linked_files(self) -> None:
        """List the files that links lead to, unless they are listed already."""
        real = {path for path in self.files if len(path.parts) > 1}
        folders: dict[str, tuple[str, Path | None]] = {}
        first: dict[str, Path] = {}
        for path, link in sorted(self.file_links):
            target = os.path.join(os.path.dirname(link), os.readlink(link))
            if os.path.islink(target):
                target = os.path.realpath(target)
            folder, name = os.path.split(target)
            if folder not in folders:  # resolving one takes long
                parent = self.folders.get(_identity(folder or os.curdir))
                folders[folder] = os.path.realpath(folder), parent
            resolved, parent = folders[folder]
            if parent is not None and parent / name in real:
                other = parent / name
            else:
                other = first.setdefault(os.path.join(resolved, name), path)
            if other == path:
                self.files.append(path)
            else:
                self.files_again[path] = other

    def problems(self) -> list[str]:
        """Return the warnings."""
        messages = []
        if said := self._such_as(self.loops, "link leads", "links lead"):
            messages.append(
                f"{said} back to a folder above it, whose files are listed once."
            )
        for again, noun in [(self.folders_again, "folder"), (self.files_again, "file")]:
            if said := self._such_as(again, f"{noun} is", f"{noun}s are"):
                other = f"{str(self.root / again[min(again)])!a}"
                messages.append(
                    f"{said} already listed under another name, {other}, and not "
                    "listed again. Remove unintended links."
                )
        if said := self._such_as(self.broken, "link is", "links are"):
            messages.append(
                f"{said} broken and left out. Mount or restore the target, or remove "
                "the link."
            )
        nouns = "folder or link cannot", "folders or links cannot"
        if said := self._such_as(self.unreadable, *nouns):
            messages.append(
                f"{said} be read: the content is left out. Ask for permission to read "
                "it, or move it away."
            )
        return messages

    def _such_as(self, paths: Collection[Path], one: str, many: str) -> str:
        if not paths:
            return ""
        return such_as(len(paths), one, many, f"{str(self.root / min(paths))!a}")


def _identity(folder: str | Path) -> Hashable:
    """Return what is the same for all names of a file or folder."""
    found = os.stat(folder)
    # Some file systems of networks number nothing.
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(folder)


def _identities_above(folder: Path) -> set[Hashable]:
    """Return the identities of the folders that a folder lies in on the disk."""
    found = set()
    for parent in Path(os.path.realpath(folder)).parents:
        try:
            found.add(_identity(parent))
        except PermissionError:  # no link leads there, then
            continue
    return found


def _forbidden(path: Path) -> PermissionError:
    return PermissionError(
        f"{str(path)!a} cannot be read. Ask for permission to read it, or choose "
        "another folder."
    )
