"""What a figure of the reliability table is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Effort(NamedTuple):
    """How hard to try."""

    seed: int
    is_full: bool  # an hour for all figures, else five minutes
    folder: Path  # empty, for files
    seeds: Sequence[int] = range(100)  # under which the tests run in full


class Outcome(NamedTuple):
    """What was measured."""

    found: str  # as it stands in the table
    reached: bool


@dataclass(frozen=True)
class Figure:
    """One line of the table: something is injected, and counted."""

    number: int
    name: str
    goal: str
    measure: Callable[[Effort], Outcome]
