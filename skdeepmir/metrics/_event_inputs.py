"""Annotations of events in seconds, read and checked: references and detections."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, TypeVar

import numpy as np

from skdeepmir._errors import is_number, read_each, refuse_masked
from skdeepmir.frames import as_sequence

T = TypeVar("T")


def list_pairs(
    y_true: Any, y_pred: Any, read: Callable[[Any, str], T]
) -> list[tuple[T, T]]:
    """Return what ``read(item, name)`` makes of both sides of each clip."""
    truth, found = (
        list_events(y_true, "y_true", read),
        list_events(y_pred, "y_pred", read),
    )
    if len(truth) != len(found):
        raise ValueError(
            f"y_true has {len(truth)} clips and y_pred {len(found)}; expected as many "
            "detections as references. Pass a single clip as a list of one item."
        )
    return list(zip(truth, found, strict=True))


def list_events(y: Any, name: str, read: Callable[[Any, str], T]) -> list[T]:
    """Return what ``read(item, name)`` makes of each clip; tell of all it refuses."""
    return read_each(_items(y, name), lambda i, item: read(item, f"{name}[{i}]"), name)


def check_length(name: str, value: Any) -> float:
    """Return a length of time in seconds; refuse anything else."""
    if not (is_number(value) and 0 <= value < float("inf")):
        raise ValueError(f"{name}={value!r}; expected seconds, finite and at least 0.")
    return float(value)


def _items(y: Any, name: str) -> list[Any]:
    refuse_masked(name, y, "clip")
    items = as_sequence(y)
    if isinstance(items, np.ndarray) and items.ndim > 0:
        items = list(items)  # of a table, each row is a clip
    if not isinstance(items, list) or not items:
        raise ValueError(
            f"{name} is {ascii(y)[:40]}; expected a list with an item for each clip: "
            "its annotation in seconds, or a path."
        )
    if isinstance(items[0], Number):
        raise ValueError(
            f"{name} has numbers, the first of which is {items[0]!r}; expected an item "
            f"for each clip: its annotation in seconds, or a path. For a single clip "
            f"pass [{name}]."
        )
    return items
