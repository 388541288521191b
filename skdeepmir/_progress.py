"""A progress bar that shows up only where something takes long."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from typing import Any


def progress(
    items: Iterable[Any], *, total: int, label: str, unit: str, verbose: bool
) -> Iterable[Any]:
    """Return items with a progress bar on standard error, shown after two seconds."""
    # Bars of worker processes would overwrite each other.
    if not verbose or multiprocessing.current_process().name != "MainProcess":
        return items
    from tqdm.auto import tqdm

    return tqdm(items, total=total, desc=label, unit=f" {unit}", delay=2, leave=False)
