"""Errors of the package, and checks that several rooms make."""

import difflib
import numbers
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

MOST_LISTED = 10  # of the errors that are raised together
LATEST = 30_000.0  # seconds; mir_eval's limit for times of events

T = TypeVar("T")


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


def is_number(value: object) -> bool:
    """Tell whether a value is a real number, which bools and durations are not."""
    is_other = isinstance(value, bool | np.timedelta64)  # Python and NumPy count them
    return isinstance(value, numbers.Real) and not is_other


def number_in(text: str) -> float:
    """Return the number that a text says, which "1_5" is not; or a ValueError."""
    if "_" in text:  # float() would take it for 15
        raise ValueError(f"could not convert string to float: {text!r}")
    return float(text)


def check_whole(name: str, value: Any, smallest: int = 0) -> None:
    """Raise a ValueError unless `value` is a whole number from `smallest` on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ValueError(f"{name}={value!r}, expected a whole number.")
    if value < smallest:
        raise ValueError(f"{name}={value}, expected {smallest} or more.")


def check_duration(duration: Any) -> None:
    """Raise a ValueError unless a duration is seconds above 0."""
    _check_above_zero("duration", duration, "seconds")


def check_frame_rate(frame_rate: Any) -> None:
    """Raise a ValueError unless a frame rate is a number above 0."""
    _check_above_zero("frame_rate", frame_rate, "frames per second")


def _check_above_zero(name: str, value: Any, unit: str) -> None:
    if not (is_number(value) and np.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value!r}, expected {unit} above 0.")


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


def read_each(y: Sequence[Any], read: Callable[[int, Any], T], name: str) -> list[T]:
    """Return what ``read(i, item)`` gives; one error tells of all that it refuses."""
    found, errors = [], []
    for i, item in enumerate(y):
        try:
            found.append(read(i, item))
        except (ValueError, FileNotFoundError) as error:
            errors.append(error)
    raise_together(
        errors, f"{name}: {len(errors)} of {len(y)} annotations cannot be used"
    )
    return found


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
