"""Download archives of data sets with a checksum, and extract them within limits."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from skdeepmir._disk import TEMPORARY, shown, target_path, user_path
from skdeepmir.datasets._collections import RESERVED

SCHEMES = ("https",)
COMPRESSIONS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
ALWAYS_ALLOWED = 16_000_000  # bytes: too few for a bomb, whatever the ratio
BOMB = "It may be a bomb that fills the disk: raise the limit if you trust it."
READ_AT_ONCE = 1 << 20
LONGEST_HEADER = 1 << 20  # of a tar: longer names and attributes are forged
LONGEST_NAME = 1000  # bytes, 255 between two slashes
# bz2 and LZMA inside a ZIP are decompressed without a limit by the standard library.
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,  # a ZIP of a version to come
)


def extract_archive(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    max_bytes: float = 100e9,
    max_files: int = 1_000_000,
    max_ratio: float = 100.0,
) -> Path:
    """Extract an archive, or nothing at all if anything is wrong with it.

    Parameters
    ----------
    path : str or PathLike
        A ``.zip``, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``, recognised by
        its content. ``~`` is the home folder.
    folder : str or PathLike
        The folder for the files; it must not exist yet, or be empty. It appears when
        all files are in it: an extraction that fails or is interrupted leaves nothing.
    sha256 : str, default=None
        Checksum of the archive, 64 hexadecimal digits, which is compared first.
    max_bytes : float, default=100e9
        Maximum size of all files together, in bytes.
    max_files : int, default=1_000_000
        Maximum number of files and folders.
    max_ratio : float, default=100.0
        Maximum bytes of files per byte of the archive. Up to 16 MB are always accepted.

    Returns
    -------
    folder : Path
        The folder.

    Raises
    ------
    FileNotFoundError
        If there is no archive, or no folder to make the new one in.
    FileExistsError
        If the folder exists and is not empty.
    ValueError
        If the checksum differs, or the archive is damaged, exceeds a limit, or has a
        member that is neither file nor folder, occurs twice, or would not lie inside
        the folder on some system. The message names the member; nothing is extracted.

    See Also
    --------
    fetch_archive : Downloads the archive first.

    Notes
    -----
    Bytes are counted as they are written; sizes stated in the archive are not trusted.
    Owners and permissions are ignored.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> from pathlib import Path
    >>> from skdeepmir.datasets import extract_archive
    >>> path = Path(tempfile.mkdtemp()) / "labels.zip"
    >>> with zipfile.ZipFile(path, "w") as archive:
    ...     archive.writestr("chords/0003.lab", "0.0 1.5 C:maj")
    >>> folder = extract_archive(path, path.with_suffix(""))
    >>> (folder / "chords" / "0003.lab").read_text()
    '0.0 1.5 C:maj'
    """
    given, path = path, Path(user_path(path))
    limits = _Limits(max_bytes, max_files, max_ratio)
    _check_digits(sha256)
    folder = _free_target(folder)
    if not path.is_file():
        raise FileNotFoundError(f"There is no archive {shown(given)}.")
    _check_sum(path, sha256)
    part = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}")
    part.mkdir()
    try:
        with _reporting_damage(path):
            _extract(path, part, limits)
        if folder.is_dir():  # an empty one, which cannot be replaced on Windows
            folder.rmdir()
        os.rename(part, folder)
    except BaseException:
        shutil.rmtree(part)
        raise
    return folder


def fetch_archive(
    url: str,
    folder: str | os.PathLike[str],
    *,
    sha256: str,
    max_bytes: float = 100e9,
    max_files: int = 1_000_000,
    max_ratio: float = 100.0,
) -> Path:
    """Download an archive, compare its checksum and extract its files.

    Parameters
    ----------
    url : str
        Address of the archive, beginning with ``https://``. Its last part names the
        downloaded file, beside ``folder``; an existing file of that name is used if its
        checksum is right.
    folder : str or PathLike
        The folder for the files, as for :func:`extract_archive`.
    sha256 : str
        Checksum of the archive, 64 hexadecimal digits: from the publisher, or from a
        copy that you trust.
    max_bytes, max_files, max_ratio : optional
        As for :func:`extract_archive`; ``max_bytes`` also limits the download.

    Returns
    -------
    folder : Path
        The folder. The archive can be deleted now.

    Raises
    ------
    ValueError
        If the address does not begin with ``https://`` or end with a file name, the
        checksum differs, or :func:`extract_archive` refuses the archive.
    FileNotFoundError, FileExistsError
        As for :func:`extract_archive`.

    Notes
    -----
    The archive gets its name only after its checksum was compared. A download that
    fails leaves nothing.
    """
    import pooch

    limits = _Limits(max_bytes, max_files, max_ratio)
    if not isinstance(sha256, str):
        raise TypeError(
            f"sha256={sha256!r}; expected the checksum of the archive, without which "
            "the download cannot be verified."
        )
    _check_digits(sha256)
    folder = _free_target(folder)
    name = _archive_name(url)
    path = folder.with_name(name)
    if path == folder:
        raise ValueError(
            f"folder={str(folder)!a} has the name of the archive. Choose another."
        )
    if path.exists():
        _check_sum(path, sha256)
    else:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256.lower()}",
            fname=name,
            path=path.parent,
            downloader=_Downloader(limits.max_bytes),
        )
    return extract_archive(path, folder, sha256=sha256, **limits._asdict())


class _Limits(NamedTuple):
    max_bytes: float
    max_files: float
    max_ratio: float


class _Downloader:
    """A downloader for pooch that stops at a number of bytes."""

    def __init__(self, max_bytes: float) -> None:
        self.max_bytes = max_bytes

    def __call__(self, url: str, output_file: str, pooch_: Any) -> None:
        import pooch

        budget = _Budget(self.max_bytes, f"files of {url!a} (max_bytes)")
        with open(output_file, "wb") as file:
            pooch.HTTPDownloader()(url, _Counted(file, budget), pooch_)


class _Budget:
    """Bytes that may still be written."""

    def __init__(self, limit: float, what: str) -> None:
        self.limit, self.what, self.used = limit, what, 0

    def spend(self, n_bytes: int) -> None:
        self.used += n_bytes
        if self.used > self.limit:
            raise ValueError(f"{self.what} have over {self.limit:g} bytes. {BOMB}")


class _Counted:
    """A file for writing with a budget."""

    def __init__(self, file: BinaryIO, budget: _Budget) -> None:
        self.file, self.budget = file, budget
        self.flush = file.flush

    def write(self, data: bytes) -> int:
        self.budget.spend(len(data))
        return self.file.write(data)


class _Unpacked:
    """The content of a compressed tar, for reading, with a budget."""

    # tarfile reads long names as a whole: reading much at once is refused.

    def __init__(self, file: Any, budget: _Budget) -> None:
        self.file, self.budget = file, budget
        self.tell, self.furthest = file.tell, 0

    def read(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise ValueError(f"it has a header of {size} bytes, as forged ones have.")
        data: bytes = self.file.read(size)
        self._spend()
        return data

    def seek(self, place: int) -> None:
        while self.file.tell() < place and self.read(
            min(READ_AT_ONCE, place - self.file.tell())
        ):
            pass
        self.file.seek(place)

    def _spend(self) -> None:
        self.budget.spend(max(0, self.file.tell() - self.furthest))
        self.furthest = max(self.furthest, self.file.tell())


def _extract(path: Path, folder: Path, limits: _Limits) -> None:
    size = path.stat().st_size
    by_ratio = max(ALWAYS_ALLOWED, limits.max_ratio * size)
    name = "max_bytes" if limits.max_bytes <= by_ratio else "max_ratio"
    budget = _Budget(min(limits.max_bytes, by_ratio), f"its files ({name})")
    with open(path, "rb") as file:
        start = file.read(6)
        if start[:2] == b"PK":
            members = _zip_members(path)
        else:
            members = _tar_members(path, start, budget)
        with contextlib.closing(members):
            _write(members, folder, budget, limits.max_files)


class _Member(NamedTuple):
    """A file of an archive; a folder has no content."""

    name: str
    content: Any


def _write(
    members: Iterator[_Member], folder: Path, budget: _Budget, max_files: float
) -> None:
    number = 0
    for number, (name, content) in enumerate(members, start=1):
        if number > max_files:
            raise ValueError(f"it has more than max_files={max_files} files. {BOMB}")
        fault = _fault(name)
        if fault:
            raise ValueError(f"its member {_shown(name)} {fault}.")
        target = folder.joinpath(*name.split("/"))
        try:
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            file = open(target, "xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise ValueError(
                f"its member {_shown(name)} comes twice, or as a file and a folder."
            ) from error
        with file, content:
            counted = _Counted(file, budget)
            while data := content.read(READ_AT_ONCE):
                counted.write(data)
    if number == 0:
        raise ValueError("it has no files.")


def _fault(name: str) -> str:
    """Return what is wrong with the name of a member, "" for nothing."""
    parts = name.removesuffix("/").split("/")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "has control characters in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        return "has an absolute name"
    if ":" in name:  # of a drive, or of a stream of a file
        return "has a colon in its name"
    if ".." in parts:
        return "would lie outside the folder"
    if "" in parts:
        return "has an empty name, or an empty one between slashes"
    if any(part != "." and part[-1] in ". " for part in parts):
        return "ends with a dot or a space, which Windows drops"
    if any(RESERVED.fullmatch(p.partition(".")[0].rstrip()) for p in parts):
        return "has a name that is a device on Windows"
    sizes = [len(os.fsencode(part)) for part in parts]
    if max(sizes) > 255 or sum(sizes) + len(sizes) > LONGEST_NAME:
        return "has too long a name"
    return ""


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 200 else name[:200] + "...")


def _zip_members(path: Path) -> Generator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            # What zipfile makes of it ends at a NUL.
            name = info.orig_filename
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"its member {_shown(name)} is a link or a device.")
            if info.flag_bits & 1:
                raise ValueError(f"its member {_shown(name)} needs a password.")
            if info.compress_type not in ZIP_METHODS:
                raise ValueError(
                    f"its member {_shown(name)} is compressed by method "
                    f"{info.compress_type}; expected deflate. Pack it again."
                )
            is_folder = name.endswith("/")
            # A name that is refused is not looked up.
            content = None if is_folder or _fault(name) else archive.open(info)
            yield _Member(name, content)


def _tar_members(path: Path, start: bytes, budget: _Budget) -> Generator[_Member]:
    opened = (f for magic, f in COMPRESSIONS.items() if start.startswith(magic))
    with next(opened, open)(path, "rb") as file:
        # The content of members counts once when read, and once when written.
        inside = _Unpacked(file, _Budget(2 * budget.limit + 1e7, budget.what))
        with tarfile.open(fileobj=inside, mode="r:") as archive:  # type: ignore
            for info in archive:
                if not (info.isfile() or info.isdir()):
                    raise ValueError(
                        f"its member {_shown(info.name)} is a link or a device."
                    )
                name = info.name.removeprefix("./")
                if info.isdir() and name in (".", ""):
                    continue
                yield _Member(name, archive.extractfile(info))
                archive.members = []  # which would grow
            # tarfile takes any header that it cannot read for the end.
            inside.seek(archive.offset)
            if inside.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it has no end")
        while inside.read(READ_AT_ONCE):  # up to the checksum
            pass


@contextlib.contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    """Name the archive in errors, and say that nothing was extracted."""
    try:
        yield
    except DAMAGE as error:
        raise ValueError(
            f"{str(path)!a} is not a ZIP or tar archive, or is damaged ({error}). "
            "Download it again."
        ) from error
    except ValueError as error:
        raise ValueError(f"{str(path)!a} is not extracted: {error}") from error
    except OSError as error:
        # What bz2 raises, and what follows an impossible place in a ZIP.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(
            f"{str(path)!a} is damaged ({error}). Download it again."
        ) from error


def _free_target(folder: str | bytes | os.PathLike[Any]) -> Path:
    """Return the path of a folder that can be created, or exists and is empty."""
    folder = target_path(folder)
    if folder.is_symlink() or folder.exists():
        if folder.is_symlink() or not folder.is_dir() or any(folder.iterdir()):
            raise FileExistsError(
                f"folder={str(folder)!a} exists and is not an empty folder. Choose "
                "another, or delete it."
            )
    return folder


def _check_digits(sha256: str | None) -> None:
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256={sha256!a}; expected 64 hexadecimal digits.")


def _check_sum(path: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise ValueError(
            f"{str(path)!a} has the SHA-256 {found}; expected {sha256.lower()}. It is "
            "damaged, forged or another version. Delete it, and download it again."
        )


def _archive_name(url: str) -> str:
    """Return the name that the file of an address gets."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError(f"url={url!a}; expected an https:// address.")
    name = unquote(parts.path).rpartition("/")[2]
    if not name or _fault(name):
        raise ValueError(
            f"url={url!a} does not end with the name of a file; expected one such as "
            "'https://example.org/data.zip'."
        )
    return name
