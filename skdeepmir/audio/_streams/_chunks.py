"""Files of chunks (WAV, RF64, W64, AIFF, CAF) and AU: where their sound really ends.

The size of the samples is written when a recording ends, if it ends well, and counts
modulo 4 GiB in most formats. What follows them and is neither a chunk nor a tag nor
padding is sound, or another file that was joined.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from typing import BinaryIO, NamedTuple

from skdeepmir.audio._streams._magic import (
    AU,
    ID3V1,
    RF64,
    TAGS,
    WAV,
    Layout,
    begins_file,
)
from skdeepmir.audio._streams._mpeg import MANY, are_frames, mpeg_streams
from skdeepmir.audio._streams._pieces import BLOCK, Stream, stretch

FOUR_GIB = 1 << 32
# What programs write that do not know a size beforehand, such as into a pipe.
UNKNOWN_SIZES = {
    "I": (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, FOUR_GIB)),
    "Q": (range((1 << 63) - 1, 1 << 64),),
}
# Chunks that stand behind the samples, to be looked for from the end of the file.
KNOWN = re.compile(b"LIST|bext|cue |smpl|fact|id3 |iXML|PEAK|_PMX")
WORD = re.compile(
    rb"[\w ]{4}"
)  # names of chunks look like this; their size may be wrong
TAIL = 1 << 16  # bytes in which metadata is looked for
SHORTEST = 128  # bytes of sound; fewer that nothing explains are not a recording
JUNK = 1 << 12  # bytes behind a file that is finished, at most
MOST_CHUNKS, MOST_METADATA = 10_000, 1 << 26  # bytes
AU_HEADER = 24  # bytes
MPEG = (0x50, 0x55)  # codes of formats in WAV files


class Samples(NamedTuple):
    """Where the samples of a file stand, by what it says."""

    start: int
    stop: int
    size_at: int  # where their size is written
    size: str  # struct of it
    extra: int  # bytes that it counts besides
    is_mpeg: bool = False  # whether they are frames of MPEG audio

    @property
    def is_unknown(self) -> bool:
        """Whether their size is what programs write that do not know it."""
        n_bytes = self.stop - self.start + self.extra
        return any(n_bytes in sizes for sizes in UNKNOWN_SIZES[self.size[1]])


def chunked_streams(
    file: BinaryIO, start: int, size: int, layout: Layout
) -> Generator[Stream, None, int]:
    """Yield the streams of a file that begins at a position; return where it ends."""
    samples = _find_samples(file, start, size, layout)
    if samples is None:  # the decoder says what is wrong
        yield stretch(start, size, size)
        return size
    if samples.is_mpeg:
        yield from mpeg_streams(file, samples.start, min(samples.stop, size))
        return size
    end, stop = _measure(file, start, samples, size, layout)
    if end == samples.stop:
        yield stretch(start, stop, size)
    else:
        yield _resized(file, start, samples, end, stop, layout)
    return stop


def _find_samples(
    file: BinaryIO, start: int, size: int, layout: Layout
) -> Samples | None:
    """Return where the samples of a file are; None if it does not get that far."""
    if layout in AU:
        offset, n_bytes = _numbers(file, start + 4, layout.size[0] + "II")
        begin = start + offset
        if offset < AU_HEADER or begin > size:
            return None
        return Samples(begin, begin + n_bytes, start + 8, layout.size, 0)
    position, wide, is_mpeg = start + layout.first, None, False
    for _ in range(MOST_CHUNKS):
        chunk = _read_chunk(file, position, layout) if position < size else None
        if chunk is None or chunk[1] > size:
            return None
        name, begin, stop = chunk
        size_at = begin - struct.calcsize(layout.size)
        if name == b"ds64" and layout is RF64:
            wide = begin + 8
        if name == b"fmt " and layout in (WAV, RF64):
            is_mpeg = _numbers(file, begin, "<H")[0] in MPEG
        if name == layout.data and wide is not None:
            (n_bytes,) = _numbers(file, wide, "<Q")
            return Samples(begin, begin + n_bytes, wide, "<Q", 0, is_mpeg)
        if name == layout.data:
            extra = begin - position if layout.is_whole else 0
            return Samples(begin, stop, size_at, layout.size, extra, is_mpeg)
        position = stop + (start - stop) % layout.align
    return None


def _read_chunk(
    file: BinaryIO, position: int, layout: Layout
) -> tuple[bytes, int, int] | None:
    """Return the name of a chunk and where its content begins and ends."""
    n_name, n_size = len(layout.data), struct.calcsize(layout.size)
    file.seek(position)
    head = file.read(n_name + n_size)
    if len(head) < n_name + n_size or not all(32 <= byte < 127 for byte in head[:4]):
        return None
    (n_bytes,) = struct.unpack(layout.size, head[n_name:])
    begin = position + n_name + n_size
    stop = (position if layout.is_whole else begin) + n_bytes
    return head[:n_name], begin, max(begin, stop)


def _numbers(file: BinaryIO, position: int, numbers: str) -> tuple[int, ...]:
    file.seek(position)
    n_bytes = struct.calcsize(numbers)
    return struct.unpack(numbers, file.read(n_bytes).ljust(n_bytes, b"\0"))


def _measure(
    file: BinaryIO, start: int, samples: Samples, size: int, layout: Layout
) -> tuple[int, int]:
    """Return where the samples end, and where the file does: another may follow."""
    is_unknown = samples.is_unknown
    if samples.stop >= size and not is_unknown:  # perhaps it was cut
        return samples.stop, size
    wraps = layout.size[1] == "I" and not is_unknown
    step = FOUR_GIB if wraps else size + 1
    is_finished = not is_unknown and _is_finished(file, start, samples, layout)
    for end in reversed(range(samples.stop, size + 1, step)):
        for padding in sorted({0, (start - end) % layout.align}):
            if is_unknown and _read_chunk(file, end + padding, layout) is None:
                continue  # it is not a size
            stop = _end_of_file(file, start, end + padding, size, layout, is_finished)
            if stop is not None:
                return end, stop
    begin = samples.start if is_unknown else samples.stop
    return _start_of_metadata(file, start, begin, size, layout), size


def _is_finished(file: BinaryIO, start: int, samples: Samples, layout: Layout) -> bool:
    """Tell whether the size of the file, as written, is that of its samples, too."""
    if layout in AU or layout.first != 12:
        return False
    (n_bytes,) = _numbers(file, start + 4, layout.size)
    return 0 <= start + 8 + n_bytes - samples.stop <= 1


def _start_of_metadata(
    file: BinaryIO, start: int, position: int, size: int, layout: Layout
) -> int:
    """Return where chunks or a tag begin after a position that fill up a file."""
    position = max(position, size - TAIL)
    file.seek(position)
    rest = file.read(size - position)
    if rest[-ID3V1:].startswith(b"TAG"):
        return size - min(ID3V1, len(rest))
    checked: set[int] = set()
    for match in KNOWN.finditer(rest) if layout not in AU else ():
        begin = stop = position + match.start()
        while stop not in checked:
            checked.add(stop)
            chunk = _read_chunk(file, stop, layout)
            if chunk is None or chunk[2] > size:
                break
            stop = chunk[2] + (start - chunk[2]) % layout.align
        if begin < size <= stop:
            return begin
    return size


def _end_of_file(
    file: BinaryIO,
    start: int,
    position: int,
    size: int,
    layout: Layout,
    is_finished: bool,
) -> int | None:
    """Return where a file ends whose samples end at a position; None if they do not."""
    is_explained = is_finished and size - position <= JUNK
    head, chunk = b"", None
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(16)
        if position >= size or begins_file(head) or layout.begins(head):
            return min(position, size)
        chunk = None if layout in AU else _read_chunk(file, position, layout)
        if chunk is None or chunk[2] > size:
            break
        is_explained = True
        position = chunk[2] + (start - chunk[2]) % layout.align
    if is_explained or size - position < SHORTEST or head.startswith(TAGS):
        return size
    if are_frames(file, position, size, MANY):
        return position
    # Cut off, or of a wrong size, though not one that samples would stand for.
    is_metadata = chunk is not None and chunk[2] - position < MOST_METADATA
    is_metadata = is_metadata and WORD.match(head) is not None
    is_filled = head in (bytes(16), b"\xff" * 16) and _is_filled(file, position)
    return size if is_metadata or is_filled or head[:4] == b"PK\3\4" else None


def _is_filled(file: BinaryIO, position: int) -> bool:
    """Tell whether the rest of a file repeats one byte, as padding does."""
    file.seek(position)
    first = file.read(1)
    while block := file.read(BLOCK):
        if block.count(first) < len(block):
            return False
    return True


def _resized(
    file: BinaryIO, start: int, samples: Samples, end: int, stop: int, layout: Layout
) -> Stream:
    """Return a stream whose samples end elsewhere than it says."""
    n_bytes = end - samples.start
    limit = UNKNOWN_SIZES[samples.size[1]][-1].start
    after = samples.size_at + struct.calcsize(samples.size)
    number = n_bytes + samples.extra
    if number < limit:
        written = struct.pack(samples.size, number)
        return Stream((range(start, samples.size_at), written, range(after, stop)))
    if layout in AU:
        unknown = struct.pack(samples.size, FOUR_GIB - 1)
        return Stream((range(start, samples.size_at), unknown, range(after, end)))
    if layout is WAV:
        head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack(
            "<IQQQI", 28, n_bytes + samples.start - start + 28, n_bytes, 0, 0
        )
        chunks = range(start + layout.first, samples.size_at)
        rest = range(samples.start, stop)
        return Stream((head, chunks, b"\xff\xff\xff\xff", rest))
    found = f"has {n_bytes} bytes of samples, more than its format can state"
    return Stream((range(start, stop),), fault=found)
