"""Errors of the package, and checks that several rooms make."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

MOST_LISTED = 10  # of the errors that are raised together


class DivergenceError(ValueError):
    """Raised when training diverges: the loss grows without bound or becomes NaN."""


class ModelFileError(ValueError):
    """Raised for a file that ``save`` did not write, or that is damaged or forged."""


@contextmanager
def telling_of(name: str) -> Iterator[None]:
    """Return a context in which errors of input say that it is that of `name`."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if isinstance(value, bool) or value not in choices:
        raise ValueError(
            f"{name}={value!r} must be one of {', '.join(map(repr, choices))}."
        )


def did_you_mean(name: str, choices: Iterable[str], prefix: str = "") -> str:
    """Return the end of an error that suggests a similar name, "" if there is none.

    The ``prefix`` is what stands before each of them.
    """
    close = difflib.get_close_matches(name, list(choices), 1)
    return f" Did you mean {prefix + close[0]!a}?" if close else ""


def refuse_masked(name: str, value: Any, item: str = "row") -> None:
    """Raise a ValueError that names the first masked `item` of an array or list."""
    rows: Any = ()  # NumPy would take what is under a mask for data
    is_column = isinstance(value, np.ndarray) and value.ndim == 1
    if _has_mask(value):
        rows = np.argwhere(np.atleast_1d(np.ma.getmaskarray(value)))[0]
    elif isinstance(value, list | tuple) or (is_column and value.dtype.kind == "O"):
        rows = [i for i, part in enumerate(value) if _has_mask(part)]
    if len(rows):
        raise ValueError(
            f"{name}: {item} {rows[0]} has masked values; expected none, because masks "
            f"are ignored. Leave such {item}s out, or fill them with numpy.ma.filled."
        )


def _has_mask(value: Any) -> bool:
    is_array = isinstance(value, np.ma.MaskedArray) and value.dtype.names is None
    return is_array and bool(np.ma.is_masked(value))


def raise_together(errors: Sequence[Exception], problem: str) -> None:
    """Raise the errors of several items as one that lists them; none raise none."""
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
