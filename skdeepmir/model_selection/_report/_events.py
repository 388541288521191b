"""What a report tells of clips with events: hits, false alarms and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepmir._printable import printable
from skdeepmir.frames import PATH_TYPES
from skdeepmir.metrics._annotation_scorers import MatchingScorer
from skdeepmir.model_selection._report._items import (
    Answered,
    Told,
    curves_of,
    matrix,
    rounded,
)

HARDEST = 20
LEAD = 1.0  # seconds of sound before the first error of an excerpt
HIT, FALSE, MISSED = "hit", "false alarm", "missed"
LEGENDS = {
    "onset": "A line through the whole row is a hit, one in its upper half a false "
    "alarm, and one in its lower half an onset that was missed.",
    "note": "Hits are blue, false alarms orange, and notes that were missed grey.",
}


@dataclass
class EventsTold(Told):
    """What a report says about clips with onsets, notes or other events."""

    answered: Answered = field(kw_only=True)
    scorer: MatchingScorer = field(kw_only=True)
    references: list[Any] = field(default_factory=list)
    marks: dict[tuple[str, int], dict[str, np.ndarray]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        answered: Answered,
        predicted: dict[str, list[Any]],
        matching: MatchingScorer,
    ) -> EventsTold:
        """Tell of events, matched as by the first such score, or as by ``matching``."""
        n_items = len(answered.items)
        scorers = [metric.scorer for metric in answered.records.metrics]
        found = (scorer for scorer in scorers if isinstance(scorer, MatchingScorer))
        told = cls(
            *(matching.annotates, answered.items, [""] * n_items, {}),
            answered=answered,
            scorer=next(found, matching),
        )
        told._read(answered.truth)
        badness = np.full((len(predicted), n_items), np.nan)
        for row, (pipeline, items) in enumerate(predicted.items()):
            for i, each in enumerate(items):
                if each is not None and i not in told.problems:
                    badness[row, i] = told._compare(pipeline, i, each)
            told.said[pipeline] = [
                None if each is None else ("", None, told._note(pipeline, i))
                for i, each in enumerate(items)
            ]
            if cells := told._cells(pipeline):
                columns = [f"{HIT}s", f"{FALSE}s", MISSED]
                table = matrix("", [told.kind], columns, cells, _n_of_all)
                told.matrices[pipeline] = [table]
        told.tell(badness)
        best = np.min(np.where(np.isfinite(badness), badness, np.inf), axis=0)
        order = np.argsort(-np.where(np.isfinite(best), best, -1), kind="stable")
        told.lists = [
            {
                "title": "The hardest clips",
                "text": f"In order of the best pipeline's F. {LEGENDS[matching.event]}",
                "items": [int(i) for i in order if np.isfinite(best[i])][:HARDEST],
            }
        ]
        return told

    def _read(self, references: Any) -> None:
        """Read annotations; those that are gone since they were scored are problems."""
        self.references = list(references)
        for i, each in enumerate(references):
            try:
                self.references[i] = self.scorer.read_reference(each, "the annotation")
            except (ValueError, OSError) as error:
                if not isinstance(each, PATH_TYPES):
                    raise
                text = str(error).rstrip(".")
                self.problems[i] = f"has no annotation any more: {text}"

    def _compare(self, pipeline: str, item: int, found: Any) -> float:
        """Keep what is right and wrong in a clip; return 1 - F, NaN without events."""
        reference = self.references[item]
        detected = self.scorer.read(found, pipeline)
        pairs = self.scorer.match(reference, detected)
        self.marks[pipeline, item] = {
            HIT: detected[pairs[:, 1]],
            FALSE: np.delete(detected, pairs[:, 1]),
            MISSED: np.delete(reference, pairs[:, 0]),
        }
        n_both = len(reference) + len(detected)
        return 1 - 2 * len(pairs) / n_both if n_both else np.nan

    def _note(self, pipeline: str, item: int) -> str:
        if (pipeline, item) not in self.marks:
            return "not scored"
        marks = self.marks[pipeline, item]
        return ", ".join(
            f"{len(some)} {_plural(kind, len(some))}" for kind, some in marks.items()
        )

    def _cells(self, pipeline: str) -> dict[tuple[int, int], dict[int, int]]:
        """Return numbers of events by column and clip, the most first."""
        cells: dict[tuple[int, int], dict[int, int]] = {}
        for column, kind in enumerate((HIT, FALSE, MISSED)):
            numbers = {
                item: len(marks[kind])
                for (name, item), marks in self.marks.items()
                if name == pipeline and len(marks[kind])
            }
            if numbers:
                order = sorted(numbers, key=lambda item: -numbers[item])
                cells[0, column] = {item: numbers[item] for item in order}
        return cells

    def details(self, item: int) -> dict[str, Any]:
        """Return the events of a clip over time, above activations."""
        rows: list[tuple[str, dict[str, np.ndarray]]] = []
        if item not in self.problems:
            rows.append(("reference", {HIT: self.references[item]}))
        rows += [
            (printable(pipeline), self.marks[pipeline, item])
            for pipeline in self.answered.pipelines
            if (pipeline, item) in self.marks
        ]
        places = [
            self.scorer.places(some) for _, marks in rows for some in marks.values()
        ]
        pitches = _range_of([each[:, 2] for each in places if each.shape[1] > 2])
        strips = [
            {
                "name": name,
                "events": [
                    [kind, *place]
                    for kind, events in marks.items()
                    for place in rounded(self.scorer.places(events))
                ],
                **pitches,
            }
            for name, marks in rows
        ]
        curves = curves_of(self.answered, item, ["activation"], {0})
        for curve in curves.get("curves", ()):
            curve["lines"] = [_scaled(*line) for line in curve["lines"]]
        return {"strips": strips, **curves}

    def seconds(self, item: int) -> float:
        """Return how long a clip of frames lasts; 0 if that is not known."""
        places = self._places(item, (HIT, FALSE))
        ends = [float(each[:, :2].max(initial=0.0)) for each in places]
        return max([self.answered.seconds(item), *ends])

    def focus(self, item: int, seconds: float) -> float | None:
        """Return where pipelines are wrong most in so many seconds."""
        places = self._places(item, (FALSE, MISSED))
        wrong = np.sort(np.concatenate([[], *(each[:, 0] for each in places)]))
        if not len(wrong):
            return None
        starts = np.maximum(0.0, wrong - LEAD)
        before = np.searchsorted(wrong, starts)
        inside = np.searchsorted(wrong, starts + seconds) - before
        return float(starts[inside.argmax()])

    def _places(self, item: int, kinds: Sequence[str]) -> list[np.ndarray]:
        return [
            self.scorer.places(marks[kind])
            for (_, i), marks in self.marks.items()
            if i == item
            for kind in kinds
        ]


def _scaled(name: str, values: list[float]) -> list[Any]:
    """Return an activation that is not a probability as shares of its largest."""
    largest = max(values)
    if largest <= 1:
        return [name, values]
    return [f"{name} / {largest:.3g}", rounded(np.array(values) / largest)]


def _range_of(pitches: Sequence[np.ndarray]) -> dict[str, int]:
    """Return the lowest and the highest pitch of a clip, if events have any."""
    found = np.concatenate([[], *pitches])
    return {"low": int(found.min()), "high": int(found.max())} if len(found) else {}


def _n_of_all(numbers: dict[int, int]) -> int:
    return sum(numbers.values())


def _plural(kind: str, number: int) -> str:
    return kind if number == 1 or kind == MISSED else f"{kind}s"
