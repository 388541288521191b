"""Scores of several pipelines: ``ComparisonDisplay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from skdeepmir._printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CHARACTERS = 50  # of a name


class ComparisonDisplay:
    """Scores of several pipelines: every fold, the mean and its standard error.

    Parameters
    ----------
    folds : DataFrame
        ``Comparison.folds``: one row for each pipeline and fold.
    metric : str
        The column with the scores.
    errors : mapping of str to float, default=None
        Standard error of each pipeline. None takes that over folds, of which a single
        test set has none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        folds: pd.DataFrame,
        metric: str,
        errors: Mapping[str, float] | None = None,
    ) -> None:
        self.folds = folds
        self.metric = metric
        self.errors = errors

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ComparisonDisplay
            The display.
        """
        import matplotlib.pyplot as plt

        names = list(dict.fromkeys(self.folds["pipeline"]))
        if ax is None:
            height = 1.2 + 0.5 * len(names)
            _, ax = plt.subplots(figsize=(7, height), layout="constrained")
        for place, name in enumerate(names):
            scores = self.folds.loc[
                self.folds["pipeline"] == name, self.metric
            ].dropna()
            ax.plot(scores, [place] * len(scores), "o", color="0.7", ms=4)
            error = scores.sem() if self.errors is None else self.errors[name]
            ax.errorbar(
                scores.mean(), place, xerr=error, fmt="D", color="C0", capsize=4
            )
        labels = _shortened([printable(name) for name in names])
        ax.set_yticks(range(len(names)), labels, parse_math=False)
        ax.invert_yaxis()
        has_folds = self.folds["fold"].nunique() > 1
        what = "folds; mean and standard error" if has_folds else "± standard error"
        label = f"{printable(self.metric)} ({what})"
        ax.set_xlabel(label, parse_math=False)
        ax.grid(axis="x", alpha=0.3)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _shortened(names: list[str]) -> list[str]:
    """Return names that leave room for scores, unless they would be equal."""
    half = MOST_CHARACTERS // 2
    short = [
        name if len(name) <= MOST_CHARACTERS else f"{name[:half]} ... {name[-half:]}"
        for name in names
    ]
    return short if len(set(short)) == len(set(names)) else names
