"""Figures of the reliability table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Effort(NamedTuple):
    """Seeds and size of a measurement."""

    seed: int
    is_full: bool  # an hour for all figures, else five minutes
    folder: Path  # empty, for files
    seeds: Sequence[int] = range(100)  # under which the tests run in full


class Outcome(NamedTuple):
    """Result of a measurement."""

    found: str  # as it stands in the table
    reached: bool


@dataclass(frozen=True)
class Figure:
    """One line of the table, which counts the effects of injected faults."""

    number: int
    name: str
    goal: str
    measure: Callable[[Effort], Outcome]
