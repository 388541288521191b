"""MPEG audio (MP3 and its predecessors): frames are counted, one by one.

Files have no header. A first frame may hold a count ("Xing", "Info" or
"VBRI") instead of sound; without one libsndfile guesses from the first bit rate.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from typing import BinaryIO, NamedTuple

from skdeepmir.audio._streams._magic import ID3V1, TAGS, begins_file, skip_id3
from skdeepmir.audio._streams._pieces import (
    BLOCK,
    FIRST_BLOCK,
    Piece,
    Stream,
    read_blocks,
)

SYNC = re.compile(rb"\xff[\xe2-\xff][\x10-\xef]")
LEADING_JUNK = 1 << 20  # bytes that may come before the first frame
# Frames in a row by which MPEG audio is known from what looks like it, where it is
# expected and elsewhere.
FEW, MANY = 3, 10
MOST_CANDIDATES = 50_000  # places that look like frames and are none
# kbit/s by version (1 or else), layer and four bits.
KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44100, 48000, 32000)  # Hz, halved in version 2 and again in 2.5
COUNTED = (b"Xing", b"Info")
INITIALS = b"XI"
VBRI = 36  # bytes from the beginning of a frame to that word
HEAD = 1 << 11  # bytes, more than a frame of layer III takes


class Frame(NamedTuple):
    """The header of a frame, its first four bytes."""

    kind: tuple[int, int, int, bool]  # version (3 is 2.5), layer, Hz, whether mono
    n_samples: int  # per channel
    length: int  # bytes, these four included
    kbits: int
    count_at: int  # where "Xing" or "Info" would stand


class InfoFrame(NamedTuple):
    """A Xing, Info or VBRI frame, which counts the frames that follow it."""

    head: bytes  # that frame
    at: int  # where "Xing", "Info" or "VBRI" stands in it
    n_frames: int  # 0 where it does not say
    n_bytes: int  # this frame included; 0 where it does not say
    is_believed: bool  # whether libsndfile reads it


class Run(NamedTuple):
    """Frames of one kind that follow each other without a gap."""

    start: int
    stop: int  # of whole frames
    n_frames: int
    frame: Frame  # the first
    is_constant: bool  # whether all have one bit rate
    info: InfoFrame | None  # in a frame before the first
    n_damaged: int = 0  # bytes before it that are not of a frame

    @property
    def n_bytes(self) -> int:
        """Bytes of its frames."""
        return self.stop - self.start

    @property
    def head(self) -> int:
        """Where it begins, the frame before the first included."""
        return self.start - (len(self.info.head) if self.info else 0)


def mpeg_streams(file: BinaryIO, start: int, size: int) -> Generator[Stream, None, int]:
    """Yield the streams of MPEG audio; return where something else begins."""
    # What isn't MPEG audio is one stream.
    runs, stop = _runs(file, start, size)
    share = sum(run.n_bytes for run in runs) / max(1, stop - start)
    if runs and runs[0].head > start and share < 0.5:
        runs = []  # frames in something else
    groups: list[list[Run]] = []
    for run in runs:
        if run.n_frames == 0 and not (run.info and run.info.n_frames):
            continue
        # What was spliced in between two frames, such as a tag, is left out.
        if groups and run.info is None and run.frame.kind == groups[-1][0].frame.kind:
            groups[-1].append(run)
        else:
            groups.append([run])
    for group in groups:
        is_only = len(group) == len(groups) == 1 and start == skip_id3(file, 0)
        yield _stream(group, size, is_only and group[0].head == start)
    if not groups:
        yield Stream((range(start, size),), is_guessed=True)
        return size
    return stop


def _stream(runs: list[Run], size: int, is_plain: bool) -> Stream:
    """Return the stream of some runs, which may be plainly the file."""
    first, info = runs[0], runs[0].info
    n_frames = sum(run.n_frames for run in runs)
    pieces: tuple[Piece, ...] = tuple(range(run.start, run.stop) for run in runs)
    n_bytes, fault = sum(map(len, pieces)), ""
    if info is not None:
        n_bytes += len(info.head)
        # Some count this frame as well.
        n_missing = info.n_frames - n_frames - (info.n_bytes == 0)
        if n_missing > 0 and not 0 < info.n_bytes <= n_bytes:
            fault = f"has {n_frames} of the {info.n_frames} frames that it promises"
    n_damaged = sum(run.n_damaged for run in runs[1:])
    if n_damaged > first.frame.length and not fault:
        fault = f"has {n_damaged} damaged bytes between its frames"
    if info is None or not info.is_believed:
        is_plain &= info is None and first.is_constant
        is_plain &= size - first.stop in (0, ID3V1)
        n_samples = n_frames * first.frame.n_samples
        return Stream(pieces, n_samples, fault, is_file=is_plain, is_guessed=True)
    if info.n_frames != n_frames:
        return Stream((_recounted(info, n_frames, n_bytes), *pieces), fault=fault)
    # libmpg123 complains of other sizes.
    is_plain &= abs(size - n_bytes) <= size / 200
    return Stream() if is_plain else Stream((info.head, *pieces), fault=fault)


def _recounted(info: InfoFrame, n_frames: int, n_bytes: int) -> bytes:
    """Return the first frame with the right numbers."""
    head = bytearray(info.head)
    struct.pack_into(">I", head, info.at + 8, n_frames)
    has_bytes = head[info.at + 7] & 2
    if has_bytes:
        struct.pack_into(">I", head, info.at + 12, n_bytes)
        is_tagged = head[info.at + 7] & 15 == 15 and len(head) >= info.at + 144
        if is_tagged and info.n_bytes < n_bytes:
            # The number of samples to drop at the end was meant for another end.
            head[info.at + 142] &= 0xF0
            head[info.at + 143] = 0
    return bytes(head)


def _runs(file: BinaryIO, start: int, size: int) -> tuple[list[Run], int]:
    """Return the runs of frames, and where something else begins."""
    runs: list[Run] = []
    position = start
    while True:
        kind = runs[-1].frame.kind if runs else None
        found = _next_frame(file, position, size, kind)
        if found is None:
            return runs, size
        n_damaged = _count_damaged(file, position, found)
        runs.append(_follow(file, found, size)._replace(n_damaged=n_damaged))
        position = skip_id3(file, runs[-1].stop)
        file.seek(position)
        if begins_file(file.read(16)):
            return runs, position


def _next_frame(
    file: BinaryIO, position: int, size: int, kind: tuple[int, int, int, bool] | None
) -> int | None:
    """Return where frames begin, of a kind that came before or many of another."""
    if are_frames(file, position, size, FEW):
        return position
    stop = size if kind else min(size, position + LEADING_JUNK)
    n_candidates = 0
    for base, block in read_blocks(file, position, stop, overlap=2):
        for match in SYNC.finditer(block):
            start = base + match.start()
            if kind is not None and are_frames(file, start, size, FEW, kind):
                return start
            if are_frames(file, start, size, MANY):
                return start
            n_candidates += 1
            if n_candidates > MOST_CANDIDATES:
                return None
    return None


def _count_damaged(file: BinaryIO, start: int, stop: int) -> int:
    """Return the bytes between two runs of frames that are neither tag nor filling."""
    file.seek(start)
    head = file.read(min(stop - start, BLOCK))
    if not head or head.startswith(TAGS) or head.count(head[:1]) == len(head):
        return 0
    return stop - start


def are_frames(
    file: BinaryIO,
    position: int,
    size: int,
    n_frames: int,
    kind: tuple[int, int, int, bool] | None = None,
) -> bool:
    """Tell whether `n_frames` of one kind begin at a position, or fill the rest."""
    # Frames of layer I are so much like other data that only many are believed.
    for i in range(MANY):
        file.seek(position)
        frame = parse_frame(file.read(4))
        if frame is None or kind not in (None, frame.kind):
            return False
        if n_frames == MANY and frame.kind[1] == 1:
            return False
        kind = frame.kind
        position += frame.length
        file.seek(position)
        if position == size or file.read(3) in (b"TAG", b"ID3", b"APE"):
            return i > 0 or n_frames == FEW
        if i + 1 >= n_frames and kind[1] != 1:
            return position <= size
    return position <= size


def _follow(file: BinaryIO, start: int, size: int) -> Run:
    """Count frames until something else comes."""
    file.seek(start)
    head = file.read(HEAD)
    first = parse_frame(head)
    assert first is not None
    info = _read_info(head[: first.length], first)
    if info is not None:
        start += first.length
    position, n_frames, length = start, 0, 0
    tag = first.count_at
    lengths: dict[bytes, int] = {}  # by header: there are few
    kbits: set[int] = set()
    is_done, n_read = False, FIRST_BLOCK
    while not is_done:
        file.seek(position)
        block = file.read(n_read)
        n_read = min(2 * n_read, BLOCK)
        is_done = position + len(block) >= size or not block
        if is_done:
            block += bytes(tag)
        i, stop = 0, len(block) - tag - 4
        while i <= stop:
            known = lengths.get(block[i : i + 4])
            if known is None:
                frame = parse_frame(block[i : i + 4])
                if frame is None or frame.kind != first.kind:
                    is_done = True
                    break
                known = lengths[block[i : i + 4]] = frame.length
                kbits.add(frame.kbits)
            if block[i + tag] in INITIALS and block[i + tag : i + tag + 4] in COUNTED:
                if position + i > start:  # another file was joined
                    is_done = True
                    break
            length = known
            i += length
            n_frames += 1
        position += i
    if position > size:  # the last one is not whole
        position -= length
        n_frames -= 1
    return Run(start, position, n_frames, first, len(kbits) == 1, info)


def _read_info(head: bytes, frame: Frame) -> InfoFrame | None:
    """Return what a first frame says of those that follow; None if it holds sound."""
    for at in (frame.count_at, frame.count_at + 2):  # after a checksum
        if head[at : at + 4] in COUNTED and len(head) >= at + 16:
            flags, *numbers = struct.unpack_from(">III", head, at + 4)
            n_frames = numbers.pop(0) if flags & 1 else 0
            n_bytes = numbers.pop(0) if flags & 2 else 0
            return InfoFrame(head, at, n_frames, n_bytes, bool(flags & 1))
    if head[VBRI : VBRI + 4] == b"VBRI" and len(head) >= VBRI + 18:
        n_bytes, n_frames = struct.unpack_from(">II", head, VBRI + 10)
        return InfoFrame(head, VBRI, n_frames, n_bytes, False)
    return None


def parse_frame(header: bytes) -> Frame | None:
    """Return the frame that four bytes begin, or None."""
    # Frames of free bit rates do not say how long they are.
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return None
    (bits,) = struct.unpack_from(">I", header)
    version = {0: 3, 2: 2, 3: 1}.get(bits >> 19 & 3)
    layer = 4 - (bits >> 17 & 3)
    bit_rate, rate = bits >> 12 & 15, bits >> 10 & 3
    if version is None or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return None
    sample_rate = RATES[rate] >> version - 1
    kbits = KBITS[min(version, 2), layer][bit_rate]
    n_samples = 384 if layer == 1 else 1152 if layer == 2 or version == 1 else 576
    slot = 4 if layer == 1 else 1  # bytes
    n_slots = n_samples // 8 // slot * 1000 * kbits // sample_rate + (bits >> 9 & 1)
    is_mono = bits >> 6 & 3 == 3
    side = (17 if is_mono else 32) if version == 1 else (9 if is_mono else 17)
    kind = version, layer, sample_rate, is_mono
    return Frame(kind, n_samples, n_slots * slot, kbits, 4 + side)
