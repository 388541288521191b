"""Names from files and users, made safe to show."""

import re

# Control characters, surrogates, and what ends lines or turns their direction.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(name: object) -> str:
    """Return a name with what a terminal or a picture cannot show escaped."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(name))
