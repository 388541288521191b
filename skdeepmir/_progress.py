"""A progress bar that shows up only where something takes long."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable
from typing import Any

# Modules of the threads of other bars: of rich, and of scikit-learn's ProgressBar.
DISPLAYS = ("rich.live", "sklearn.callback._progressbar")


def progress(
    items: Iterable[Any], *, total: int, label: str, unit: str, verbose: Any
) -> Iterable[Any]:
    """Return items with a progress bar on standard error, shown after two seconds."""
    if not _has_room(verbose):
        return items
    return _bar(items, total=total, desc=label, unit=f" {unit}")


def progress_bar(
    *, total: int, label: str, unit: str, verbose: Any, done: int = 0
) -> Any:
    """Return the bar alone, to be updated and closed, of which some may be done."""
    if not _has_room(verbose):
        return NoBar()
    return _bar(total=total, desc=label, unit=f" {unit}", initial=done)


class NoBar:
    """A bar that shows nothing."""

    def update(self) -> None:
        """Count nothing."""

    def set_postfix(self, values: dict[str, float], refresh: bool = False) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Close nothing."""


def _bar(items: Any = None, **options: Any) -> Any:
    from tqdm.auto import tqdm

    return tqdm(items, delay=2, leave=False, **options)


def _has_room(verbose: Any) -> bool:
    """Whether a bar is wanted, and no worker or display would write over it."""
    return (
        bool(verbose)
        and multiprocessing.current_process().name == "MainProcess"
        and threading.current_thread() is threading.main_thread()
        and not any(type(t).__module__ in DISPLAYS for t in threading.enumerate())
    )
