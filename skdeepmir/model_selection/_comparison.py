"""The result of a comparison: scores, tests, tables, predictions and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeGuard

import numpy as np
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay

from skdeepmir._errors import check_choice
from skdeepmir._printable import printable
from skdeepmir.model_selection._confusion import By, confusion_of
from skdeepmir.model_selection._records import Records
from skdeepmir.model_selection._report import Limits, write_report
from skdeepmir.model_selection._significance import (
    UNKNOWN,
    Difference,
    holm,
    over_folds,
)
from skdeepmir.model_selection._tables import (
    Table,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    make_table,
    note_of,
    title_of,
)
from skdeepmir.plotting import ChordConfusionDisplay, ComparisonDisplay

Test = Literal["folds", "groups"]


@dataclass(repr=False, eq=False)  # data frames have no single answer
class Comparison:
    """Scores of pipelines on the same test clips; printed, it is a table.

    Parameters
    ----------
    folds : DataFrame
        One row for each pipeline and fold: its scores, seconds to fit and to predict
        and score the test clips, and numbers of clips. Scores and seconds are NaN where
        the pipeline failed.
    metrics : list of str
        The columns with the scores.
    baseline : str
        The pipeline that the others are tested against.
    records : Records, default=None
        The predictions behind the scores, which :func:`compare` keeps.

    See Also
    --------
    compare : Makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdeepmir import compare
    >>> X, y = load_iris(return_X_y=True)
    >>> pipelines = {"guess": DummyClassifier(), "Bayes": GaussianNB()}
    >>> result = compare(pipelines, X, y, scoring=["accuracy", "f1_macro"],
    ...                  verbose=False)
    >>> result
    2 pipelines, 5 folds, 150 clips tested
    <BLANKLINE>
    pipeline       accuracy                   to guess       p ...
    guess     0.333 ± 0.000                                    ...
    Bayes     0.953 ± 0.013  +0.620 (+0.564 to +0.676)  <0.001 ...
    ...
    >>> result.confusion("Bayes")
    predicted   0   1   2
    true
    0          50   0   0
    1           0  47   3
    2           0   4  46
    >>> result.clip_scores.groupby("pipeline")["accuracy"].mean().round(3).to_dict()
    {'Bayes': 0.953, 'guess': 0.333}
    """

    folds: pd.DataFrame
    metrics: Sequence[str]
    baseline: str
    records: Records | None = None

    def __repr__(self) -> str:
        return f"{self._title()}\n\n{as_text(self._table(None))}\n\n{self._note()}"

    def _repr_html_(self) -> str:
        return as_html(self._table(None), self._title(), self._note())

    @property
    def metric(self) -> str:
        """The first of the metrics."""
        return self.metrics[0]

    @property
    def pipelines(self) -> list[str]:
        """The names of the pipelines."""
        return list(dict.fromkeys(self.folds["pipeline"]))

    @property
    def predictions(self) -> pd.DataFrame:
        """What was predicted for each test clip.

        One row for each pipeline, fold and clip: "pipeline", "fold", "clip" (the row in
        X, or in X_test), "group" if there are groups, "true", "predicted", and "scores"
        if the pipeline has any: an array of probabilities of the classes or tags, or
        the values of the decision function. Of onsets and notes, "true" and
        "predicted" are what :func:`skdeepmir.metrics.onset_report` and
        :func:`skdeepmir.metrics.transcription_report` take.
        """
        return self._records("predictions").predictions()

    @property
    def clip_scores(self) -> pd.DataFrame:
        """The score of each test clip, of metrics that are means of clips.

        One row for each pipeline, fold and clip, with "pipeline", "fold", "clip" and
        "group" as in :attr:`predictions`, and a column for each such metric:
        "accuracy", "neg_mean_absolute_error", "neg_mean_squared_error", "auc_clip",
        "precision_at_k", and all scores of chords, onsets and notes. NaN where the clip
        has no score.
        """
        return self._records("clip_scores").clip_scores()

    def summary(
        self,
        metric: str | None = None,
        *,
        test: Test | None = None,
        n_resamples: int = 9999,
        random_state: int | None = 0,
    ) -> pd.DataFrame:
        """Summarise scores, times and tests in one row for each pipeline.

        Parameters
        ----------
        metric : str, default=None
            Which score; None takes the first.
        test : {"folds", "groups"}, default=None
            How pipelines are tested against the baseline. "folds" is the corrected
            resampled t-test. "groups" flips the signs of what whole groups of test
            clips contribute to the difference (single clips, if there are no groups),
            see :func:`sign_flip_test`. None takes "folds" if there are at least two,
            and "groups" for a single split or a test set of its own.
        n_resamples : int, default=9999
            Arrangements of signs to draw, where there are more.
        random_state : int, default=0
            Seed of these.

        Returns
        -------
        summary : DataFrame
            "mean" of the score over the folds that have one, and its "se" (standard
            error), over these folds or over groups, as the test; "difference" to the
            baseline over the folds where both have a score, "low" and "high", the ends
            of its interval of 95 %, and the two-sided "p_value"; "fit_time" and
            "predict_time", mean seconds per fold; "n_scored", the number of folds with
            a score; and "n_failed", the number of folds in which the pipeline failed.
            In other folds without a score, the score is not defined. Control characters
            in names are escaped.

        Raises
        ------
        ValueError
            If there is no such metric or test.

        Notes
        -----
        Training sets of several folds overlap, so the usual paired t-test finds too
        many differences; Nadeau and Bengio (2003) correct its variance by the ratio of
        test to training clips. It asks whether the pipelines would differ if trained
        and tested on other clips. The test over groups takes the fitted pipelines as
        they are, and asks whether they would differ on other groups.

        What a group contributes is exact for scores that are means of clips, as in
        :attr:`clip_scores`; for others, such as "auc_tag" or "f1_macro", it is the
        jackknife pseudo-value, the change if the group is left out, for which more than
        200 groups are put together at random. It is NaN for scorers that are functions
        of your own, and where leaving a group out leaves no score.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from skdeepmir import compare
        >>> X, y = load_iris(return_X_y=True)
        >>> pipelines = {"guess": DummyClassifier(), "tree": DecisionTreeClassifier()}
        >>> result = compare(pipelines, X[::2], y[::2], X_test=X[1::2], y_test=y[1::2],
        ...                  verbose=False)
        >>> summary = result.summary()
        >>> bool(summary.loc["tree", "p_value"] < 0.001)
        True
        """
        metric, test = self._checked(metric, test)
        rows = []
        for name, folds in self.folds.groupby("pipeline", sort=False):
            scores = folds[metric]
            found = UNKNOWN
            if name != self.baseline:
                found = self._compare(
                    str(name), self.baseline, metric, test, n_resamples, random_state
                )
            row = {
                "mean": scores.mean(),
                "se": self._standard_error(str(name), metric, test),
                **found._asdict(),
                "fit_time": folds["fit_time"].mean(),
                "predict_time": folds["predict_time"].mean(),
                "n_scored": int(scores.count()),
                "n_failed": int(folds["fit_time"].isna().sum()),
            }
            rows.append(row)
        return pd.DataFrame(rows, index=list(map(printable, self.pipelines)))

    def differences(
        self,
        metric: str | None = None,
        *,
        test: Test | None = None,
        n_resamples: int = 9999,
        random_state: int | None = 0,
    ) -> pd.DataFrame:
        """Test all pairs of pipelines.

        Parameters
        ----------
        metric, test, n_resamples, random_state : see :meth:`summary`
            The score, and how it is tested.

        Returns
        -------
        differences : DataFrame
            One row for each pair: "first", "second", "difference" (of the second to the
            first), "low", "high", "p_value", and "p_holm", which holds for all pairs
            together (Holm 1979). Control characters in names are escaped.
        """
        metric, test = self._checked(metric, test)
        rows = []
        for first, second in combinations(self.pipelines, 2):
            found = self._compare(
                second, first, metric, test, n_resamples, random_state
            )
            pair = {"first": printable(first), "second": printable(second)}
            rows.append({**pair, **found._asdict()})
        columns = ["first", "second", *Difference._fields]
        table = pd.DataFrame(rows, columns=columns)
        table["p_holm"] = holm(table["p_value"].to_numpy(float))
        return table

    def to_markdown(self, metric: str | None = None) -> str:
        """Return the summary as a Markdown table.

        Parameters
        ----------
        metric : str, default=None
            Which score; None shows all.

        Returns
        -------
        table : str
            One line for each pipeline. Where folds have no score, it says how many
            have one. Names are escaped for Markdown, HTML and terminals.
        """
        return as_markdown(self._table(metric))

    def to_latex(self, metric: str | None = None) -> str:
        r"""Return the summary as a LaTeX table.

        Parameters
        ----------
        metric : str, default=None
            Which score; None shows all.

        Returns
        -------
        table : str
            A ``tabular`` with the rules of the package ``booktabs``. Names are escaped.
        """
        return as_latex(self._table(metric))

    def confusion(
        self,
        pipeline: str,
        *,
        by: By = "root",
        target_names: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Count what a pipeline takes for what, over all test clips.

        Parameters
        ----------
        pipeline : str
            Its name.
        by : {"root", "quality", "interval"}, default="root"
            Of chords, see :func:`skdeepmir.metrics.chord_confusion`.
        target_names : sequence of str, default=None
            Names of the classes 0, 1 and so on, or of the tags. None takes the labels
            themselves, and of tags the columns of y if it was a data frame.

        Returns
        -------
        confusion : DataFrame
            Of classes: number of clips, true classes as rows, predicted ones as
            columns. Of tags: a row for each with "true_positive", "false_positive",
            "false_negative" and "true_negative". Of chords: seconds, or frames. Of
            onsets and notes: a row with the first three, see
            :func:`skdeepmir.metrics.onset_report` and
            :func:`skdeepmir.metrics.transcription_report` for more.

        Raises
        ------
        ValueError
            If there is no such pipeline, it has no predictions, or they are numbers.
        """
        records = self._records("confusion")
        self._check_pipeline(pipeline)
        found = [item for item in records.answers.items() if item[0][0] == pipeline]
        if not found or found[0][1].predicted is None:
            raise ValueError(f"pipeline {pipeline!a} has no predictions, or failed.")
        truths = [records.y[records.tests[fold]] for (_, fold), _ in found]
        answers = [answer for _, answer in found]
        if target_names is None:
            target_names = records.tag_names
        return confusion_of(
            *(pipeline, truths, answers, by, target_names, records.annotates)
        )

    def to_html(
        self,
        path: str | bytes | PathLike[Any],
        *,
        target_names: Sequence[str] | None = None,
        audio: Any = None,
        sample_rate: float | None = None,
        excerpt: float | None = None,
        max_size: float = 25.0,
        n_jobs: int | None = None,
        verbose: bool = True,
    ) -> Path:
        """Write a report with tables, confusions and the sound of clips, as one file.

        Any browser shows it, without a connection. Click on a number of a confusion
        matrix (or press Enter there), and the clips behind it are listed, with their
        spectrograms, players and what each pipeline said of them. Songs have their
        chords, clips with tags their probabilities, beneath a cursor that moves with
        the sound. Clips that all pipelines get wrong, leaks, failures, parameters,
        seeds and versions are there too. Onsets have a line each: hits, false alarms
        and what was missed are told apart.

        Parameters
        ----------
        path : str, bytes or PathLike
            The file; one that exists is replaced.
        target_names : sequence of str, default=None
            Names of the classes 0, 1 and so on, or of the tags, see :meth:`confusion`.
        audio : list of path or ndarray, default=None
            Files or waveforms to play, one for each row of X (of X_test if that was
            given). None takes X, which the result of :func:`compare` holds: files and
            waveforms are played, frames are drawn. A result that was pickled has lost
            waveforms and frames.
        sample_rate : float, default=None
            Sample rate of waveforms (Hz). None takes that of the extractor of the first
            pipeline that has one.
        excerpt : float, default=None
            Seconds of each clip; None is 10, and 30 for chords. It is the middle of a
            longer clip, and of a song where pipelines are wrong most. Nothing else of a
            file is decoded.
        max_size : float, default=25
            Size of the file in megabytes (1,000,000 bytes). Clips that more pipelines
            get wrong come first; what does not fit has no sound and picture.
        n_jobs : int, default=None
            Number of threads that read clips.
        verbose : bool, default=True
            Whether to show progress if it takes more than two seconds.

        Returns
        -------
        path : Path
            The file.

        Raises
        ------
        ValueError
            If ``audio`` has another number of clips, the rate of its waveforms is not
            known, or ``target_names`` do not fit.
        OSError
            If the folder does not exist, or ``path`` is a folder or a device.

        Warns
        -----
        UserWarning
            If clips were left out because of ``max_size``, or cannot be read (any
            more). The page says so as well.

        Notes
        -----
        Sound is mono MP3 of at most 22,050 Hz, about 4 kB a second: Ogg files would
        play in Safari since version 18.4 only. Names of files, classes and pipelines
        stay text, and a Content-Security-Policy lets the browser load nothing.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from skdeepmir import compare
        >>> from skdeepmir.baselines import mel_svm, mfcc_svm
        >>> from skdeepmir.datasets import make_instrument_clips
        >>> clips = make_instrument_clips(n_clips=12, n_instruments=6, duration=0.3,
        ...                               random_state=0)
        >>> result = compare({"mel": mel_svm(), "MFCC": mfcc_svm()}, clips.data,
        ...                  clips.target, cv=2, verbose=False)
        >>> path = result.to_html(Path(tempfile.mkdtemp()) / "report.html",
        ...                       target_names=clips.target_names, verbose=False)
        >>> path.stat().st_size < 1_000_000
        True
        """
        numbers = {"sample_rate": sample_rate, "excerpt": excerpt, "max_size": max_size}
        for name, value in numbers.items():
            is_given = value is not None or name == "max_size"
            if is_given and not (_is_number(value) and 0 < value < float("inf")):
                raise ValueError(f"{name}={value!r}; expected a finite number above 0.")
        limits = Limits(
            target_names, sample_rate, excerpt, float(max_size), n_jobs, verbose
        )
        return write_report(self, path, audio, limits)

    def plot(self, ax: Any = None, *, metric: str | None = None) -> ComparisonDisplay:
        """Draw the scores of all folds with mean and standard error, as the summary.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        metric : str, default=None
            Which score; None takes the first.

        Returns
        -------
        display : ComparisonDisplay
            With ``ax_`` and ``figure_``.
        """
        metric, test = self._checked(metric, None)
        errors = {n: self._standard_error(n, metric, test) for n in self.pipelines}
        return ComparisonDisplay(self.folds, metric, errors).plot(ax)

    def plot_confusion(
        self,
        pipeline: str,
        *,
        by: By = "root",
        target_names: Sequence[str] | None = None,
        ax: Any = None,
    ) -> Any:
        """Draw what a pipeline takes for what.

        Parameters
        ----------
        pipeline, by, target_names : see :meth:`confusion`
            The pipeline, and how labels are shown.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ConfusionMatrixDisplay or ChordConfusionDisplay
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            As :meth:`confusion`, and for tags, onsets and notes, which have no such
            matrix.
        """
        table = self.confusion(pipeline, by=by, target_names=target_names)
        if table.index.name == "reference":
            return ChordConfusionDisplay(table).plot(ax)
        if table.index.name != "true":
            raise ValueError(
                f"y has {table.index.name}s, which are not taken for each other. Use "
                "confusion."
            )
        labels = [printable(label) for label in table.index]
        display = ConfusionMatrixDisplay(table.to_numpy(), display_labels=labels)
        if ax is None:  # names at the foot must not be cut off
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(layout="constrained")
        rotation = "vertical" if max(map(len, labels)) > 3 else "horizontal"
        display.plot(ax=ax, colorbar=False, xticks_rotation=rotation, values_format="d")
        for text in display.ax_.get_xticklabels() + display.ax_.get_yticklabels():
            text.set_parse_math(False)
        return display

    def _records(self, what: str) -> Records:
        if self.records is None:
            raise ValueError(f"{what}: this comparison was made without predictions.")
        return self.records

    def _checked(self, metric: str | None, test: Test | None) -> tuple[str, Test]:
        metric = self.metric if metric is None else metric
        check_choice("metric", metric, list(self.metrics))
        if test is None:
            test = "folds" if self.folds["fold"].nunique() > 1 else "groups"
        check_choice("test", test, ("folds", "groups"))
        return metric, test

    def _check_pipeline(self, name: str) -> None:
        check_choice("pipeline", name, self.pipelines)

    def _scores(self, metric: str) -> pd.DataFrame:
        return self.folds.pivot(index="fold", columns="pipeline", values=metric)

    def _compare(
        self,
        name: str,
        other: str,
        metric: str,
        test: Test,
        n_resamples: int,
        random_state: int | None,
    ) -> Difference:
        scores = self._scores(metric)
        differences = (scores[name] - scores[other]).dropna()
        if test == "groups":
            found = UNKNOWN
            if self.records is not None:
                found = self.records.compare(
                    *(name, other, metric, list(differences.index)),
                    n_resamples=n_resamples,
                    random_state=random_state,
                )
            return found._replace(difference=differences.mean())
        first = self.folds.drop_duplicates("fold").set_index("fold")
        ratios = (first["n_test"] / first["n_train"])[differences.index]
        return over_folds(differences.to_numpy(), float(ratios.mean()))

    def _standard_error(self, name: str, metric: str, test: Test) -> float:
        scores = self._scores(metric)[name].dropna()
        if test == "folds":
            return float(scores.std() / np.sqrt(len(scores))) if len(scores) else np.nan
        if self.records is None:
            return np.nan
        return self.records.standard_error(name, metric, list(scores.index))

    def _table(self, metric: str | None) -> Table:
        metrics = self.metrics if metric is None else [self._checked(metric, None)[0]]
        summaries = {name: self.summary(name) for name in metrics}
        n_folds = self.folds["fold"].nunique()
        return make_table(summaries, self.pipelines, self.baseline, n_folds)

    def _title(self) -> str:
        return title_of(self.folds, len(self.pipelines))

    def _note(self) -> str:
        _, test = self._checked(None, None)
        return note_of(test, len(self.pipelines) == 1, self.records)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
