"""Files that were cut off: what their headers promise and what they hold.

libsndfile returns what it finds, without an error; only its FLAC decoder breaks off.
"""

from __future__ import annotations

import re
from typing import Any

from skdeepmir.audio._streams import UNKNOWN_SIZES

# libsndfile's log of a header whose length is not that of the file.
DISAGREEMENT = re.compile(r"^ *([\w ]*\w) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
CHUNKS = {"WAV": "data", "WAVEX": "data", "AIFF": "SSND", "AU": "Data Size"}
# It says nothing about the chunk of samples in these.
CHUNKS |= {"W64": "riff", "RF64": "Riff size"}


def missing_end(sound: Any) -> str:
    """Return how an open file shows that its end is missing; "" if it does not."""
    chunk = CHUNKS.get(sound.format)
    for name, promised, present in DISAGREEMENT.findall(sound.extra_info):
        is_known = not any(int(promised) in r for r in UNKNOWN_SIZES["I"])
        if name == chunk and is_known and int(promised) > int(present):
            return f"has {present} bytes of the {promised} that its header promises"
    return ""
