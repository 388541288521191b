"""Files of chunks (WAV, RF64, W64, AIFF, CAF) and AU: where their sound really ends.

The size of the samples is written when a recording ends, if it ends well, and counts
modulo 4 GiB in most formats. What follows them and is neither a chunk nor a tag nor
padding is sound, or another file that was joined.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO, NamedTuple

from skdeepmir.audio._streams._pieces import Stream

FOUR_GIB = 1 << 32
# What programs write that do not know a size beforehand, such as into a pipe.
UNKNOWN_SIZES = {
    "I": (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, FOUR_GIB)),
    "Q": (range((1 << 63) - 1, 1 << 64),),
}
TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")
# Chunks that are known behind the samples even if a size is wrong.
NAMES = (b"LIST", b"bext", b"cue ", b"smpl", b"fact", b"id3 ", b"iXML", b"PEAK")
KNOWN = re.compile(b"|".join(NAMES))
ID3V1 = 128  # bytes
TAIL = 1 << 16  # bytes in which they are looked for
SHORTEST = 128  # bytes of sound; fewer that nothing explains are no recording
MOST_CHUNKS = 10_000
AU_HEADER = 24  # bytes
PADDING = 1 << 16  # bytes of zeros, at most, that fill up a file


class Layout(NamedTuple):
    """How files of one format are laid out."""

    magic: bytes
    form: bytes  # from the ninth byte on
    size: str  # struct of a size
    first: int = 12  # bytes before the first chunk
    data: bytes = b"data"  # name of the chunk of samples
    align: int = 2  # bytes
    is_whole: bool = False  # whether the size of a chunk includes its name and size

    def begins(self, head: bytes) -> bool:
        """Tell whether a file begins like this one."""
        return head.startswith(self.magic) and head[8:].startswith(self.form)


WAV = Layout(b"RIFF", b"WAVE", "<I")
RF64 = Layout(b"RF64", b"WAVE", "<I")
W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
AU = (Layout(b".snd", b"", ">I"), Layout(b"dns.", b"", "<I"))  # they have no chunks
LAYOUTS = (
    WAV,
    RF64,
    Layout(b"RIFX", b"WAVE", ">I"),
    Layout(b"FORM", b"AIF", ">I", data=b"SSND"),
    Layout(b"caff", b"desc", ">Q", first=8, align=1),
    Layout(b"riff", b"\xa5\xd6\x28\xdb", "<Q", 40, W64_DATA, align=8, is_whole=True),
    *AU,
)


class Samples(NamedTuple):
    """Where the samples of a file stand, by what it says."""

    start: int
    stop: int
    size_at: int  # where their size is written
    size: str  # struct of it
    extra: int  # bytes that it counts besides

    @property
    def is_unknown(self) -> bool:
        """Whether their size is what programs write that do not know it."""
        n_bytes = self.stop - self.start + self.extra
        return any(n_bytes in sizes for sizes in UNKNOWN_SIZES[self.size[1]])


def chunked_streams(file: BinaryIO, size: int, layout: Layout) -> list[Stream]:
    """Return the streams of a file: one, unless files were joined."""
    streams: list[Stream] = []
    start = 0
    while start < size:
        stream, start = _stream(file, start, size, layout)
        streams.append(stream)
    if streams[0].pieces == (range(size),):
        return [Stream()]
    return streams


def _stream(
    file: BinaryIO, start: int, size: int, layout: Layout
) -> tuple[Stream, int]:
    """Return the stream that begins at a position, and where the next begins."""
    samples = _find_samples(file, start, size, layout)
    if samples is None:
        return Stream((range(start, size),)), size
    if samples.is_unknown:
        end, stop = _start_of_metadata(file, start, samples.start, size, layout), size
    elif samples.stop >= size:  # perhaps it was cut
        return Stream((range(start, size),)), size
    else:
        end, stop = _measure(file, start, samples.stop, size, layout)
    if end == samples.stop:
        return Stream((range(start, stop),)), stop
    return _resized(file, start, samples, end, stop, layout), stop


def _find_samples(
    file: BinaryIO, start: int, size: int, layout: Layout
) -> Samples | None:
    """Return where the samples of a file are; None if it does not get that far."""
    if layout in AU:
        offset, n_bytes = _numbers(file, start + 4, layout.size[0] + "II")
        if offset < AU_HEADER:
            return None
        begin = start + offset
        return Samples(begin, begin + n_bytes, start + 8, layout.size, 0)
    position, wide = start + layout.first, None
    for _ in range(MOST_CHUNKS):
        chunk = _read_chunk(file, position, layout) if position < size else None
        if chunk is None or chunk[1] > size:
            return None
        name, begin, stop = chunk
        size_at = begin - struct.calcsize(layout.size)
        if name == b"ds64" and layout is RF64:
            wide = begin + 8
        if name == layout.data and wide is not None:
            (n_bytes,) = _numbers(file, wide, "<Q")
            return Samples(begin, begin + n_bytes, wide, "<Q", 0)
        if name == layout.data:
            extra = begin - position if layout.is_whole else 0
            return Samples(begin, stop, size_at, layout.size, extra)
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
    file: BinaryIO, start: int, end: int, size: int, layout: Layout
) -> tuple[int, int]:
    """Return where the samples end, and where the file does: another may follow."""
    wraps = range(end, size + 1, FOUR_GIB) if layout.size[1] == "I" else (end,)
    for candidate in wraps:
        for padding in sorted({0, (start - candidate) % layout.align}):
            stop = _end_of_file(file, start, candidate + padding, size, layout)
            if stop is not None:
                return candidate, stop
    return _start_of_metadata(file, start, end, size, layout), size


def _start_of_metadata(
    file: BinaryIO, start: int, position: int, size: int, layout: Layout
) -> int:
    """Return where chunks or a tag begin after a position that fill up a file."""
    position = max(position, size - TAIL)
    file.seek(position)
    rest = file.read(size - position)
    if rest[-ID3V1:].startswith(b"TAG"):
        return size - min(ID3V1, len(rest))
    for match in KNOWN.finditer(rest):
        begin = stop = position + match.start()
        while (chunk := _read_chunk(file, stop, layout)) and chunk[2] <= size:
            stop = chunk[2] + (start - chunk[2]) % layout.align
        if layout not in AU and begin < size <= stop:
            return begin
    return size


def _end_of_file(
    file: BinaryIO, start: int, position: int, size: int, layout: Layout
) -> int | None:
    """Return where a file ends whose samples end at a position; None if they do not."""
    is_explained = False
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(16)
        is_file = any(o.begins(head) for o in LAYOUTS if o not in AU or o is layout)
        if is_file or position >= size:
            return min(position, size)
        chunk = None if layout in AU else _read_chunk(file, position, layout)
        if chunk is None or chunk[2] > size:
            break
        is_explained = True
        position = chunk[2] + (start - chunk[2]) % layout.align
    rest = size - position
    is_explained |= rest < SHORTEST or head.startswith(TAGS + NAMES)
    if not is_explained and rest <= PADDING:
        file.seek(position)
        is_explained = not any(file.read(rest))
    return size if is_explained else None


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
    found = f"has {n_bytes} bytes of samples, more than its format can say"
    return Stream((range(start, stop),), fault=found)
