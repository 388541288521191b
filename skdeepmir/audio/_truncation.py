"""Files that were cut off: what their headers promise and what is there.

libsndfile gives what it finds, without a word; only its decoder of FLAC breaks off.
"""

from __future__ import annotations

import os
import re
from typing import Any

# libsndfile's log of a header whose length is not that of the file.
DISAGREEMENT = re.compile(r"^ *([\w ]*\w) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
CHUNKS = {"WAV": "data", "WAVEX": "data", "AIFF": "SSND", "AU": "Data Size"}
# It says nothing about the chunk of samples in these.
CHUNKS |= {"W64": "riff", "RF64": "Riff size"}
# What programs write that do not know the length beforehand, such as into a pipe.
UNKNOWN_LENGTHS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))

OGG_PAGE = 27 + 255 + 255 * 255  # bytes, at most
OGG_LAST = 4  # flag of the last page of a stream
MP3_HEADER = 1 << 13  # bytes in which the first frame lies, junk before it included


def missing_end(sound: Any, path: bytes) -> str:
    """Return how an open file shows that its end is missing; "" if it does not.

    Parameters
    ----------
    sound : soundfile.SoundFile
        The open file.
    path : bytes
        Its name.

    Returns
    -------
    found : str
        The end of a sentence that begins with the file's name.
    """
    if sound.format == "OGG":
        return _ogg_end(path)
    chunk = CHUNKS.get(sound.format)
    for name, promised, present in DISAGREEMENT.findall(sound.extra_info):
        is_known = not any(int(promised) in r for r in UNKNOWN_LENGTHS)
        if name == chunk and is_known and int(promised) > int(present):
            return f"has {present} bytes of the {promised} that its header promises"
    return ""


def _ogg_end(path: bytes) -> str:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - OGG_PAGE))
        tail = file.read()
    start = tail.rfind(b"OggS\0")
    page = tail[max(start, 0) :]
    if start < 0 or len(page) < 27:
        return "ends within the header of a page"
    n_segments = page[26]
    length = 27 + n_segments + sum(page[27 : 27 + n_segments])
    if len(page) < 27 + n_segments or len(page) < length:
        return "ends within a page"
    if not page[5] & OGG_LAST:
        return "has no last page"
    return ""


def knows_length(sound: Any, path: bytes) -> bool:
    """Tell whether a file says how many samples it has.

    An MP3 file does if an encoder wrote a Xing, Info or VBRI header; else libsndfile
    guesses from its size.

    Parameters
    ----------
    sound : soundfile.SoundFile
        The open file.
    path : bytes
        Its name.

    Returns
    -------
    knows : bool
        Whether the number of samples is to be believed.
    """
    if not sound.subtype.startswith("MPEG"):
        return True
    with open(path, "rb") as file:
        start = file.read(10)
        if start[:3] == b"ID3":  # tags, whose size is in four times seven bits
            a, b, c, d = start[6:10]
            file.seek(10 + (a << 21 | b << 14 | c << 7 | d))
        head = file.read(MP3_HEADER)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
