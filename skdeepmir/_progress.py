"""A progress bar that shows up only where something takes long."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from typing import Any


def progress(
    items: Iterable[Any], *, total: int, label: str, unit: str, verbose: bool
) -> Iterable[Any]:
    """Pass items on and show how far they are, on standard error.

    Parameters
    ----------
    items : iterable
        What is worked on.
    total : int
        How many items there are.
    label : str
        What is being done.
    unit : str
        What one item is.
    verbose : bool
        Whether to show a bar. It appears after two seconds. Worker processes show none:
        their bars would overwrite each other.

    Returns
    -------
    items : iterable
        The same items.
    """
    if not verbose or multiprocessing.current_process().name != "MainProcess":
        return items
    from tqdm.auto import tqdm

    return tqdm(items, total=total, desc=label, unit=f" {unit}", delay=2, leave=False)
