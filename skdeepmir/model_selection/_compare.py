"""Pipelines side by side under one protocol: ``compare``."""

from __future__ import annotations

import hashlib
import html
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Number

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import stats
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    check_cv,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples

from skdeepmir._disk import path_name, user_path
from skdeepmir._errors import refuse_masked
from skdeepmir._groups import check_groups
from skdeepmir._printable import printable
from skdeepmir._progress import progress
from skdeepmir._sklearn import BaseSearchCV
from skdeepmir._validation import (
    check_clip_labels,
    dense_labels,
    refuse_missing_labels,
    shown_label,
)
from skdeepmir._warnings import warn_user
from skdeepmir.chord_recognition._coding import check_annotations
from skdeepmir.chord_recognition._recognizer import ChordRecognizer
from skdeepmir.frames import PATH_TYPES, as_sequence, object_array
from skdeepmir.metrics._checks import collected
from skdeepmir.metrics._chord_scorers import ChordScorer
from skdeepmir.model_selection._splitters import MultilabelStratifiedGroupKFold
from skdeepmir.plotting import ComparisonDisplay

# What cross_validate would return where a pipeline failed.
FAILED = {key: [np.nan] for key in ("test_score", "fit_time", "score_time")}


def compare(
    pipelines,
    X,
    y,
    *,
    groups=None,
    cv=5,
    scoring="accuracy",
    baseline=None,
    n_jobs=None,
    verbose=True,
):
    """Cross-validate pipelines on the same folds and test their differences.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Names and pipelines. They are cloned.
    X : list of path, list of ndarray, or ndarray
        Clips.
    y : array-like or sparse matrix of shape (n_clips,) or (n_clips, n_tags), or list \
            of length n_clips
        Labels; for chord recognisers an annotation of each clip.
    groups : array-like of shape (n_clips,), default=None
        Artist, album, speaker or instrument of each clip. They also reach searches
        (``GridSearchCV(..., cv=StratifiedGroupKFold())``) among the pipelines, so that
        inner folds keep them whole as well. Names that differ only in surrounding
        spaces, or in whether their accents are composed, are one group.
    cv : int, cross-validator or iterable of (train, test), default=5
        An int is the number of folds. They are stratified for classifiers, and keep
        ``groups`` whole if given (``StratifiedGroupKFold``, for tags
        ``MultilabelStratifiedGroupKFold``).
    scoring : str or callable, default="accuracy"
        A scorer, or the name of one; greater is better.
    baseline : str, default=None
        The pipeline that all others are tested against; None takes the first.
    n_jobs : int, default=None
        Number of fits to run in parallel, through joblib.
    verbose : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    comparison : Comparison
        Scores, times and tests.

    Raises
    ------
    ValueError
        If a clip has no label or no group (None, NaN, a masked value or blank text);
        the message names the clip. If their number differs from that of the clips,
        chord annotations cannot be used, there are fewer groups than folds, or the
        scorer is unknown.
    Exception
        What the first fit raised, if every fit of every pipeline fails.

    Warns
    -----
    FitFailedWarning
        If a pipeline cannot be fitted or scored on a fold, with its name, the fold and
        the reason. Its score there is NaN, and all others are kept.
    UserWarning
        If clips of one group, or files with the same bytes, are on both sides of a
        split: scores are then too good.
    UndefinedMetricWarning
        Once, if tags or clips have no score in some folds.

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
    for pipeline in pipelines.values():
        clone(pipeline)  # refuses what is not an estimator before anything is fitted
    baseline = next(iter(pipelines)) if baseline is None else baseline
    if baseline not in pipelines:
        raise ValueError(f"baseline={baseline!r} is not one of {list(pipelines)}.")
    are_classes = any(is_classifier(pipeline) for pipeline in pipelines.values())
    _check_scoring(scoring)
    refuse_masked("X", X)
    y = _check_targets(y, X, pipelines.values(), scoring)
    n_clips = _num_samples(X)
    check_clip_labels(y, n_clips)
    if groups is not None:
        groups = check_groups(groups, n_clips)
    splits = _make_splits(cv, y, groups, are_classes)
    _warn_of_leaks(X, groups, splits)

    tasks = [(name, i) for name in pipelines for i in range(len(splits))]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_run_fold)(clone(pipelines[name]), X, y, groups, splits[i], scoring)
        for name, i in tasks
    )
    bar = progress(
        results, total=len(tasks), label="Comparing", unit="fits", verbose=verbose
    )
    metric = scoring if isinstance(scoring, str) else "score"
    rows, first_error, n_failed, undefined = [], None, 0, {}
    for (name, i), (result, problems) in zip(tasks, bar, strict=True):
        for problem in problems:
            undefined.setdefault(i, problem)
        if isinstance(result, Exception):
            n_failed += 1
            first_error = first_error or result
            reason = printable(f"{type(result).__name__}: {result}")
            warn_user(
                f"pipeline {name!a} failed in fold {i} of {len(splits)}, where its "
                f"score is NaN ({reason})",
                FitFailedWarning,
            )
            result = FAILED
        row = {
            "pipeline": name,
            "fold": i,
            metric: _only_score(result),
            "fit_time": result["fit_time"][0],
            "predict_time": result["score_time"][0],
            "n_train": len(splits[i][0]),
            "n_test": len(splits[i][1]),
        }
        rows.append(row)
    if undefined:
        fold = min(undefined)
        warn_user(
            f"some scores are not defined in {len(undefined)} of {len(splits)} "
            f"folds. Fold {fold}: {undefined[fold]}",
            UndefinedMetricWarning,
        )
    if n_failed == len(tasks):
        first_error.add_note(f"All {n_failed} fits of {list(pipelines)} failed.")
        raise first_error
    return Comparison(pd.DataFrame(rows), metric, baseline)


@dataclass(repr=False)
class Comparison:
    """Scores of pipelines on the same folds.

    Parameters
    ----------
    folds : DataFrame
        One row for each pipeline and fold: its score, seconds to fit and to predict and
        score the test clips, and numbers of clips. Score and seconds are NaN where the
        pipeline failed.
    metric : str
        The column with the scores.
    baseline : str
        The pipeline that the others are tested against.
    """

    folds: pd.DataFrame
    metric: str
    baseline: str

    def __repr__(self):
        names = self.folds["pipeline"].unique().tolist()
        return (
            f"Comparison(pipelines={names!a}, metric={self.metric!a}, "
            f"baseline={self.baseline!a}, folds={self.folds['fold'].nunique()})"
        )

    def summary(self):
        """Summarise scores, times and tests in one row for each pipeline.

        Returns
        -------
        summary : DataFrame
            "mean" and "se" (standard error) of the score over the folds that have one;
            "difference" to the baseline and its two-sided "p_value" by the corrected
            resampled t-test, over the folds where both have a score; "fit_time" and
            "predict_time", mean seconds per fold; "n_scored", the number of folds with
            a score; and "n_failed", the number of folds in which the pipeline failed.
            In other folds without a score, the score is not defined. Control characters
            in names are escaped.

        Notes
        -----
        Training sets of several folds overlap, so the usual paired t-test finds too
        many differences; Nadeau and Bengio (2003) correct its variance by the ratio of
        test to training clips.
        """
        scores = self.folds.pivot(index="fold", columns="pipeline", values=self.metric)
        first = self.folds.drop_duplicates("fold").set_index("fold")
        ratios = first["n_test"] / first["n_train"]
        names, rows = [], []
        for name, folds in self.folds.groupby("pipeline", sort=False):
            difference = (scores[name] - scores[self.baseline]).dropna()
            ratio = float(ratios[difference.index].mean())
            is_baseline = name == self.baseline
            row = {
                "mean": scores[name].mean(),
                "se": scores[name].std() / np.sqrt(scores[name].count()),
                "difference": np.nan if is_baseline else difference.mean(),
                "p_value": np.nan
                if is_baseline
                else corrected_t_test(difference.to_numpy(), ratio),
                "fit_time": folds["fit_time"].mean(),
                "predict_time": folds["predict_time"].mean(),
                "n_scored": int(scores[name].count()),
                "n_failed": int(folds["fit_time"].isna().sum()),
            }
            names.append(printable(name))
            rows.append(row)
        return pd.DataFrame(rows, index=names)

    def to_markdown(self):
        """Return the summary as a Markdown table.

        Returns
        -------
        table : str
            One line for each pipeline. Where folds have no score, it says how many
            have one. Names are escaped for Markdown, HTML and terminals.
        """
        lines = [
            f"| pipeline | {_in_markdown(self.metric)} | to "
            f"{_in_markdown(self.baseline)} | p | fit (s) | predict (s) |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        n_folds = self.folds["fold"].nunique()
        for name, row in self.summary().iterrows():
            change, p_value = "", ""
            if name != printable(self.baseline):
                change, p_value = f"{row.difference:+.3f}", f"{row.p_value:.3f}"
            score = f"{row['mean']:.3f} ± {row.se:.3f}"
            if row.n_scored < n_folds:
                score += f" ({row.n_scored:.0f} of {n_folds} folds)"
            lines.append(
                f"| {_in_markdown(name)} | {score} | {change} "
                f"| {p_value} | {row.fit_time:.1f} | {row.predict_time:.1f} |"
            )
        return "\n".join(lines)

    def plot(self, ax=None):
        """Draw the scores of all folds with mean and standard error.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            With ``ax_`` and ``figure_``.
        """
        return ComparisonDisplay(self.folds, self.metric).plot(ax)


def _in_markdown(name):
    """Escape a name for a cell of a Markdown table."""
    text = html.escape(printable(name), quote=False)
    return re.sub(r"([\\`*\[\]|$])", r"\\\1", text)


def corrected_t_test(
    differences: NDArray[np.float64], test_train_ratio: float
) -> float:
    """Return the p-value of the corrected resampled t-test (Nadeau and Bengio 2003).

    Parameters
    ----------
    differences : ndarray of shape (n_folds,)
        Differences of two scores on the same folds.
    test_train_ratio : float
        Test clips per training clip.

    Returns
    -------
    p_value : float
        Two-sided; 1 if all differences are 0, NaN with a single fold.
    """
    n_folds = len(differences)
    if n_folds < 2:
        return float("nan")
    mean, variance = differences.mean(), differences.var(ddof=1)
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    t = mean / np.sqrt((1 / n_folds + test_train_ratio) * variance)
    return float(2 * stats.t.sf(abs(t), n_folds - 1))


def _check_scoring(scoring):
    """Refuse scorers that are unknown, and several of them."""
    if isinstance(scoring, str):
        try:
            get_scorer(scoring)
        except ValueError as error:
            near = get_close_matches(scoring, get_scorer_names(), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"scoring={scoring!a} is not the name of a scorer.{hint} See "
                "sklearn.metrics.get_scorer_names(). For chords and tags pass a scorer "
                "such as skdeepmir.metrics.TAG_SCORERS['auc_tag']."
            ) from error
    elif isinstance(scoring, list | tuple | dict | set):
        raise _several_scores(scoring)
    elif scoring is not None and not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r} is not a scorer; expected a name, or a callable "
            "scorer(estimator, X, y)."
        )


def _check_targets(y, X, pipelines, scoring):
    """Return labels, values or annotations as an array, one for each clip."""
    # They are checked here, where row numbers are those of y, not of a fold.
    y = dense_labels(y)
    last = [_last_step(pipeline) for pipeline in pipelines]
    if any(is_classifier(step) for step in last):
        refuse_missing_labels(y)
        return np.asarray(y)
    refuse_missing_labels(y, in_rows=any(is_regressor(step) for step in last))
    y = _targets(y)
    are_rows = all(isinstance(item, str) for item in y) and np.ndim(X) == 2
    if not are_rows and (
        isinstance(scoring, ChordScorer)
        or any(isinstance(step, ChordRecognizer) for step in last)
    ):
        check_annotations(y)
    return y


def _last_step(pipeline):
    """Return the last step, inside pipelines and searches."""
    while True:
        if isinstance(pipeline, Pipeline):
            pipeline = pipeline.steps[-1][1]
        elif isinstance(pipeline, BaseSearchCV):
            pipeline = pipeline.estimator
        else:
            return pipeline


def _targets(y):
    """Return numbers as an array, anything else as one object for each clip."""
    if hasattr(y, "shape"):
        return np.asarray(y)
    items = list(y)
    if all(isinstance(item, Number) for item in items):
        return np.asarray(items)
    return object_array(items)


def _only_score(result):
    if "test_score" not in result:
        raise _several_scores(
            key.removeprefix("test_") for key in result if key[:5] == "test_"
        )
    return result["test_score"][0]


def _several_scores(names):
    return ValueError(
        f"scoring gives several scores, {', '.join(map(str, names))}; expected one, "
        "such as skdeepmir.metrics.CHORD_SCORERS['majmin']."
    )


def _make_splits(cv, y, groups, are_classes):
    if isinstance(cv, Integral) and groups is not None:
        n_groups = len(set(groups.tolist()))
        if n_groups < cv:
            raise ValueError(
                f"there are {n_groups} groups, but {cv} folds (cv={cv}), and each fold "
                "tests on groups of its own. Use at most as many folds as groups."
            )
        if not are_classes:
            cv = GroupKFold(int(cv))
        elif y.ndim == 1:
            cv = StratifiedGroupKFold(int(cv))
        else:
            cv = MultilabelStratifiedGroupKFold(int(cv), random_state=0)
    splitter = check_cv(cv, y, classifier=are_classes)
    if not _takes_groups(splitter, "split"):
        groups = None
    return list(splitter.split(np.zeros(len(y)), y, groups))


def _run_fold(pipeline, X, y, groups, split, scoring):
    """Return what cross_validate does, or the error, and the warnings of metrics."""
    with collected() as problems:
        try:
            result = _cross_validate(pipeline, X, y, groups, split, scoring)
        except Exception as error:  # of any kind, as others' fits must not be lost
            result = error
    return result, problems


def _cross_validate(pipeline, X, y, groups, split, scoring):
    options = {"cv": [split], "scoring": scoring, "error_score": "raise"}
    if groups is None:
        return cross_validate(pipeline, X, y, **options)
    with config_context(enable_metadata_routing=True):
        if _takes_groups(pipeline, "fit"):
            options["params"] = {"groups": groups}
        return cross_validate(pipeline, X, y, **options)


def _takes_groups(estimator, method):
    """Tell whether a splitter, or a search somewhere in a pipeline, takes groups."""
    with config_context(enable_metadata_routing=True):
        router = get_routing_for_object(estimator)
        return bool(router.consumes(method, {"groups"}))


def _warn_of_leaks(X, groups, splits):
    if groups is not None:
        _warn_of_shared(np.asarray(groups), splits, "clips of one group")
    items = as_sequence(X)
    if isinstance(items, list) and all(isinstance(x, PATH_TYPES) for x in items):
        _warn_of_shared(_content_ids(items), splits, "files with the same bytes")


def _warn_of_shared(keys, splits, what):
    shared = {}
    for i, (train, test) in enumerate(splits):
        common = sorted(set(keys[train]) & set(keys[test]), key=str)
        if common:
            shared[i] = common
    if shared:
        fold, common = next(iter(shared.items()))
        warn_user(
            f"{what} are on both sides of {len(shared)} of {len(splits)} splits (fold "
            f"{fold}: {len(common)} such, for example {shown_label(common[0])!r}): "
            "scores are too good. Split with groups=, or remove duplicates."
        )


def _content_ids(paths):
    """Return an id for each file that equals another's if their bytes do."""
    by_size = defaultdict(list)
    for i, path in enumerate(paths):
        # A file that is missing is the extractor's to report, with its row.
        path = user_path(path)
        size = os.path.getsize(path) if os.path.isfile(path) else -1
        by_size[size].append(i)
    ids = np.array([path_name(path) for path in paths], dtype=object)
    for size, rows in by_size.items():
        if size < 0 or len(rows) == 1:
            continue
        first_name = {}
        for i in rows:
            with open(user_path(paths[i]), "rb") as file:
                digest = hashlib.file_digest(file, "blake2b").digest()
            ids[i] = first_name.setdefault(digest, ids[i])
    return ids
