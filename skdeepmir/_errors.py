"""Errors that need a name, a check whose error is the same everywhere, and names."""

import re
from collections.abc import Collection

# Control characters, surrogates, and what ends lines or turns their direction.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class DivergenceError(ValueError):
    """Training whose error grew out of bounds or is no number any more."""


class ModelFileError(ValueError):
    """A file that is not from ``save``, or damaged, or forged."""


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if isinstance(value, bool) or value not in choices:
        raise ValueError(
            f"{name}={value!r} must be one of {', '.join(map(repr, choices))}."
        )


def printable(name: object) -> str:
    """Return a name with what a terminal or a picture cannot show escaped."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], str(name))
