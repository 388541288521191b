"""States of optimisers as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_arrays(nested: Any, change: Callable[[Any], Any]) -> Any:
    """Apply a function to all arrays or tensors in nested dicts, lists and tuples.

    Plain values stay as they are.
    """
    if isinstance(nested, dict):
        return {key: map_arrays(value, change) for key, value in nested.items()}
    if isinstance(nested, list | tuple):
        return type(nested)(map_arrays(value, change) for value in nested)
    return change(nested) if hasattr(nested, "shape") else nested
