"""FLAC: streams that were joined, and lengths that are missing or too short.

Frames do not say how long they are, but each says where it stands.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from skdeepmir.audio._streams._magic import FLAC
from skdeepmir.audio._streams._pieces import Stream, read_blocks, stretch

NUMBERS = 18  # bytes before rate, channels, bits and samples, 64 bits in all
TAIL, MOST_TAIL = 1 << 17, 1 << 22  # bytes in which the last frames begin
MOST_BLOCKS = 1000  # of metadata
AHEAD = 1 << 17  # bytes, more than a decoder reads before it needs them
SYNC = re.compile(rb"\xff[\xf8\xf9]")
BITS = (None, 8, 12, None, 16, 20, 24, 32)  # of a sample, by code; None is as promised
RATES = (None, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000,
         96000)  # fmt: skip
CRC8 = list(range(256))
for _ in range(8):
    CRC8 = [crc << 1 ^ (0x107 if crc & 0x80 else 0) for crc in CRC8]


class Info(NamedTuple):
    """The STREAMINFO block at the beginning of a stream."""

    block_size: int  # samples of a frame
    sample_rate: int  # Hz
    n_channels: int
    n_bits: int
    n_samples: int  # per channel; 0 is unknown


def flac_streams(
    file: BinaryIO, start: int, size: int, is_decoded: bool
) -> Iterator[Stream]:
    """Yield the streams of a FLAC file, the first of which begins at a position."""
    # Looking for another stream takes some hundredths of decoding. Where the last frame
    # of the file is also the last of the stream that begins it, the decoder is asked
    # instead how far it came, unless it only opens each stream.
    while True:
        file.seek(start)
        head = file.read(NUMBERS + 8)
        if not FLAC.match(head) or len(head) < NUMBERS + 8:  # the decoder says why not
            yield Stream((range(start, size),))
            return
        info = read_info(head)
        after, stop = None, size
        first = _first_sample(file, start, info)
        n_samples = _last_sample(file, start, size, info) - first
        is_exact = 0 < n_samples == info.n_samples
        if not is_exact:
            after = _next_start(file, start + NUMBERS, size)
            stop = after or size
            n_samples = _last_sample(file, start, stop, info) - first
        # Fewer than promised were cut off, unless it begins in the middle as well.
        if n_samples > info.n_samples or (first > 0 and n_samples > 0):
            (numbers,) = struct.unpack_from(">Q", head, NUMBERS)
            counted = struct.pack(">Q", numbers >> 36 << 36 | n_samples)
            rest = range(start + NUMBERS + 8, stop)
            yield Stream((head[:NUMBERS], counted, rest))
        else:
            yield stretch(start, stop, size)
        if is_exact and is_decoded:
            reached = max(start + NUMBERS, file.tell() - AHEAD)
            after = _next_start(file, reached, size)
        if after is None:
            return
        start = after


def read_info(head: bytes) -> Info:
    """Read the beginning of a stream."""
    (block_size,) = struct.unpack_from(">H", head, NUMBERS - 8)
    (numbers,) = struct.unpack_from(">Q", head, NUMBERS)
    return Info(
        block_size=block_size,
        sample_rate=numbers >> 44,
        n_channels=(numbers >> 41 & 7) + 1,
        n_bits=(numbers >> 36 & 31) + 1,
        n_samples=numbers & (1 << 36) - 1,
    )


def _next_start(file: BinaryIO, start: int, size: int) -> int | None:
    """Return where a stream begins at or after a position."""
    for base, block in read_blocks(file, start, size, overlap=NUMBERS + 8):
        for match in FLAC.finditer(block):
            head = block[match.start() :][: NUMBERS + 8]
            if len(head) == NUMBERS + 8 and read_info(head).sample_rate > 0:
                return base + match.start()
    return None


def _first_sample(file: BinaryIO, start: int, info: Info) -> int:
    """Return the number of the first sample, which is not 0 in the middle of a file."""
    position = start + 4
    for _ in range(MOST_BLOCKS):
        file.seek(position)
        head = file.read(4)
        if len(head) < 4:
            return 0
        position += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:  # the last block of metadata
            file.seek(position)
            frame = _read_frame(file.read(16), info)
            return frame[0] if frame else 0
    return 0


def _last_sample(file: BinaryIO, start: int, stop: int, info: Info) -> int:
    """Return the number of the sample after the last frame; 0 if none is found."""
    n_bytes = TAIL
    while True:
        tail = max(start, stop - n_bytes)
        file.seek(tail)
        block = file.read(stop - tail)
        frames = [
            frame
            for match in SYNC.finditer(block)
            if (frame := _read_frame(block[match.start() :][:16], info)) is not None
        ]
        ends = {0}.union(end for _, end in frames)
        # What only looks like a frame is not the next of another.
        last = max((end for first, end in frames if first in ends), default=0)
        if last or tail == start or n_bytes > MOST_TAIL:
            return last
        n_bytes *= 8


def _read_frame(head: bytes, info: Info) -> tuple[int, int] | None:
    """Return the first sample of a frame and that after its last, if it is one."""
    if len(head) < 16:
        head = head.ljust(16, b"\0")
    block_code, rate_code = head[2] >> 4, head[2] & 15
    channel_code, bits_code = head[3] >> 4, head[3] >> 1 & 7
    n_channels = 2 if channel_code in (8, 9, 10) else channel_code + 1
    if n_channels != info.n_channels or BITS[bits_code] not in (None, info.n_bits):
        return None
    if rate_code < 12 and RATES[rate_code] not in (None, info.sample_rate):
        return None
    number, i = _read_number(head, 4)
    if 0 in (block_code, i) or rate_code == 15 or head[3] & 1:
        return None
    if block_code in (6, 7):
        n_bytes = block_code - 5
        n_samples = int.from_bytes(head[i : i + n_bytes], "big") + 1
        i += n_bytes
    elif block_code < 6:
        n_samples = 192 if block_code == 1 else 576 << block_code - 2
    else:
        n_samples = 256 << block_code - 8
    i += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)  # the rate itself
    crc = 0
    for byte in head[:i]:
        crc = CRC8[crc ^ byte]
    if crc != head[i]:
        return None
    first = number if head[1] & 1 else number * info.block_size
    return first, first + n_samples


def _read_number(head: bytes, i: int) -> tuple[int, int]:
    """Return a number that is coded as UTF-8 and where it ends, 0 if it is not one."""
    n_ones = 8 - (~head[i] & 0xFF).bit_length()
    if n_ones == 0:
        return head[i], i + 1
    if n_ones in (1, 8):
        return 0, 0
    number = head[i] & 0x7F >> n_ones
    for byte in head[i + 1 : i + n_ones]:
        if byte >> 6 != 2:
            return 0, 0
        number = number << 6 | byte & 63
    return number, i + n_ones
