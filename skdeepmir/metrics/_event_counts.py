"""Hits, misses and false alarms of events in clips, and the scores made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from skdeepmir._groups import check_groups
from skdeepmir.metrics._checks import warn

AVERAGES = ("pooled", "clips")
ALL = "all"  # the last row of a report


@dataclass(frozen=True)
class EventCounts:
    """What there is in each clip, arrays of shape (n_clips,)."""

    what: ClassVar[str]  # the events, in messages

    n_reference: np.ndarray
    n_detected: np.ndarray
    n_hits: np.ndarray

    @classmethod
    def of(cls, clips: Iterable[tuple[float, ...]]) -> Self:
        """Return the counts of clips, each with a number for each field."""
        return cls(*map(np.array, zip(*clips, strict=True)))

    def __len__(self) -> int:
        return len(self.n_hits)

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the clips."""
        return type(self)(*(getattr(self, each.name)[rows] for each in fields(self)))

    def sum(self) -> Self:
        """Return all clips as one."""
        sums = (getattr(self, each.name).sum(keepdims=True) for each in fields(self))
        return type(self)(*sums)

    def ratio(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return numerators and denominators of a score of each clip."""
        return {
            "precision": (self.n_hits, self.n_detected),
            "recall": (self.n_hits, self.n_reference),
            "f": (2 * self.n_hits, self.n_reference + self.n_detected),
            "accuracy": (self.n_hits, self.n_reference + self.n_detected - self.n_hits),
        }[name]

    def values(self, name: str) -> np.ndarray:
        """Return a score of each clip, NaN where it is not defined."""
        above, below = self.ratio(name)
        return np.divide(above, below, out=np.full(len(self), np.nan), where=below > 0)

    def of_clips(self, name: str) -> np.ndarray:
        """Return a score of each clip: 0 if one side is empty, NaN if both are."""
        is_empty = self.n_reference + self.n_detected == 0
        return np.where(is_empty, np.nan, np.nan_to_num(self.values(name)))

    def averaged(self, name: str, average: str) -> float:
        """Return the score of all clips; where it is not defined 0, with a warning."""
        if average == "pooled":
            (value,) = self.sum().values(name)
            if np.isnan(value):
                warn(f"{name} is not defined, and is 0: {self._reason(name)}.")
            return float(np.nan_to_num(value))
        values = self.of_clips(name)
        n_empty = int(np.isnan(values).sum())
        if n_empty:
            reason = self._reason_in_clips(name)
            warn(
                f"{name} is not defined in {n_empty} of {len(values)} clips: {reason}."
            )
        return float(np.nanmean(values)) if n_empty < len(values) else 0.0

    def mean_of_hits(self, name: str, average: str = "pooled") -> float:
        """Return the mean of what was summed over hits; NaN without any."""
        several = self if average == "clips" else self.sum()
        is_hit = several.n_hits > 0
        means = getattr(several, name)[is_hit] / several.n_hits[is_hit]
        return float(means.mean()) if len(means) else float("nan")

    def totals(self) -> dict[str, int]:
        """Return how many references, detections and hits there are in all clips."""
        names = ("n_reference", "n_detected", "n_hits")
        return {name: int(getattr(self, name).sum()) for name in names}

    def _reason(self, name: str) -> str:
        """Return why a score of all clips together is not defined."""
        nothing = "nothing was detected"
        if name == "precision":
            return nothing
        missing = f"there are no {self.what} in the references"
        return missing if name == "recall" else f"{missing}, and {nothing}"

    def _reason_in_clips(self, name: str) -> str:
        return self._reason("f")


def report_of_groups(
    n_clips: int, groups: Any, line_of: Callable[[np.ndarray], dict[str, Any]]
) -> Any:
    """Return a table of what ``line_of(rows)`` tells of each group, and of all."""
    import pandas as pd  # as in tag_report

    rows = {}
    if groups is not None:
        groups = check_groups(groups, n_clips).astype(str)
        rows = {name: np.flatnonzero(groups == name) for name in sorted(set(groups))}
        if ALL in rows:
            raise ValueError(
                f"groups: clip {rows[ALL][0]} is of the group {ALL!r}, which is the "
                "row of all clips. Give the group another name."
            )
    table = {
        name: {"n_clips": len(some), **line_of(some)}
        for name, some in {**rows, ALL: np.arange(n_clips)}.items()
    }
    return pd.DataFrame.from_dict(table, orient="index")
