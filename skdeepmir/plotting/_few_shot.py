"""Scores by the number of training clips: ``FewShotDisplay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from skdeepmir._printable import printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class FewShotDisplay:
    """Mean scores of pipelines, with standard errors, by training clips per class.

    Parameters
    ----------
    scores : DataFrame
        ``FewShotCurve.scores``: one row for each pipeline, number of shots and draw.
    metric : str
        The column with the scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    ax_: Axes
    figure_: Figure

    def __init__(self, scores: pd.DataFrame, metric: str) -> None:
        self.scores = scores
        self.metric = metric

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : FewShotDisplay
            The display.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
        names = list(dict.fromkeys(self.scores["pipeline"]))
        shots = sorted(set(self.scores["shots"]))
        for place, name in enumerate(names):
            own = self.scores[self.scores["pipeline"] == name]
            by_shots = own.groupby("shots")[self.metric]
            # Side by side, so that errors can be told apart.
            shift = 0.04 * (place - (len(names) - 1) / 2)
            ax.errorbar(
                [i + shift for i in range(len(shots))],
                by_shots.mean().reindex(shots),
                yerr=by_shots.sem().reindex(shots),
                marker="o",
                capsize=3,
            )
        lines = [container[0] for container in ax.containers[-len(names) :]]
        legend = ax.legend(lines, [printable(name) for name in names])
        for text in legend.get_texts():
            text.set_parse_math(False)
        ax.set_xticks(range(len(shots)), [str(n) for n in shots])
        ax.set_xlabel("training clips per class")
        label = f"{printable(self.metric)} (mean ± standard error)"
        ax.set_ylabel(label, parse_math=False)
        ax.grid(axis="y", alpha=0.3)
        self.ax_, self.figure_ = ax, ax.figure
        return self
