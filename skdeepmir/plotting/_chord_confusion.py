"""Confusion matrices of chords: ``ChordConfusionDisplay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from skdeepmir._printable import printable
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.metrics import chord_confusion
from skdeepmir.metrics._chord_scorers import frame_rate_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ChordConfusionDisplay:
    """Confusion matrix of chord roots or qualities, in percent of the reference.

    Parameters
    ----------
    confusion : DataFrame
        Seconds, references as rows: what :func:`skdeepmir.metrics.chord_confusion`
        returns. Each row is drawn as shares of its sum. Labels that occur neither in
        references nor in estimates are left out; rows without references are grey.

    Attributes
    ----------
    percent_ : DataFrame
        What was drawn; NaN in rows without references.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skdeepmir.plotting import ChordConfusionDisplay
    >>> reference = ([[0, 4], [4, 6]], ["C:maj", "A:min"])
    >>> estimate = ([[0, 3], [3, 6]], ["C:maj", "A:min"])
    >>> display = ChordConfusionDisplay.from_predictions([reference], [estimate])
    >>> display.percent_
    estimate      C      A
    reference
    C          75.0   25.0
    A           0.0  100.0
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, confusion: pd.DataFrame) -> None:
        self.confusion = confusion

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ClipsLike,
        y: LabelsLike,
        *,
        by: Literal["root", "quality"] = "root",
        ax: Axes | None = None,
    ) -> Self:
        """Recognise the chords of clips and draw the confusion matrix.

        Parameters
        ----------
        estimator : estimator
            A fitted recogniser, or a pipeline that ends with one.
        X : list of length n_songs
            Clips, as its ``predict`` takes them.
        y : list of length n_songs
            References, as for :func:`skdeepmir.metrics.wcsr`.
        by : {"root", "quality", "interval"}, default="root"
            See :func:`skdeepmir.metrics.chord_confusion`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ChordConfusionDisplay
            The display.
        """
        rate = frame_rate_of(estimator)
        predicted = list(estimator.predict(X))
        return cls.from_predictions(y, predicted, by=by, frame_rate=rate, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: LabelsLike,
        y_pred: LabelsLike,
        *,
        by: Literal["root", "quality"] = "root",
        frame_rate: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the confusion matrix of references and estimates.

        Parameters
        ----------
        y_true : list of length n_songs
            References, as for :func:`skdeepmir.metrics.wcsr`.
        y_pred : list of length n_songs
            Estimates.
        by : {"root", "quality", "interval"}, default="root"
            See :func:`skdeepmir.metrics.chord_confusion`.
        frame_rate : float, default=None
            Frames per second of frame labels; not needed if all are frame labels.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ChordConfusionDisplay
            The display.
        """
        confusion = chord_confusion(y_true, y_pred, by=by, frame_rate=frame_rate)
        return cls(confusion).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a heat map with numbers.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ChordConfusionDisplay
            The display.
        """
        import matplotlib.pyplot as plt

        percent = self.percent_ = _percent_of_rows(self.confusion)
        n_rows, n_columns = percent.shape
        if ax is None:
            size = (1.5 + 0.45 * n_columns, 1.2 + 0.4 * n_rows)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        ax.set_facecolor("0.9")
        ax.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        _write_numbers(ax, percent.to_numpy())
        columns = [printable(name) for name in percent.columns]
        rows = [printable(name) for name in percent.index]
        ax.set_xticks(range(n_columns), columns, parse_math=False)
        ax.set_yticks(range(n_rows), rows, parse_math=False)
        if max(map(len, columns)) > 3:
            ax.tick_params(axis="x", rotation=90)
        is_interval = 0 in percent.columns
        x_name = percent.columns.name or ""
        if is_interval:
            x_name = "estimated root, semitones above the true one"
        ax.set_xlabel(printable(x_name), parse_math=False)
        ax.set_ylabel(printable(percent.index.name or ""), parse_math=False)
        ax.set_title("% of the time of the reference", fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _percent_of_rows(confusion):
    """Return shares of rows, without labels that occur on neither side."""
    of_references = confusion.sum(axis=1)
    of_estimates = confusion.sum(axis=0).reindex(confusion.index, fill_value=0)
    rows = confusion.index[of_references + of_estimates > 0]
    if not len(rows):
        raise ValueError(
            "confusion is all 0; expected seconds above 0. Are all references 'X'?"
        )
    columns = [c for c in confusion.columns if c in rows or c not in confusion.index]
    seconds = confusion.loc[rows, columns]
    totals = of_references[rows]
    return 100 * seconds.div(totals.where(totals > 0), axis=0)


def _write_numbers(ax, percent):
    for row, values in enumerate(percent):
        for column, value in enumerate(values):
            if value >= 0.5:  # which rounds to 1
                ax.text(
                    column,
                    row,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    fontsize="small",
                    color="white" if value > 60 else "black",
                )
