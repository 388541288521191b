"""Which format a file has by its first bytes, and the streams in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO

from skdeepmir.audio._streams._chunks import LAYOUTS, chunked_streams
from skdeepmir.audio._streams._flac import flac_streams
from skdeepmir.audio._streams._mpeg import mpeg_streams, skip_id3
from skdeepmir.audio._streams._ogg import ogg_streams
from skdeepmir.audio._streams._pieces import Stream


def find_streams(file: BinaryIO, *, is_decoded: bool) -> Iterable[Stream]:
    """Return the streams of an audio file.

    Parameters
    ----------
    file : binary file
        Opened for reading. Each stream is read from it before the next is asked for.
    is_decoded : bool
        Whether streams are read to their ends. Otherwise FLAC streams of equal length
        that were joined may be taken for one.

    Returns
    -------
    streams : iterable of Stream
        At least one, in their order.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head.startswith(b"OggS"):
        return ogg_streams(file, size)
    for layout in LAYOUTS:
        if layout.begins(head):
            return chunked_streams(file, size, layout)
    start = skip_id3(file, 0)
    file.seek(start)
    if file.read(4) == b"fLaC":
        return flac_streams(file, start, size, is_decoded)
    return mpeg_streams(file, size)
