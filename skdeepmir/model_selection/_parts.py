"""One part of a comparison: a pipeline is fitted, asked and scored."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import config_context

from skdeepmir._printable import printable
from skdeepmir._sklearn import _safe_split
from skdeepmir.metrics._checks import collected
from skdeepmir.model_selection._answers import Answers, Recorded
from skdeepmir.model_selection._folds import takes_groups
from skdeepmir.model_selection._kept import KeptPart, PartStore
from skdeepmir.model_selection._protocol import Protocol
from skdeepmir.model_selection._scoring import COLUMNS, Metric, needed_responses


@dataclass
class Part:
    """What became of a pipeline on a split.

    Attributes
    ----------
    kept : KeptPart or None
        Its answers and seconds; None if it could not be fitted, or predicts nothing.
    scores : dict of str to float
        By the names of columns.
    error : Exception or None
        Why there is no score at all.
    errors : dict of str to Exception
        Why some scorers gave no score, by the names of the metrics.
    problems : list of str
        What metrics warned of.
    was_kept : bool
        Whether it was found on disk.
    disk_problem : Exception or None
        Why it could not be kept there.
    """

    kept: KeptPart | None = None
    scores: dict[str, float] = field(default_factory=dict)
    error: Exception | None = None
    errors: dict[str, Exception] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    was_kept: bool = False
    disk_problem: Exception | None = None


@dataclass(frozen=True)
class Work:
    """What workers need to compute parts.

    ``keys`` are the names of the metrics in the store. ``activations`` says whether
    parts need those.
    """

    protocol: Protocol
    metrics: Sequence[Metric]
    store: PartStore | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    activations: bool = False

    def find(self, key: str, i: int, *, loud: bool = True) -> Part | None:
        """Return a part from the store, if its answers suffice for all scores."""
        kept = None if self.store is None else self.store.read(key, loud=loud)
        if self.store is None or kept is None:
            return None
        if self.activations and kept.answers.activations is None:
            return None
        y = self.protocol.tested.y[self.protocol.splits[i][1]]
        part, is_new = Part(kept, was_kept=True), False
        for metric in self.metrics:
            if self.keys[metric.name] not in kept.scores:
                suffice = kept.answers.suffice_for(metric.methods)
                if not metric.can_be_replayed or not suffice:
                    return None
                try:
                    self._score(kept, metric, Recorded(kept.answers), y, y)
                except Exception:  # of any kind: the fit that follows tells of it
                    return None
                is_new = True
            self._tell(part, kept, metric)
        if is_new:
            self.store.write(key, kept)
        return part

    def run(self, pipeline: Any, i: int, key: str) -> Part:
        """Fit a pipeline on a split, unless another process did, and score it."""
        if self.store is None:
            return self._compute(pipeline, i)
        with self.store.lock(key):
            part = self.find(key, i, loud=False)
            if part is None:
                part = self._compute(pipeline, i)
                if part.kept is not None and part.error is None:
                    try:
                        self.store.write(key, part.kept)
                    except TypeError as error:  # predictions of a strange type
                        part.disk_problem = error
        part.disk_problem = part.disk_problem or self.store.problem
        return part

    def _compute(self, pipeline: Any, i: int) -> Part:
        part = Part()
        with _heard() as warned, collected() as problems:  # of searches that score
            try:
                self._fit_and_score(part, pipeline, i)
            except Exception as error:  # of any kind, as others' fits must not be lost
                part.error = error
        part.problems += problems
        if part.kept is not None:
            part.kept.warnings = list(dict.fromkeys(warned))
        return part

    def _fit_and_score(self, part: Part, pipeline: Any, i: int) -> None:
        clips, elsewhere = self.protocol.clips, self.protocol.elsewhere
        train, test = self.protocol.splits[i]
        start = time.perf_counter()
        X, y = _safe_split(pipeline, clips.X, clips.y, train)
        if clips.groups is None:
            fitted = pipeline.fit(X, y)
        else:
            taken = takes_groups(pipeline, "fit")
            with config_context(enable_metadata_routing=True):
                groups = {"groups": clips.groups[train]} if taken else {}
                fitted = pipeline.fit(X, y, **groups)
        middle = time.perf_counter()
        if elsewhere is None:
            X, y = _safe_split(pipeline, clips.X, clips.y, test, train)
        else:
            X, y = elsewhere.X, elsewhere.y
        needed = needed_responses(self.metrics, fitted)
        answers = Answers.of(fitted, X, needed, activations=self.activations)
        kept = part.kept = KeptPart(answers, middle - start, 0.0)
        for metric in self.metrics:
            estimator = Recorded(answers) if metric.can_be_replayed else fitted
            try:
                self._score(kept, metric, estimator, X, y)
                self._tell(part, kept, metric)
            except Exception as error:  # of any kind: other scores must not be lost
                part.errors[metric.name] = error
        kept.predict_time = time.perf_counter() - middle
        if not part.scores:
            part.error = next(iter(part.errors.values()))

    def _score(
        self, kept: KeptPart, metric: Metric, estimator: Any, X: Any, y: Any
    ) -> None:
        """Keep the scores of a scorer by their names, "" if there is one."""
        with collected() as problems:
            found = metric.scorer(estimator, X, y)
        key = self.keys.get(metric.name, metric.name)
        kept.scores[key] = _read_scores(metric.name, found)
        kept.problems[key] = problems

    def _tell(self, part: Part, kept: KeptPart, metric: Metric) -> None:
        """Put the scores of a scorer into the columns of a part."""
        key = self.keys.get(metric.name, metric.name)
        part.problems += kept.problems[key]
        scores = {name or metric.name: v for name, v in kept.scores[key].items()}
        if twice := sorted(part.scores.keys() & scores):
            raise ValueError(
                f"scoring={metric.name!a} gives the score {twice[0]!a}, which another "
                "scorer gives as well; expected a name of its own for each."
            )
        part.scores.update(scores)


def _read_scores(scorer: str, found: Any) -> dict[str, float]:
    """Return the scores that a scorer gave by their names, "" if there is one."""
    scores = dict(found) if isinstance(found, Mapping) else {"": found}
    are_good = [
        name not in COLUMNS
        and not isinstance(value, str | bytes | None)
        and np.ndim(value) == 0
        for name, value in scores.items()
    ]
    if not are_good or not all(are_good):
        raise ValueError(
            f"the scorer {scorer!a} gave {printable(repr(found))}; expected a number, "
            "or a dict from names to numbers. Columns of results cannot be names: "
            f"{', '.join(sorted(COLUMNS))}."
        )
    return {str(name): float(value) for name, value in scores.items()}


@contextlib.contextmanager
def _heard() -> Iterator[list[str]]:
    """Note the warnings that are shown meanwhile, which are shown all the same."""
    found: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield found  # others may be warned at the same time
        return
    show: Any = warnings.showwarning

    def note(message: Any, category: type, *where: Any, **others: Any) -> None:
        found.append(f"{category.__name__}: {message}")
        show(message, category, *where, **others)

    warnings.showwarning = note
    try:
        yield found
    finally:
        warnings.showwarning = show
