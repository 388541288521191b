"""Keep the features of audio files on disk: ``FeatureStore``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import stat
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepmir._disk import (
    TEMPORARY,
    is_stray,
    user_path,
    warn_unusable,
    written_whole,
)
from skdeepmir._warnings import warn_user
from skdeepmir._workers import leave_with_parent
from skdeepmir.audio import AudioError, join_blocks, path_name, read_header

# An entry: this, the frames as little-endian float32, a JSON description, its length in
# four bytes, and the SHA-256 of everything before.
MAGIC = b"skdeepmir features 1".ljust(64, b"\0")
CHECKSUM = 32
IN_MEMORY = 16_000_000  # bytes; larger entries are returned as memory maps
READ_AT_ONCE = 1 << 20
RACY_NANOSECONDS = 2 * 10**9  # a file this young may change without a new mtime


ENTRY = re.compile(r"[0-9a-f]{64}\.features")
UNFINISHED = re.compile(ENTRY.pattern + r"\.[0-9a-f]{12}" + re.escape(TEMPORARY))


class StoredFeatures(NamedTuple):
    """An entry of the store: the features of one file; ``path.unlink()`` removes it."""

    source: str  # the audio file, as it was called when they were computed
    key: dict[str, Any]  # "parameters" and "versions"
    shape: tuple[int, int]  # (n_frames, n_features)
    n_bytes: int
    last_used: float  # seconds since 1970
    path: Path  # the entry itself


class FeatureStore:
    """Keep the features of audio files on disk, for ``SpectrogramExtractor``.

    This is the folder behind ``cache_dir``. Features belong to the content of a file,
    the parameters that matter and the versions of the libraries that decode, resample
    and build filters. Whatever changes, features of something else are never returned.
    Every entry is an array with a checksum, not a pickle: a damaged one is noticed,
    computed again and reported with a warning. Any number of processes and threads may
    share a store; each entry is computed by one of them while the others wait for it.

    Parameters
    ----------
    folder : str or PathLike
        Where to keep features; it is created when something is stored. ``~`` is the
        home folder.
    cache_size : float, default=None
        Gigabytes (10^9 bytes) beyond which the least recently used entries are removed,
        whenever something is stored. None sets no limit. Several processes that write
        at once may exceed it by a twentieth each for a while.

    Raises
    ------
    ValueError
        If there is a file in place of the folder, or the size is not above 0.

    Notes
    -----
    The digest (SHA-256) of a file is remembered with its size, times and inode, so that
    an unchanged file is read once.

    A process that is killed at any moment leaves what was finished before; the same
    call computes the rest. Its locks go with it, and what it was writing is removed a
    day later. On a full disk, or in a read-only folder, there is one warning; what is
    stored is served, the rest is computed and not kept.

    The folder can be deleted whenever nobody uses it; a file system without locks costs
    double work, not wrong features. A team may share a store. Do not use one that
    strangers can write to: they could put other numbers in, though no code.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, soundfile
    >>> from skdeepmir import FeatureStore, SpectrogramExtractor
    >>> folder = Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "a.wav", np.ones(22050) / 2, 22050)
    >>> extractor = SpectrogramExtractor("mfcc", cache_dir=folder / "features")
    >>> frames = extractor.transform([folder / "a.wav"])
    >>> store = FeatureStore(folder / "features")
    >>> store
    FeatureStore(..., 1 entry, 0.0 MB)
    >>> store.entries()[0].shape
    (44, 20)
    >>> store.clear()
    1
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, cache_size: float | None = None
    ) -> None:
        name = os.fspath(folder)
        if not isinstance(name, str) or not name or "\0" in name:
            raise ValueError(
                f"The folder of the feature store (cache_dir) is {name!a}; expected "
                "the name of a folder, '.' for the current one."
            )
        is_number = isinstance(cache_size, Real) and not isinstance(cache_size, bool)
        if cache_size is not None and not (is_number and cache_size > 0):
            raise ValueError(
                f"cache_size={cache_size!r} must be a number of gigabytes above 0, or "
                "None."
            )
        self.folder = Path(user_path(name))
        self.cache_size = cache_size
        for part in (self.folder, *self.folder.parents):
            if part.exists():
                if not part.is_dir():
                    raise ValueError(
                        f"The folder of the feature store (cache_dir) is "
                        f"{str(self.folder)!a}, but {str(part)!a} is a file. Choose "
                        "another name."
                    )
                break
        self._entries = self.folder / "entries"
        self._digests = self.folder / "digests"
        self._locks = self.folder / "locks"
        self._is_usable = True
        self._created = time.time()
        self._unchecked = math.inf  # bytes written since the size was looked at

    def __repr__(self):
        files = list(self._scan())
        n_entries = sum(ENTRY.fullmatch(path.name) is not None for path, _ in files)
        n_bytes = sum(status.st_size for _, status in files)
        plural = "entry" if n_entries == 1 else "entries"
        return (
            f"FeatureStore({str(self.folder)!r}, {n_entries} {plural}, "
            f"{n_bytes / 1e6:.1f} MB)"
        )

    def fetch(
        self,
        path: str | bytes | os.PathLike[Any],
        key: Mapping[str, Any],
        compute: Callable[[], Iterable[np.ndarray]],
    ) -> NDArray[np.float32]:
        """Return the features of a file, from the store or by computing them.

        Parameters
        ----------
        path : path
            The audio file.
        key : dict
            What features depend on besides the file's content, as JSON can hold it.
        compute : callable
            Called without arguments if the store has no features; returns an iterable
            of blocks ``(n_frames_i, n_features)``, float32.

        Returns
        -------
        features : ndarray of shape (n_frames, n_features), float32
            The features; a read-only memory map if they take more than 16 MB.

        Raises
        ------
        AudioError
            If the file is missing or changes meanwhile, and what ``compute`` raises.
        """
        leave_with_parent()
        status = _file_status(path)
        entry = self._entry(self._digest(path, status), key)
        features = self._read(entry)
        if features is not None:
            return features
        blocks = _unchanged(path, status, compute)
        if not self._is_usable:
            return join_blocks(blocks())
        try:
            features = self._fetch_new(entry, path, key, blocks)
        except _SourceError as error:
            raise error.__cause__ from None
        if features is None:  # it could not be stored
            features = join_blocks(blocks())
        with self._reporting():
            self._limit_size()
        return features

    def _fetch_new(self, entry, path, key, blocks):
        """Store features and return them; None where they cannot be stored."""
        with self._lock(entry):
            # Another process may have computed it while this one waited.
            features = self._read(entry, damaged=path)
            if features is None and self._is_usable:
                self._write(entry, path, key, _of_source(blocks()))
                features = self._read(entry)
        return features

    def holds(
        self, path: str | bytes | os.PathLike[Any], key: Mapping[str, Any]
    ) -> bool:
        """Tell whether features of an unchanged file are stored, without reading them.

        Parameters
        ----------
        path : path
            The audio file.
        key : dict
            As in :meth:`fetch`.

        Returns
        -------
        found : bool
            Whether they are; False also if the file would have to be read to know.
        """
        try:
            digest = self._known_digest(path, _file_status(path))
        except AudioError:
            return False
        return digest is not None and self._entry(digest, key).exists()

    def entries(self) -> list[StoredFeatures]:
        """List what is in the store.

        Returns
        -------
        entries : list of StoredFeatures
            Tuples of ``source`` (the audio file, as it was called then), ``key``
            (parameters and versions), ``shape``, ``n_bytes``, ``last_used`` (seconds
            since 1970) and ``path``, the least recently used first. Entries whose
            description is damaged are left out.
        """
        described = []
        for path, status in self._scan():
            footer = _read_footer(path) if ENTRY.fullmatch(path.name) else None
            if footer is not None:
                described.append(
                    StoredFeatures(
                        source=footer["source"],
                        key=footer["key"],
                        shape=tuple(footer["shape"]),
                        n_bytes=status.st_size,
                        last_used=status.st_mtime,
                        path=path,
                    )
                )
        return sorted(described, key=lambda entry: entry.last_used)

    def clear(self, unused_for: float = 0.0) -> int:
        """Remove entries.

        Parameters
        ----------
        unused_for : float, default=0.0
            Only entries that were not used for this number of days; 0 removes all, also
            what killed processes left unfinished.

        Returns
        -------
        n_removed : int
            Number of files that were removed.
        """
        if not isinstance(unused_for, Real) or not unused_for >= 0:
            raise ValueError(
                f"unused_for={unused_for!r} must be a number of days of at least 0."
            )
        before = time.time() - unused_for * 86400
        n_removed = 0
        for path, status in self._scan():
            if unused_for == 0 or status.st_mtime < before:
                path.unlink(missing_ok=True)
                n_removed += 1
        return n_removed

    def __getstate__(self):
        return {"folder": self.folder, "cache_size": self.cache_size}

    def __setstate__(self, state):
        self.__init__(**state)

    def _entry(self, digest, key):
        """Return the path of the entry for a file's digest and a key."""
        text = json.dumps({"content": digest, **key}, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()
        return self._entries / name[:2] / f"{name}.features"

    def _scan(self):
        """Yield the path and the status of every entry, unfinished ones as well."""
        # Files that are not the store's, and unfinished ones older than a day, are left
        # out; the latter are removed.
        for path in self._entries.glob("[0-9a-f][0-9a-f]/*.features*"):
            is_unfinished = UNFINISHED.fullmatch(path.name)
            if not is_unfinished and not ENTRY.fullmatch(path.name):
                continue
            # Removed meanwhile, or a stray in a store that may only be read.
            with contextlib.suppress(FileNotFoundError, PermissionError):
                status = path.stat()
                if is_unfinished and is_stray(status):
                    path.unlink()
                else:
                    yield path, status

    # Digests

    def _digest(self, path, status):
        digest = self._known_digest(path, status)
        if digest is None:
            with open(user_path(path), "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._remember_digest(path, status, digest)
        return digest

    def _memo(self, path):
        name = hashlib.sha256(os.fsencode(os.path.abspath(user_path(path)))).hexdigest()
        return self._digests / name[:2] / name

    def _known_digest(self, path, status):
        try:
            digest, check = self._memo(path).read_text().split()
        except (OSError, ValueError):  # none, or damaged: the file is read again
            return None
        return digest if check == _memo_check(digest, status) else None

    def _remember_digest(self, path, status, digest):
        if time.time_ns() - status.mtime_ns < RACY_NANOSECONDS or not self._is_usable:
            return
        memo = self._memo(path)
        # A store that may only be read still serves what it has.
        text = f"{digest} {_memo_check(digest, status)}\n"
        with (
            contextlib.suppress(OSError),
            written_whole(_with_folder(memo), synced=False) as file,
        ):
            file.write(text.encode())

    # Entries

    def _read(self, entry, damaged=None):
        """Return the features of an entry; None if there is none or it is damaged."""
        # The latter gives a warning if `damaged` names the audio file.
        try:
            with open(entry, "rb") as file:
                features = _load(file, entry)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up(error)
            return None
        if features is not None:
            with contextlib.suppress(OSError):  # a store that may only be read
                os.utime(entry)
        elif damaged is not None:
            warn_user(
                f"The stored features of {path_name(damaged)!a} are damaged: the "
                f"checksum of {str(entry)!a} differs. They are computed again. If this "
                "happens often, have the disk checked."
            )
        return features

    def _write(self, entry, path, key, blocks):
        """Store blocks of features as they come."""
        with (
            self._reporting(),
            written_whole(_with_folder(entry), synced=False) as file,
        ):
            checksum = hashlib.sha256()

            def write(data):
                checksum.update(data)
                file.write(data)

            write(MAGIC)
            n_frames = 0
            for block in blocks:
                n_frames, n_features = n_frames + len(block), block.shape[1]
                write(block.data.cast("B"))
            footer = {
                "key": key,
                "entry": entry.name,
                "source": path_name(path),
                "shape": [n_frames, n_features],
            }
            text = json.dumps(footer).encode()
            write(text + struct.pack("<I", len(text)))
            file.write(checksum.digest())
            self._unchecked += file.tell()

    @contextlib.contextmanager
    def _lock(self, entry) -> Iterator[None]:
        """Let no other process compute the same entry."""
        import filelock

        # A few thousand lock files serve all entries: they never have to be removed.
        path = self._locks / entry.name[:3]
        with contextlib.ExitStack() as stack:
            with self._reporting():
                stack.enter_context(
                    filelock.FileLock(_with_folder(path), poll_interval=0.01)
                )
            yield

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Go on without the store where it cannot be written to."""
        try:
            yield
        except (OSError, NotImplementedError) as error:
            self._give_up(error)

    def _give_up(self, error):
        if not self._is_usable:
            return
        self._is_usable = False
        message = (
            f"The feature store {str(self.folder)!a} cannot be used; features are "
            "computed without it from now on. Make it writable, free some space, or "
            "choose another cache_dir."
        )
        warn_unusable(self.folder, error, message)

    def _limit_size(self):
        """Remove the entries that were not used for the longest time."""
        if self.cache_size is None:
            return
        limit = 1e9 * self.cache_size
        if self._unchecked < limit / 20:
            return
        self._unchecked = 0
        files = sorted(self._scan(), key=lambda item: item[1].st_mtime_ns)
        excess = sum(status.st_size for _, status in files) - limit
        for path, status in files:
            if excess <= 0:
                break
            if not ENTRY.fullmatch(path.name):  # being written
                continue
            path.unlink(missing_ok=True)
            excess -= status.st_size
            if status.st_mtime > self._created:
                warn_user(
                    f"cache_size={self.cache_size:g} GB is too small: the feature "
                    f"store {str(self.folder)!a} removes features that this run used. "
                    "Raise it, or they are computed again and again."
                )


def _checked(blocks):
    """Yield blocks as contiguous float32 matrices; there is at least one."""
    is_empty = True
    for block in blocks:
        if np.ndim(block) != 2:
            raise ValueError(
                f"compute yielded a block of shape {np.shape(block)}; expected an "
                "iterable of matrices (n_frames, n_features)."
            )
        is_empty = False
        yield np.ascontiguousarray(block, dtype="<f4")
    if is_empty:
        raise ValueError("compute yielded no blocks of features; expected at least 1.")


class _SourceError(Exception):
    """An OSError of the audio file, which says nothing about the store."""


def _of_source(blocks):
    """Yield blocks, and mark errors of their file as such."""
    try:
        yield from blocks
    except OSError as error:
        raise _SourceError from error


def _unchanged(path, status, compute):
    """Return what yields blocks and raises an error if the file changes meanwhile."""

    def blocks():
        yield from _checked(compute())
        if _file_status(path) != status:
            raise AudioError(
                "changed",
                "was changed while its features were computed",
                "Wait until it is complete, then try again.",
                path_name(path),
            )

    return blocks


def _with_folder(path):
    """Create the folder of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class FileStatus(NamedTuple):
    """What changes when a file does."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def _file_status(path):
    try:
        status = os.stat(user_path(path))
    except (OSError, ValueError):
        read_header(path)  # raises the error that says why
        raise
    if not stat.S_ISREG(status.st_mode):
        read_header(path)
    return FileStatus(
        status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
    )


def _memo_check(digest, status):
    """Return a checksum of a digest and of the status of its file."""
    return hashlib.sha256(f"{digest} {tuple(status)}".encode()).hexdigest()


def _load(file, entry):
    """Return the array of an entry, None if anything about it is wrong."""
    size = os.fstat(file.fileno()).st_size
    if size < len(MAGIC) + CHECKSUM:
        return None
    data = None
    if size <= IN_MEMORY:
        data = np.empty(size, dtype=np.uint8)
        if file.readinto(data.data) != size:
            return None
        checksum = hashlib.sha256(data[:-CHECKSUM].data)
    else:
        checksum = hashlib.sha256()
        for start in range(0, size - CHECKSUM, READ_AT_ONCE):
            checksum.update(file.read(min(READ_AT_ONCE, size - CHECKSUM - start)))
    file.seek(size - CHECKSUM)
    if file.read() != checksum.digest():
        return None
    footer = _parse_footer(file, size)
    if footer is None or footer["entry"] != entry.name:  # of another file or format
        return None
    shape = tuple(footer["shape"])
    if data is None:
        return np.memmap(file, dtype="<f4", mode="r", offset=len(MAGIC), shape=shape)
    end = len(MAGIC) + 4 * shape[0] * shape[1]
    return data[len(MAGIC) : end].view("<f4").reshape(shape)


def _read_footer(path):
    try:
        with open(path, "rb") as file:
            return _parse_footer(file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:  # removed meanwhile
        return None


def _parse_footer(file, size):
    """Return the description at the end of an entry, None if it makes no sense."""
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC or size < len(MAGIC) + 4 + CHECKSUM:
        return None
    file.seek(size - CHECKSUM - 4)
    (length,) = struct.unpack("<I", file.read(4))
    start = size - CHECKSUM - 4 - length
    if start < len(MAGIC):
        return None
    file.seek(start)
    try:
        footer = json.loads(file.read(length))
        n_frames, n_features = footer["shape"]
        is_whole = start - len(MAGIC) == 4 * n_frames * n_features
        is_ours = {"entry", "source", "key"} <= set(footer)
    except (ValueError, TypeError, KeyError):  # not JSON, or something else
        return None
    return footer if is_whole and is_ours else None
