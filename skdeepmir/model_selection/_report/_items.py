"""What a report tells of each tested clip, by the kind of labels: facts for its script.

An *item* is a clip in a test set; a clip that is tested on in several folds is several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepmir._printable import printable
from skdeepmir.model_selection._annotations import KINDS
from skdeepmir.model_selection._answers import SCORES, Answers
from skdeepmir.model_selection._confusion import (
    are_labels,
    in_order,
    names_of_classes,
    names_of_tags,
)
from skdeepmir.model_selection._records import Records

MOST_LISTED = 200  # of what all pipelines get wrong
MOST_TAGS = 8  # whose activations are drawn
# What a pipeline said of an item: the text, whether it is right (or None), and a note.
Said = tuple[str, bool | None, str]


@dataclass
class Told:
    """What a report says about tested clips, its items.

    Attributes
    ----------
    kind : str
        "classes", "tags", "chords", "onsets", "notes", "numbers", or "" where there is
        nothing to tell.
    items : list of (int, int)
        Test set and clip.
    truth : list of str
        What is right.
    said : dict of str to list of Said or None
        By pipeline; None where it failed.
    matrices : dict of str to list of dict
        Confusion matrices, by pipeline; a cell is None or its text, its share of the
        row, and its items (None are all others of the row).
    lists : list of dict
        Items that are worth a look: title, text, items.
    badness : ndarray of shape (n_items,)
        How wrong pipelines are on average; sound of what is worse comes first.
    problems : dict of int to str
        What is wrong with the labels of items.
    """

    kind: str
    items: list[tuple[int, int]]
    truth: list[str]
    said: dict[str, list[Said | None]]
    matrices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lists: list[dict[str, Any]] = field(default_factory=list)
    badness: np.ndarray = field(default_factory=lambda: np.zeros(0))
    problems: dict[int, str] = field(default_factory=dict)

    def details(self, item: int) -> dict[str, Any]:
        """Return what only the card of an item shows."""
        return {}

    def focus(self, item: int, seconds: float) -> float | None:
        """Return the second at which an excerpt should begin; None is the middle."""
        return None

    def seconds(self, item: int) -> float:
        """Return how long a clip of frames lasts; 0 if that is not known."""
        return 0.0

    def tell(self, badness: np.ndarray) -> None:
        """Take in how wrong each pipeline is: (n_pipelines, n_items), NaN if failed."""
        known = np.isfinite(badness)
        sums = np.where(known, badness, 0).sum(axis=0)
        self.badness = sums / np.maximum(known.sum(axis=0), 1)


class Answered:
    """The answers of pipelines in the order of items.

    Parameters
    ----------
    records : Records
        Those of a comparison.
    pipelines : list of str
        Their names.
    """

    def __init__(self, records: Records, pipelines: Sequence[str]) -> None:
        self.records, self.pipelines = records, pipelines
        self.items = [
            (fold, int(clip))
            for fold, test in enumerate(records.tests)
            for clip in test
        ]
        self.place = [
            (fold, i)
            for fold, test in enumerate(records.tests)
            for i in range(len(test))
        ]
        self.truth = records.y[[clip for _, clip in self.items]]
        self._scores: dict[tuple[str, int, tuple[str, ...]], Any] = {}

    def of(self, pipeline: str, item: int) -> tuple[Answers, int] | None:
        """Return the answers that an item is among, and its place there."""
        fold, i = self.place[item]
        answers = self.records.answers.get((pipeline, fold))
        if answers is None or answers.predicted is None:
            return None
        return answers, i

    def predicted(self, pipeline: str) -> list[Any]:
        """Return what was predicted for each item, or None."""
        found = (self.of(pipeline, item) for item in range(len(self.items)))
        return [None if each is None else each[0].predicted[each[1]] for each in found]

    def scores(self, pipeline: str, item: int, *methods: str) -> np.ndarray | None:
        """Return what the first of some methods gave for an item, or None."""
        fold, i = self.place[item]
        key = pipeline, fold, methods
        if key not in self._scores:  # of forests, it is put together from all tags
            answers = self.records.answers.get((pipeline, fold))
            self._scores[key] = answers and answers.scores_of(*methods)
        found = self._scores[key]
        return None if found is None else np.asarray(found[i], float)

    def activations(
        self, pipeline: str, item: int
    ) -> tuple[np.ndarray, np.ndarray, Any] | None:
        """Return activations (n, n_outputs), times (n, 2) and classes of an item."""
        found = self.of(pipeline, item)
        if found is None or not found[0].activations or not found[0].times:
            return None
        answers, i = found
        values, times = answers.activations[i], answers.times[i]
        if values.ndim == 1:  # of a single output
            values = values[:, np.newaxis]
        return (values, times, answers.classes) if len(values) else None

    def seconds(self, item: int) -> float:
        """Return when the last activation of an item ends; 0 if none is known."""
        found = (self.activations(pipeline, item) for pipeline in self.pipelines)
        ends = [float(times[-1, 1]) for _, times, _ in filter(None, found)]
        return max(ends, default=0.0)


def tell(
    records: Records, pipelines: Sequence[str], target_names: Sequence[str] | None
) -> Told:
    """Return what a report tells of clips."""
    answered = Answered(records, pipelines)
    predicted = {name: answered.predicted(name) for name in pipelines}
    given = [each for found in predicted.values() for each in found if each is not None]
    truth = answered.truth
    if target_names is None:
        target_names = records.tag_names
    matching = KINDS[records.annotates].matching if records.annotates else None
    if given and matching:
        from skdeepmir.model_selection._report._events import EventsTold

        return EventsTold.of(answered, predicted, matching)
    if given and truth.ndim == 1 and isinstance(given[0], np.ndarray | tuple | list):
        from skdeepmir.model_selection._report._songs import SongsTold, are_chords

        if are_chords(given[0]):
            return SongsTold.of(answered, predicted)
    elif given and not are_labels(records.answers.values(), truth, *given):
        return _numbers(answered, predicted)
    elif given and truth.ndim == 2:
        return TagsTold.of(answered, predicted, target_names)
    elif given and all(isinstance(each, Hashable) for each in given):
        return ClassesTold.of(answered, predicted, target_names)
    told = Told("", answered.items, [""] * len(truth), {})
    told.badness = np.zeros(len(truth))
    tested = list(range(min(MOST_LISTED, len(truth))))
    told.lists = [{"title": "Tested clips", "text": "", "items": tested}]
    return told


@dataclass
class OutputsTold(Told):
    """What a report says about classes or tags, perhaps with activations."""

    answered: Answered = field(kw_only=True)
    names: list[str] = field(kw_only=True)

    def seconds(self, item: int) -> float:
        """Return how long a clip of frames lasts; 0 if that is not known."""
        return self.answered.seconds(item)


@dataclass
class ClassesTold(OutputsTold):
    """What a report says about classes."""

    labels: list[Any] = field(kw_only=True)

    @classmethod
    def of(
        cls,
        answered: Answered,
        predicted: dict[str, list[Any]],
        target_names: Sequence[str] | None,
    ) -> ClassesTold:
        """Tell of classes."""
        truth = answered.truth.tolist()
        found = {
            name: [None if each is None else _plain(each) for each in items]
            for name, items in predicted.items()
        }
        labels = in_order({*truth, *(x for f in found.values() for x in f)} - {None})
        names = [str(name) for name in names_of_classes(labels, target_names)]
        place = {label: i for i, label in enumerate(labels)}
        given = [names[place[label]] for label in truth]
        told = cls(
            *("classes", answered.items, given, {}),
            answered=answered,
            names=names,
            labels=labels,
        )
        badness = np.full((len(found), len(truth)), np.nan)
        for row, (pipeline, items) in enumerate(found.items()):
            chances = [told._chance(pipeline, i, x) for i, x in enumerate(items)]
            told.said[pipeline] = [
                None
                if x is None
                else (names[place[x]], x == truth[i], _as_text(chances[i]))
                for i, x in enumerate(items)
            ]
            cells = defaultdict(list)
            # What it was most sure of comes first.
            for i in np.argsort([-(c or 0) for c in chances], kind="stable").tolist():
                if items[i] is not None:
                    cells[place[truth[i]], place[items[i]]].append(i)
                    badness[row, i] = items[i] != truth[i]
            if cells:
                told.matrices[pipeline] = [matrix("", names, names, cells, len)]
        told.tell(badness)
        told.lists = [_all_wrong(told, badness == 1, badness)]
        return told

    def _chance(self, pipeline: str, item: int, label: Any) -> float | None:
        """Return the probability of a label, or None."""
        found = self.answered.of(pipeline, item)
        if found is None or found[0].classes is None:
            return None
        scores = self.answered.scores(pipeline, item, "predict_proba")
        if scores is None or scores.ndim != 1:
            return None
        columns = np.flatnonzero(np.asarray(found[0].classes) == label)
        return float(scores[columns[0]]) if len(columns) else None

    def details(self, item: int) -> dict[str, Any]:
        """Return when classes are active."""
        truth = self.labels.index(_plain(self.answered.truth[item]))
        return curves_of(self.answered, item, self.names, {truth}, self.labels)


@dataclass
class TagsTold(OutputsTold):
    """What a report says about tags."""

    @classmethod
    def of(
        cls,
        answered: Answered,
        predicted: dict[str, list[Any]],
        target_names: Sequence[str] | None,
    ) -> TagsTold:
        """Tell of tags."""
        truth = answered.truth != 0
        names = [str(name) for name in names_of_tags(truth.shape[1], target_names)]

        def listed(tags: np.ndarray) -> str:
            return ", ".join(names[tag] for tag in np.flatnonzero(tags)) or "no tag"

        given = list(map(listed, truth))
        told = cls("tags", answered.items, given, {}, answered=answered, names=names)
        badness = np.full((len(predicted), len(truth)), np.nan)
        columns = ["present, found", "absent, found", "present, missed", "absent"]
        for row, (pipeline, items) in enumerate(predicted.items()):
            said: list[Said | None] = []
            cells: dict[tuple[int, int], list[int]] = defaultdict(list)
            n_rest = np.zeros(len(names), dtype=int)
            for i, each in enumerate(items):
                if each is None:
                    said.append(None)
                    continue
                tags = np.asarray(each) != 0
                wrong = badness[row, i] = int((tags != truth[i]).sum())
                said.append((listed(tags), wrong == 0, f"{wrong} wrong"))
                for tag in np.flatnonzero(tags | truth[i]).tolist():
                    is_hit = tags[tag] and truth[i, tag]
                    cells[tag, 0 if is_hit else 2 - tags[tag]].append(i)
                n_rest += ~(tags | truth[i])
            told.said[pipeline] = said
            if any(each is not None for each in said):
                found = matrix("", names, columns, cells, len, by_column=True)
                for tag, n in enumerate(n_rest.tolist()):
                    found["cells"][tag][3] = [str(n), 0.0, None] if n else None
                told.matrices[pipeline] = [found]
        told.tell(badness)
        told.lists = [_all_wrong(told, badness > 0, badness)]
        return told

    def details(self, item: int) -> dict[str, Any]:
        """Return the probabilities of tags that matter, and when they are active."""
        truth = self.answered.truth[item] != 0
        shown = set(np.flatnonzero(truth).tolist())
        rows: dict[str, list[float]] = {}
        are_chances = []
        for pipeline in self.answered.pipelines:
            found = self.answered.of(pipeline, item)
            if found is None:
                continue
            answers, i = found
            shown |= set(np.flatnonzero(answers.predicted[i]).tolist())
            scores = self.answered.scores(pipeline, item, *SCORES)
            if scores is not None:
                are_chances.append("predict_proba" in answers.responses)
                rows[pipeline] = scores.tolist()
                shown |= set(np.argsort(rows[pipeline])[-3:].tolist())
        told: dict[str, Any] = curves_of(self.answered, item, self.names, shown)
        if rows:
            told["chances"] = {
                "pipelines": list(map(printable, rows)),
                "are_chances": are_chances,
                "rows": [
                    [self.names[tag], bool(truth[tag])]
                    + [round(chances[tag], 3) for chances in rows.values()]
                    for tag in sorted(shown, key=lambda tag: (not truth[tag], tag))
                ],
            }
        return told


def curves_of(
    answered: Answered,
    item: int,
    names: Sequence[str],
    shown: set[int],
    labels: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """Return activations over time of some outputs, and of the strongest others."""
    curves = []
    for pipeline in answered.pipelines:
        found = answered.activations(pipeline, item)
        if found is None:
            continue
        values, times, classes = found
        outputs = list(range(len(names)))
        if labels is not None:  # of classes, those that the pipeline knows
            known = np.asarray(classes).tolist()
            outputs = [labels.index(label) for label in known if label in labels]
        if values.ndim != 2 or values.shape[1] != len(outputs):
            continue
        strongest = np.argsort(-values.max(axis=0), kind="stable").tolist()
        order = sorted(strongest, key=lambda column: outputs[column] not in shown)
        lines = [
            [names[outputs[column]], rounded(values[:, column])]
            for column in order[:MOST_TAGS]
        ]
        curves.append(
            {"pipeline": printable(pipeline), "times": rounded(times), "lines": lines}
        )
    return {"curves": curves} if curves else {}


def rounded(values: np.ndarray) -> list[Any]:
    """Return numbers that are short as text, which rounded float32 are not."""
    return np.round(values.astype(np.float64), 3).tolist()


def _numbers(answered: Answered, predicted: dict[str, list[Any]]) -> Told:
    truth = answered.truth.astype(float).reshape(len(answered.items), -1)
    told = Told("numbers", answered.items, [_listed(row) for row in truth], {})
    errors = np.full((len(predicted), len(truth)), np.nan)
    for row, (pipeline, items) in enumerate(predicted.items()):
        for i, each in enumerate(items):
            if each is not None:
                errors[row, i] = np.abs(np.ravel(each) - truth[i]).mean()
        told.said[pipeline] = [
            None
            if each is None
            else (_listed(each), None, f"off by {errors[row, i]:.4g}")
            for i, each in enumerate(items)
        ]
        if np.isfinite(errors[row]).any():
            told.lists.append(_largest(printable(pipeline), errors[row]))
    told.tell(errors)
    if len(predicted) > 1:
        told.lists.insert(0, _largest("all pipelines on average", told.badness))
    return told


def _largest(name: str, errors: np.ndarray) -> dict[str, Any]:
    order = np.argsort(-np.nan_to_num(errors, nan=-1), kind="stable")[:MOST_LISTED]
    return {
        "title": f"Largest errors of {name}",
        "text": "The clips that are furthest off come first.",
        "items": [int(i) for i in order if np.isfinite(errors[i])],
    }


def _all_wrong(told: Told, is_wrong: np.ndarray, badness: np.ndarray) -> dict[str, Any]:
    """Return the list of what all pipelines that answered get wrong."""
    answered = np.isfinite(badness)
    wrong = np.flatnonzero(((is_wrong | ~answered).all(axis=0)) & answered.any(axis=0))
    order = wrong[np.argsort(-told.badness[wrong], kind="stable")].tolist()
    n, of = len(order), int(answered.any(axis=0).sum())
    who = "every pipeline" if len(badness) > 1 else "the pipeline"
    text = f"{n} of {of} tested clips."
    if n > MOST_LISTED:
        text += f" The first {MOST_LISTED} are listed."
    return {
        "title": f"Clips that {who} gets wrong",
        "text": text,
        "items": order[:MOST_LISTED],
    }


def matrix(
    title: str,
    rows: Sequence[Any],
    columns: Sequence[Any],
    cells: dict[tuple[int, int], Any],
    size: Any,
    *,
    by_column: bool = False,
) -> dict[str, Any]:
    """Return a matrix whose cells have a text, a share of the row, and items."""
    totals: dict[int, float] = defaultdict(float)
    for (row, column), members in cells.items():
        totals[column if by_column else row] += size(members)
    table: list[list[Any]] = [[None] * len(columns) for _ in rows]
    for (row, column), members in cells.items():
        n = size(members)
        share = n / max(totals[column if by_column else row], 1e-9)
        text = f"{n:.0f}" if n >= 10 or n == round(n) else f"{n:.1f}"
        table[row][column] = [text, round(share, 3), list(members)]
    return {
        "title": title,
        "rows": list(map(str, rows)),
        "columns": list(map(str, columns)),
        "is_square": list(rows) == list(columns),
        "cells": table,
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _as_text(chance: float | None) -> str:
    return "" if chance is None else f"{chance:.2f}"


def _listed(values: Any) -> str:
    return ", ".join(f"{value:.4g}" for value in np.ravel(values))
