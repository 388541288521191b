"""Pages that are one file with pictures and sound: what all of them share."""

from skdeepmir._page._frame import Page
from skdeepmir._page._html import as_json, escaped, hidden, quoted, table
from skdeepmir._page._media import (
    Media,
    media_of_frames,
    media_of_sound,
    picture_of_weights,
)
from skdeepmir._page._names import names_of_clips

__all__ = [
    "Media",
    "Page",
    "as_json",
    "escaped",
    "hidden",
    "media_of_frames",
    "media_of_sound",
    "names_of_clips",
    "picture_of_weights",
    "quoted",
    "table",
]
