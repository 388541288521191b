"""Errors that need a name, and a check whose error is the same everywhere."""

from collections.abc import Collection


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
