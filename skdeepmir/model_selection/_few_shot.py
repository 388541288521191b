"""Pipelines where labels are few: ``few_shot_curve``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skdeepmir._errors import check_choice
from skdeepmir._printable import printable
from skdeepmir.model_selection._compare import compare
from skdeepmir.model_selection._comparison import Comparison
from skdeepmir.model_selection._few_shot_split import FewShotSplit
from skdeepmir.model_selection._significance import UNKNOWN, over_folds
from skdeepmir.plotting import FewShotDisplay


@dataclass(repr=False, eq=False)  # data frames have no single answer
class FewShotCurve:
    """Scores of pipelines by the number of training clips; printed, it is a table.

    Parameters
    ----------
    scores : DataFrame
        One row for each pipeline, number of shots and draw: "pipeline", "shots",
        "draw", its scores, "fit_time" and "predict_time" (s), "n_train" and "n_test".
        Scores and seconds are NaN where the pipeline failed.
    metrics : list of str
        The columns with the scores.
    baseline : str
        The pipeline that the others are tested against.
    comparison : Comparison, default=None
        The same as :func:`compare` gives it, each split a fold, with predictions.

    See Also
    --------
    few_shot_curve : Makes one.
    """

    scores: pd.DataFrame
    metrics: Sequence[str]
    baseline: str
    comparison: Comparison | None = None

    def __repr__(self) -> str:
        table = self._means().map(lambda cell: f"{cell:.3f}")
        n_draws = self.scores["draw"].nunique()
        return (
            f"{self.metrics[0]}, mean of {n_draws} draws\n\n{table.to_string()}\n\n"
            "Standard errors and tests: summary()."
        )

    def _repr_html_(self) -> str:
        return self._means().to_html(float_format=lambda cell: f"{cell:.3f}")

    @property
    def pipelines(self) -> list[str]:
        """The names of the pipelines."""
        return list(dict.fromkeys(self.scores["pipeline"]))

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """Summarise scores and tests in one row for each number of shots and pipeline.

        Parameters
        ----------
        metric : str, default=None
            Which score; None takes the first.

        Returns
        -------
        summary : DataFrame
            Its index has "shots" and "pipeline". "mean" of the score over the draws
            that have one, and its "se" (standard error); "difference" to the baseline
            over the draws where both have a score, "low" and "high", the ends of its
            interval of 95 %, and the two-sided "p_value" of a paired t-test over draws;
            "n_scored", the number of draws with a score. Control characters in names
            are escaped.

        Raises
        ------
        ValueError
            If there is no such metric.

        Notes
        -----
        Training clips of two draws hardly overlap, so that draws count as independent.
        They share most test clips: the test asks whether pipelines would differ for
        other training clips, with these to choose from and to test on. A few clips in
        the hands of a few artists are no sample of all music, whatever p is.
        """
        metric = self._checked(metric)
        rows = {}
        for shots, part in self.scores.groupby("shots", sort=True):
            by_draw = part.pivot(index="draw", columns="pipeline", values=metric)
            for name in self.pipelines:
                scores, found = by_draw[name].dropna(), UNKNOWN
                if name != self.baseline:
                    gaps = (by_draw[name] - by_draw[self.baseline]).dropna()
                    found = over_folds(gaps.to_numpy(), 0.0)
                rows[shots, printable(name)] = {
                    "mean": scores.mean(),
                    "se": scores.sem(),
                    **found._asdict(),
                    "n_scored": len(scores),
                }
        summary = pd.DataFrame.from_dict(rows, orient="index")
        summary.index = pd.MultiIndex.from_tuples(rows, names=["shots", "pipeline"])
        return summary

    def plot(self, ax: Any = None, *, metric: str | None = None) -> FewShotDisplay:
        """Draw the mean score of each pipeline by the number of shots.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        metric : str, default=None
            Which score; None takes the first.

        Returns
        -------
        display : FewShotDisplay
            With ``ax_`` and ``figure_``.
        """
        return FewShotDisplay(self.scores, self._checked(metric)).plot(ax)

    def _means(self) -> pd.DataFrame:
        """Return the first score: a row for each number of shots, as papers have it."""
        means = self.scores.pivot_table(
            index="shots", columns="pipeline", values=self.metrics[0], dropna=False
        )[self.pipelines]
        means.columns = pd.Index([printable(name) for name in means.columns])
        return means

    def _checked(self, metric: str | None) -> str:
        metric = self.metrics[0] if metric is None else metric
        check_choice("metric", metric, list(self.metrics))
        return metric


def few_shot_curve(
    pipelines: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    shots: int | Sequence[int] = (1, 2, 3, 5),
    n_draws: int = 20,
    scoring: str | Callable[..., Any] | Collection[str] | None = "accuracy",
    baseline: str | None = None,
    random_state: int | np.random.RandomState | None = None,
    cache_dir: Any = None,
    n_jobs: int | None = None,
    verbose: bool = True,
) -> FewShotCurve:
    """Fit and test pipelines on few clips of each class, many times.

    Each draw is that of a :class:`~skdeepmir.model_selection.FewShotSplit`: half of the
    groups are for testing, the training clips of each class come from the others. All
    pipelines see the same clips.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Names and pipelines. They are cloned; what was learned without labels from other
        clips goes in as ``FrozenEstimator(learner)``.
    X : list of path, list of ndarray, or ndarray
        Clips.
    y : array-like of shape (n_clips,)
        The class of each clip.
    groups : array-like of shape (n_clips,), default=None
        Artist, album, speaker or instrument of each clip; none is on both sides. None
        makes each clip a group.
    shots : int or sequence of int, default=(1, 2, 3, 5)
        Training clips per class. Those of [1]_.
    n_draws : int, default=20
        Draws, of which means are taken, as in [1]_.
    scoring : str, callable, list of str or dict of str to str or callable, \
            default="accuracy"
        Scorers, or their names, see :func:`compare`.
    baseline : str, default=None
        The pipeline that all others are tested against; None takes the first.
    random_state : int, RandomState instance or None, default=None
        Draws the clips. Pass an int for the same draws in each call.
    cache_dir : str or PathLike, default=None
        A folder that keeps each finished fit, see :func:`compare`; it takes an int as
        ``random_state`` to find them again.
    n_jobs : int, default=None
        Number of fits to run in parallel, through joblib.
    verbose : bool, default=True
        Whether to write a line to standard error for each fit, see :func:`compare`.

    Returns
    -------
    curve : FewShotCurve
        Scores, means with standard errors and tests. Printed, it is a table.

    Raises
    ------
    ValueError
        If there is one class only, a class has too few clips in a half of the groups,
        labels are tags, or as :func:`compare`.

    Warns
    -----
    FitFailedWarning, UserWarning, UndefinedMetricWarning
        As :func:`compare`.

    See Also
    --------
    compare : The same for folds of all clips.

    Notes
    -----
    Every fit transforms its test clips: with 4 numbers of shots and 20 draws, a front
    end that does not learn does so 80 times. Transform the clips once beforehand, or
    give the extractor a ``cache_dir`` and the pipeline a ``memory``.

    References
    ----------
    .. [1] H. Lee, P. Pham, Y. Largman and A. Ng. Unsupervised feature learning for
       audio classification using convolutional deep belief networks. NIPS 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdeepmir import few_shot_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> pipelines = {"guess": DummyClassifier(), "nearest": KNeighborsClassifier(1)}
    >>> curve = few_shot_curve(pipelines, X, y, random_state=0, verbose=False)
    >>> curve
    accuracy, mean of 20 draws
    <BLANKLINE>
           guess nearest
    shots
    1      0.333   0.8...
    2      0.333   0.9...
    3      0.333   0.9...
    5      0.333   0.9...
    <BLANKLINE>
    Standard errors and tests: summary().
    >>> bool(curve.summary().loc[(1, "nearest"), "p_value"] < 0.001)
    True
    """
    cv = FewShotSplit(shots, n_draws=n_draws, random_state=random_state)
    numbers, n_draws = cv._numbers()
    if n_draws < 2:
        raise ValueError(
            f"n_draws={n_draws} has no standard error; expected 2 draws or more."
        )
    comparison = compare(
        pipelines,
        X,
        y,
        groups=groups,
        cv=cv,
        scoring=scoring,
        baseline=baseline,
        cache_dir=cache_dir,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    fold = comparison.folds["fold"]
    scores = comparison.folds.drop(columns="fold")
    scores.insert(1, "shots", np.array(numbers)[fold % len(numbers)])
    scores.insert(2, "draw", fold // len(numbers))
    return FewShotCurve(scores, comparison.metrics, comparison.baseline, comparison)
