"""First bytes of files, by which formats are recognised, and tags before them."""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

OGG = b"OggS\0"
FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # and the first block of metadata
ID3V1 = 128  # bytes of a tag at the end of a file
TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")


class Layout(NamedTuple):
    """How files of one format are laid out, in chunks or, as AU, without."""

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
AU = (Layout(b".snd", b"", ">I"), Layout(b"dns.", b"", "<I"))
LAYOUTS = (
    WAV,
    RF64,
    Layout(b"RIFX", b"WAVE", ">I"),
    Layout(b"FORM", b"AIF", ">I", data=b"SSND"),
    Layout(b"caff", b"desc", ">Q", first=8, align=1),
    Layout(b"riff", b"\xa5\xd6\x28\xdb", "<Q", 40, W64_DATA, align=8, is_whole=True),
    *AU,
)


def find_layout(head: bytes) -> Layout | None:
    """Return the layout of a file that begins with these bytes."""
    return next((layout for layout in LAYOUTS if layout.begins(head)), None)


def begins_file(head: bytes) -> bool:
    """Tell whether these bytes, behind the end of a file, begin another."""
    layout = find_layout(head)
    is_chunked = layout is not None and layout not in AU  # four bytes prove nothing
    return is_chunked or head.startswith(OGG) or FLAC.match(head) is not None


def skip_id3(file: BinaryIO, position: int) -> int:
    """Return where ID3v2 tags end, which may precede any format."""
    while True:
        file.seek(position)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10 or max(head[6:10]) > 127:
            return position
        a, b, c, d = head[6:10]  # seven bits each
        has_footer = head[5] & 16
        position += (a << 21 | b << 14 | c << 7 | d) + (20 if has_footer else 10)
