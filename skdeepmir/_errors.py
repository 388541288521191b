"""Errors that need a name, and a check whose error is the same everywhere."""

from collections.abc import Collection, Sequence

MOST_LISTED = 10  # of the errors that are raised together


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


def raise_together(errors: Sequence[Exception], problem: str) -> None:
    """Raise one error for those of several items, or none where there are none.

    `problem` says what the items have in common; of different errors, the first are
    listed.
    """
    texts = list(dict.fromkeys(str(error) for error in errors))
    if not texts:
        return
    if len(texts) == 1:
        raise errors[0]
    kinds = {type(error) for error in errors}
    more = len(texts) - MOST_LISTED
    listed = [f"({n}) {text}" for n, text in enumerate(texts[:MOST_LISTED], start=1)]
    if more > 0:
        listed.append(f"... and {more} more.")
    kind = kinds.pop() if len(kinds) == 1 else ValueError
    raise kind(" ".join([f"{problem}:", *listed])) from errors[0]
