"""Find the format of a file by its first bytes, and the streams in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from skdeepmir.audio._quiet import quiet_decoder
from skdeepmir.audio._streams._chunks import chunked_streams
from skdeepmir.audio._streams._flac import flac_streams
from skdeepmir.audio._streams._magic import OGG, find_layout, skip_id3
from skdeepmir.audio._streams._mpeg import FEW, are_frames, mpeg_streams
from skdeepmir.audio._streams._ogg import ogg_streams
from skdeepmir.audio._streams._pieces import Stream


def find_streams(file: BinaryIO, *, is_decoded: bool) -> Iterator[Stream]:
    """Yield the streams of an audio file, at least one."""
    # Each stream is read from the file before the next is asked for. Unless they are
    # decoded to their ends, joined FLAC streams of equal length may be taken for one.
    size = file.seek(0, os.SEEK_END)
    start = 0
    while start == 0 or start < size:
        begin = skip_id3(file, start)
        file.seek(begin)
        head = file.read(16)
        if head.startswith(OGG):
            found = ogg_streams(file, begin, size)
        elif (layout := find_layout(head)) is not None:
            found = chunked_streams(file, begin, size, layout)
        elif head.startswith(b"fLaC"):
            yield from flac_streams(file, begin, size, is_decoded)
            return
        elif _is_other(file, begin, size):
            yield Stream()
            return
        else:
            found = mpeg_streams(file, begin, size)
        start = yield from found


def _is_other(file: BinaryIO, start: int, size: int) -> bool:
    """Tell whether libsndfile takes a file for something that is not known here."""
    from skdeepmir.audio._sound import Sound  # soundfile is imported when needed

    if are_frames(file, start, size, FEW):
        return False
    file.seek(0)
    try:
        with quiet_decoder(), Sound(os.dup(file.fileno())) as sound:
            return not sound.subtype.startswith("MPEG")
    except RuntimeError:  # soundfile.LibsndfileError
        return False
