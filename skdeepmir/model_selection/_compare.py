"""Pipelines side by side under one protocol: ``compare``."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning

from skdeepmir._printable import printable
from skdeepmir._warnings import warn_user
from skdeepmir._workers import leave_with_parent
from skdeepmir.model_selection._annotations import default_scoring
from skdeepmir.model_selection._comparison import Comparison
from skdeepmir.model_selection._fingerprints import Fingerprints
from skdeepmir.model_selection._kept import PartStore
from skdeepmir.model_selection._monitor import Monitor
from skdeepmir.model_selection._parts import Part, Work
from skdeepmir.model_selection._protocol import Protocol, read_protocol
from skdeepmir.model_selection._records import Records
from skdeepmir.model_selection._scoring import Metric, last_step, read_scoring
from skdeepmir.model_selection._setting import Failure, Setting

LISTED = 3  # places of a warning that is told once
Task = tuple[str, int]  # the name of a pipeline, and the number of a split


def compare(
    pipelines: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    cv: Any = None,
    X_test: Any = None,
    y_test: Any = None,
    groups_test: Any = None,
    scoring: str | Callable[..., Any] | Collection[str] | None = "auto",
    baseline: str | None = None,
    activations: bool = False,
    cache_dir: Any = None,
    n_jobs: int | None = None,
    verbose: bool = True,
) -> Comparison:
    """Fit and test pipelines on the same clips and test their differences.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Names and pipelines. They are cloned.
    X : list of path, list of ndarray, or ndarray
        Clips.
    y : array-like or sparse matrix of shape (n_clips,) or (n_clips, n_tags), or list \
            of length n_clips
        Labels; for recognisers of chords, detectors of onsets and transcribers an
        annotation of each clip: intervals and labels, times in seconds, notes, or the
        path of a file.
    groups : array-like of shape (n_clips,), default=None
        Artist, album, speaker or instrument of each clip. They also reach searches
        (``GridSearchCV(..., cv=StratifiedGroupKFold())``) among the pipelines, so that
        inner folds keep them whole as well. Names that differ only in surrounding
        spaces, or in whether their accents are composed, are one group.
    cv : int, cross-validator, array-like of shape (n_clips,) or iterable of \
            (train, test), default=None
        An int is the number of folds; None is 5. They are stratified for classifiers,
        and keep ``groups`` whole if given (``StratifiedGroupKFold``, for tags
        ``MultilabelStratifiedGroupKFold``). An array has the fold of each clip, as
        ``cv=clips.folds``; each value is tested on once, -1 never. Pairs have row
        numbers or masks; a single split is ``[(train, test)]``. Tables and messages
        count folds from 0, those of an array in the order of their sorted names.
    X_test, y_test, groups_test : as X, y and groups, default=None
        A test set of its own, such as another collection, in place of ``cv``: each
        pipeline is fitted once, to all of X. Columns of data frames of tags are brought
        into the order of ``y``.
    scoring : str, callable, list of str or dict of str to str or callable, \
            default="auto"
        Scorers, or their names: those of scikit-learn, and of the field, as "auc_tag"
        or "wcsr_majmin", see :func:`skdeepmir.metrics.get_scorer`. Greater is better.
        "auto" is "wcsr_majmin" for recognisers of chords, "onset_f1" for detectors of
        onsets, "note_f1" for transcribers, and "accuracy" for anything else. None takes
        the pipelines' own ``score``.
    baseline : str, default=None
        The pipeline that all others are tested against; None takes the first.
    activations : bool, default=False
        Whether to keep, of pipelines that have ``predict_activations``, when in each
        test clip they found what: for :meth:`Comparison.to_html` and
        :attr:`Comparison.predictions`.
    cache_dir : str or PathLike, default=None
        A folder that keeps each finished part (a pipeline on a fold), so that a
        comparison that was killed goes on, and one with another pipeline, fold or score
        computes only what is missing. None keeps nothing.
    n_jobs : int, default=None
        Number of fits to run in parallel, through joblib.
    verbose : bool, default=True
        Whether to write a line to standard error for each finished part, with its
        scores and seconds, and how long the rest will take; on a terminal there is a
        bar besides.

    Returns
    -------
    comparison : Comparison
        Scores, times, tests and predictions. Printed, it is a table;
        :meth:`Comparison.to_html` writes a report with the sound of the clips.

    Raises
    ------
    ValueError
        If a clip has no label or no group (None, NaN, a masked value or blank text);
        the message names the clip. If their number differs from that of the clips,
        annotations cannot be used, there are fewer groups than folds, ``cv`` has
        rows that do not exist, or labels of the test set are of another kind. If a
        scorer is unknown, or cannot score these pipelines and labels; all of this is
        noticed before anything is fitted.
    Exception
        What the first fit raised, if every fit of every pipeline fails.

    Warns
    -----
    FitFailedWarning
        If a pipeline cannot be fitted or scored on a fold, with its name, the fold and
        the reason. Its score there is NaN, and all others are kept.
    UserWarning
        If clips, clips of one group, or files with the same bytes, are on both sides of
        a split: scores are then too good. If the test set has labels or tags that no
        training clip has. If a finished part on disk is damaged, or the folder cannot
        be used.
    UndefinedMetricWarning
        Once, if tags or clips have no score in some folds.

    Notes
    -----
    A finished part belongs to the parameters of its pipeline (but for ``n_jobs``,
    ``verbose`` and folders of caches), the source of its classes and functions, the
    content of clips and files, labels, the rows that are trained and tested on, and the
    versions of the libraries: its name is a hash of all of these. It holds predictions,
    so that other scores by name need no new fit; scorers that are functions of your own
    do, and so do ``activations`` that were not kept before. A function that your
    classes call is not looked at: take another folder if it changes. Parts that fail
    are not kept.

    The result holds X (or X_test) without a copy, so that a report can show and play
    clips; a pickle of it has the paths of clips, but neither waveforms nor frames.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from skdeepmir import compare
    >>> from skdeepmir.baselines import mel_svm
    >>> from skdeepmir.datasets import make_instrument_clips
    >>> clips = make_instrument_clips(n_clips=12, n_instruments=6, duration=0.3,
    ...                               random_state=0)
    >>> result = compare({"guess": DummyClassifier(), "mel": mel_svm()}, clips.data,
    ...                  clips.target, cv=2, verbose=False)
    >>> list(result.summary().index)
    ['guess', 'mel']
    """
    if not isinstance(pipelines, dict) or not pipelines:
        raise ValueError(
            f"pipelines={pipelines!r} must be a dict from names to estimators."
        )
    for name, pipeline in pipelines.items():
        if not isinstance(name, str):
            raise ValueError(f"pipelines: the name {name!r} is not text.")
        clone(pipeline)  # refuses what is not an estimator before anything is fitted
    started = time.perf_counter()
    baseline = next(iter(pipelines)) if baseline is None else baseline
    if baseline not in pipelines:
        raise ValueError(f"baseline={baseline!r} is not one of {list(pipelines)}.")
    if isinstance(scoring, str) and scoring == "auto":
        scoring = default_scoring(map(last_step, pipelines.values()))
    metrics = read_scoring(scoring)
    protocol = read_protocol(
        pipelines, metrics, (X, y, groups), (X_test, y_test, groups_test), cv
    )
    work, keys = _make_work(pipelines, protocol, metrics, cache_dir, bool(activations))
    parts = _all_parts(pipelines, work, keys, n_jobs, verbose)
    _raise_if_all_failed(pipelines, parts)
    setting = Setting.of(pipelines, protocol, started)
    setting.warnings += _warnings_of_parts(parts)
    setting.failures += [
        Failure(name, i, f"{what} failed: {reason}")
        for (name, i), part in parts.items()
        for what, reason in _failures(name, part).items()
    ]
    return _comparison(protocol, metrics, parts, baseline, setting)


def _make_work(
    pipelines: dict[str, Any],
    protocol: Protocol,
    metrics: Sequence[Metric],
    cache_dir: Any,
    activations: bool,
) -> tuple[Work, dict[Task, str]]:
    """Return what workers need, and the names of the parts in the order of work."""
    # Fold by fold: scores of all pipelines are seen early, and how long each takes.
    tasks = [(name, i) for i in range(len(protocol.splits)) for name in pipelines]
    if cache_dir is None:
        work = Work(protocol, metrics, activations=activations)
        return work, dict.fromkeys(tasks, "")
    store = PartStore(cache_dir)
    fingerprints = Fingerprints(pipelines, protocol)
    known = {
        metric.name: fingerprints.of_metric(metric.scorer, metric.name)
        for metric in metrics
    }
    keys = {task: fingerprints.of_part(*task) for task in tasks}
    return Work(protocol, metrics, store, known, activations), keys


def _all_parts(
    pipelines: dict[str, Any],
    work: Work,
    keys: dict[Task, str],
    n_jobs: int | None,
    verbose: bool,
) -> dict[Task, Part]:
    """Find or compute all parts, telling of each; in the order of pipelines."""
    protocol = work.protocol
    found = {task: work.find(key, task[1]) for task, key in keys.items()}
    missing = [task for task, part in found.items() if part is None]
    monitor = Monitor(
        missing,
        n_kept=len(found) - len(missing),
        n_workers=effective_n_jobs(n_jobs),
        is_one_test=protocol.elsewhere is not None,
        verbose=verbose,
    )
    parts: dict[Task, Part] = {}
    undefined: dict[int, str] = {}
    try:
        for task, part in _finished(pipelines, work, keys, found, missing, n_jobs):
            parts[task] = part
            monitor.tell(*task, part)
            _warn_of_failures(task[0], part, protocol.place(task[1]))
            if work.store is not None:
                work.store.warn_of_problem(part.disk_problem)
            for problem in part.problems:
                undefined.setdefault(task[1], problem)
    finally:
        monitor.close()
    if undefined:
        fold = min(undefined)
        n_folds = f"{len(undefined)} of {len(protocol.splits)} folds"
        place = f"in {n_folds}. Fold {fold}"
        if protocol.elsewhere is not None:
            place = protocol.place(fold)
        warn_user(
            f"some scores are not defined {place}: {undefined[fold]}",
            UndefinedMetricWarning,
        )
    folds = range(len(protocol.splits))
    return {(name, i): parts[name, i] for name in pipelines for i in folds}


def _finished(
    pipelines: dict[str, Any],
    work: Work,
    keys: dict[Task, str],
    found: dict[Task, Part | None],
    missing: list[Task],
    n_jobs: int | None,
) -> Iterator[tuple[Task, Part]]:
    """Yield parts as they come: those that were kept first."""
    for task, part in found.items():
        if part is not None:
            yield task, part
    yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(_run)(work, clone(pipelines[name]), (name, i), keys[name, i])
        for name, i in missing
    )


def _run(work: Work, pipeline: Any, task: Task, key: str) -> tuple[Task, Part]:
    leave_with_parent()
    return task, work.run(pipeline, task[1], key)


def _warn_of_failures(name: str, part: Part, place: str) -> None:
    for what, reason in _failures(name, part).items():
        warn_user(
            f"{what} failed {place}, where its score is NaN ({reason})",
            FitFailedWarning,
        )


def _failures(name: str, part: Part) -> dict[str, str]:
    """Return what failed of a part, and why."""
    failed = {
        f"score {metric!a} of pipeline {name!a}": error
        for metric, error in part.errors.items()
    }
    if part.error is not None:
        failed = {f"pipeline {name!a}": part.error}
    return {
        what: printable(f"{type(error).__name__}: {error}")
        for what, error in failed.items()
    }


def _warnings_of_parts(parts: dict[Task, Part]) -> list[str]:
    """Return what was warned of in fits and scores, with where that was."""
    places: dict[str, list[str]] = {}
    for (name, i), part in parts.items():
        warned = [] if part.kept is None else part.kept.warnings
        for text in dict.fromkeys([*warned, *part.problems]):
            places.setdefault(text, []).append(f"{name}, fold {i}")
    found = []
    for text, where in places.items():
        more = " ..." if len(where) > LISTED else ""
        found.append(printable(f"{text} ({'; '.join(where[:LISTED])}{more})"))
    return found


def _raise_if_all_failed(pipelines: dict[str, Any], parts: dict[Task, Part]) -> None:
    errors = [part.error for part in parts.values() if part.error is not None]
    if errors and len(errors) == len(parts):
        errors[0].add_note(f"All {len(errors)} fits of {list(pipelines)} failed.")
        raise errors[0]


def _comparison(
    protocol: Protocol,
    metrics: list[Metric],
    parts: dict[Task, Part],
    baseline: str,
    setting: Setting,
) -> Comparison:
    tested = protocol.tested
    names = {name: None for part in parts.values() for name in part.scores}
    # A function that gives several scores names them; others may have failed.
    columns = [m.name for m in metrics if m.name in names or m.can_be_replayed]
    columns += [name for name in names if name not in columns]
    records = Records(
        [metric for metric in metrics if metric.can_be_replayed],
        tested.y,
        tested.groups,
        [test for _, test in protocol.splits],
        protocol.clips.tag_names or tested.tag_names,
        setting=setting,
        annotates=protocol.annotates,
    )
    rows = []
    for (name, i), part in parts.items():
        train, test = protocol.splits[i]
        failed = part.kept is None or part.error is not None
        row: dict[str, Any] = {"pipeline": name, "fold": i}
        row |= {column: part.scores.get(column, np.nan) for column in columns}
        row |= {"fit_time": np.nan, "predict_time": np.nan}
        if part.kept is not None and not failed:
            row["fit_time"] = part.kept.fit_time
            row["predict_time"] = part.kept.predict_time
            records.answers[name, i] = part.kept.answers
        rows.append({**row, "n_train": len(train), "n_test": len(test)})
    return Comparison(pd.DataFrame(rows), columns, baseline, records)
