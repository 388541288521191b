"""A stream of samples in a file, and a virtual file that holds only that stream."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

FIRST_BLOCK, BLOCK = 1 << 12, 1 << 20  # bytes read at a time, more and more
END = 128  # bytes in which a decoder looks for tags
ENDLESS = 1 << 40  # bytes, more than any file

Piece = bytes | range  # bytes of our own, or positions in the file


class Stream(NamedTuple):
    """A part of a file that is decoded at once; most files are one stream."""

    pieces: tuple[Piece, ...] = ()  # what to give the decoder; () is the file itself
    n_samples: int | None = None  # per channel, as counted; None believes the decoder
    fault: str = ""  # how it shows that samples are missing; it follows the file's name
    # Whether a decoder may try the file itself, unless it expects fewer samples.
    is_file: bool = False
    # Whether a decoder of MPEG audio guesses the number of samples from the size; what
    # is counted must seem endless to it.
    is_guessed: bool = False


def stretch(start: int, stop: int, size: int) -> Stream:
    """Return a part of a file as a stream, or the file itself if it is all of it."""
    return Stream() if (start, stop) == (0, size) else Stream((range(start, stop),))


class Pieces(io.RawIOBase):
    """A read-only file made of pieces of another, which is not closed."""

    def __init__(
        self, file: BinaryIO, pieces: tuple[Piece, ...], is_endless: bool = False
    ) -> None:
        # An endless file seems to go on after the last piece. Nothing can be read there
        # but zeros at the very end, where decoders look for tags.
        self.file, self.pieces = file, pieces
        self.length = sum(map(len, pieces))
        self.size = ENDLESS if is_endless else self.length
        self.position = 0
        self.index, self.start = 0, 0  # of the piece that was read last

    def __repr__(self) -> str:
        # Errors of soundfile quote it. With an address in them, scikit-learn would list
        # one failure of several fits as several.
        return "<pieces of a file>"

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it."""
        origins = {os.SEEK_CUR: self.position, os.SEEK_END: self.size}
        self.position = max(0, origins.get(whence, 0) + offset)
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as much as there is for a buffer, and return how much that was."""
        n_read = 0
        while n_read < len(buffer) and self.position < self.length:
            part = self._read(len(buffer) - n_read)
            if not part:  # the file was cut meanwhile
                break
            buffer[n_read : n_read + len(part)] = part
            n_read += len(part)
            self.position += len(part)
        n_zeros = min(len(buffer) - n_read, self.size - self.position)
        if self.length <= self.size - END <= self.position and n_zeros > 0:
            buffer[n_read : n_read + n_zeros] = bytes(n_zeros)
            n_read += n_zeros
            self.position += n_zeros
        return n_read

    def _read(self, n_bytes: int) -> bytes:
        """Return at most so many bytes, from one piece."""
        if self.position < self.start:
            self.index, self.start = 0, 0
        while self.position >= self.start + len(self.pieces[self.index]):
            self.start += len(self.pieces[self.index])
            self.index += 1
        piece = self.pieces[self.index]
        part = piece[self.position - self.start :][:n_bytes]
        if isinstance(part, bytes):
            return part
        self.file.seek(part.start)
        return self.file.read(len(part))


def read_blocks(
    file: BinaryIO, start: int, stop: int, overlap: int
) -> Iterator[tuple[int, bytes]]:
    """Yield positions and blocks of a file, which overlap."""
    n_bytes = FIRST_BLOCK
    while start < stop:
        file.seek(start)
        block = file.read(min(n_bytes + overlap, stop - start))
        if not block:  # the file was cut meanwhile
            return
        yield start, block
        start += n_bytes
        n_bytes = min(2 * n_bytes, BLOCK)
