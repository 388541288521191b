"""Ogg (Vorbis, Opus, FLAC): the pages of a file, and the streams that are chained.

libsndfile reads the first stream only, and passes over pages that are missing or
damaged. But pages have numbers and checksums, and the last of a stream is marked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO, NamedTuple

from skdeepmir.audio._streams._magic import OGG, begins_file
from skdeepmir.audio._streams._mpeg import MANY, are_frames
from skdeepmir.audio._streams._pieces import BLOCK, FIRST_BLOCK, Stream, stretch

HEADER = struct.Struct("<4sBBqIIIB")
CHECKSUM = 22  # bytes before the checksum in a header
FIRST, LAST = 2, 4  # flags
VORBIS = b"\1vorbis"
MOST_DAMAGED = 1000  # pages
PAGE = HEADER.size + 255 + 255 * 255  # bytes, at most
ALL_ONES = 0xFFFFFFFF
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    """A page of an Ogg file."""

    start: int
    stop: int  # beyond the end of the file if it is not whole
    flags: int
    position: int  # of its last sample; 0 in headers
    serial: int  # of its stream
    number: int


def ogg_streams(file: BinaryIO, start: int, size: int) -> Generator[Stream, None, int]:
    """Yield the streams of an Ogg file; return where something else begins."""
    links: list[list[Page]] = []
    for page in _pages(file, start, size):
        is_first = page.flags & FIRST
        # Streams that are interleaved, as in a film, begin together.
        if not links or (is_first and not links[-1][-1].flags & FIRST):
            links.append([])
        links[-1].append(page)
    if not links:
        yield Stream((range(start, size),))
        return size
    stop = links[-1][-1].stop
    file.seek(stop)
    if not (begins_file(file.read(16)) or are_frames(file, stop, size, MANY)):
        stop = size
    starts = [pages[0].start for pages in links]
    for pages, first, last in zip(links, starts, [*starts[1:], stop], strict=True):
        stream = _stream(file, pages, size)
        yield stream._replace(pieces=stretch(first, last, size).pieces)
    return stop


def _stream(file: BinaryIO, pages: list[Page], size: int) -> Stream:
    """Return the stream, or the interleaved streams, that pages are from."""
    if pages[-1].stop > size:
        return Stream(fault="ends in the middle of an Ogg page")
    n_samples = None
    last_of: dict[int, Page] = {}
    for page in pages:
        last = last_of.get(page.serial)
        last_of[page.serial] = page
        if last is None or page.number <= last.number + 1:
            continue
        if last.position != 0:
            n_missing = page.number - last.number - 1
            found = f"lacks {n_missing} Ogg pages after page {last.number}"
            return Stream(fault=f"{found}, or they are damaged")
        # A live stream that was joined in the middle: headers, then what was played.
        file.seek(pages[0].start)
        is_vorbis = VORBIS in file.read(pages[0].stop - pages[0].start)
        ends = [p.position for p in pages if p.serial == page.serial and p.position > 0]
        if is_vorbis and page.position > 0:  # Opus is measured right
            n_samples = max(ends) - page.position
    if not any(page.flags & LAST for page in last_of.values()):
        return Stream(n_samples=n_samples, fault="has no last Ogg page")
    return Stream(n_samples=n_samples)


def _pages(file: BinaryIO, position: int, size: int) -> Iterator[Page]:
    """Yield the undamaged pages of a file, and the last one if it is not whole."""
    n_bytes, n_damaged = FIRST_BLOCK, 0
    while position < size:
        file.seek(position)
        block = file.read(n_bytes + PAGE)
        if not block:  # the file was cut meanwhile
            return
        i = 0
        while (found := block.find(OGG, i, n_bytes + 4)) >= 0:
            i, start = found, position + found
            if len(block) < i + HEADER.size:
                yield Page(start, size + 1, 0, 0, 0, 0)
                return
            _, _, flags, last, serial, number, _, n_segments = HEADER.unpack_from(
                block, i
            )
            length = HEADER.size + n_segments
            length += sum(block[i + HEADER.size : i + length])
            if flags > 7:
                i += 1
            elif i + length > len(block) or _is_undamaged(block[i : i + length]):
                yield Page(start, start + length, flags, last, serial, number)
                i += length
            else:
                i += 1
                n_damaged += 1
                if n_damaged > MOST_DAMAGED:
                    return
        position += max(i, n_bytes)
        n_bytes = min(2 * n_bytes, BLOCK)


def _is_undamaged(page: bytes) -> bool:
    """Tell whether the checksum of a page is right."""
    # It is zlib's of mirrored bytes, itself mirrored, with other values at both ends.
    checked = page[:CHECKSUM] + bytes(4) + page[CHECKSUM + 4 :]
    mirrored = zlib.crc32(checked.translate(MIRRORED), ALL_ONES) ^ ALL_ONES
    expected = page[CHECKSUM : CHECKSUM + 4].translate(MIRRORED)
    return mirrored == int.from_bytes(expected, "big")
