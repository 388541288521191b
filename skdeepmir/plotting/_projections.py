"""Features of clips in two dimensions: ``ProjectionDisplay``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from skdeepmir._printable import printable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

LARGEST_LEGEND = 20


class ProjectionDisplay:
    """Several kinds of features of the same clips, each in two dimensions.

    Parameters
    ----------
    projections : dict of str to ndarray of shape (n_clips, 2)
        Points, by the name of their features.
    y : array-like of shape (n_clips,)
        Labels, which give the colours; None or NaN is grey. More than twenty are told
        apart by colour only, without a legend.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    axes_: NDArray[np.object_]
    figure_: Figure

    def __init__(self, projections: Mapping[str, ArrayLike], y: ArrayLike) -> None:
        self.projections = projections
        self.y = y

    @classmethod
    def from_features(
        cls,
        features: Mapping[str, ArrayLike],
        y: ArrayLike,
        *,
        random_state: int | RandomState | None = None,
    ) -> Self:
        """Project features by t-SNE, as in Hamel and Eck (2010), and draw them.

        Parameters
        ----------
        features : dict of str to array-like of shape (n_clips, n_features)
            Features of the same clips, such as pooled inputs, MFCCs and activations.
            They are standardised.
        y : array-like of shape (n_clips,)
            Labels.
        random_state : int, RandomState instance or None, default=None
            Seed of t-SNE.

        Returns
        -------
        display : ProjectionDisplay
            The display.
        """
        import numpy as np
        from sklearn.manifold import TSNE
        from sklearn.preprocessing import StandardScaler

        projections = {}
        for name, values in features.items():
            if len(values) != len(y):
                raise ValueError(
                    f"features[{name!r}] has {len(values)} clips, but y has {len(y)}."
                )
            perplexity = min(30, (len(values) - 1) / 3)
            tsne = TSNE(perplexity=perplexity, random_state=random_state)
            values = np.asarray(values, dtype=np.float64)
            scaled = StandardScaler().fit_transform(values)
            projections[name] = tsne.fit_transform(scaled)
        return cls(projections, y).plot()

    def plot(self) -> Self:
        """Draw one scatter plot for each kind of features in a new figure.

        Returns
        -------
        display : ProjectionDisplay
            The display.
        """
        import matplotlib.pyplot as plt
        import numpy as np
        import pandas as pd

        y = np.asarray(self.y)
        for name, points in self.projections.items():
            if y.ndim != 1 or np.shape(points) != (len(y), 2):
                raise ValueError(
                    f"projections[{name!r}] has shape {np.shape(points)} and y "
                    f"{y.shape}; expected (n_clips, 2) and (n_clips,)."
                )
        n_panels = len(self.projections)
        self.figure_, axes = plt.subplots(
            1,
            n_panels,
            figsize=(3.5 * n_panels, 3.5),
            squeeze=False,
            layout="constrained",
        )
        self.axes_ = axes[0]
        codes, labels = pd.factorize(y, sort=True)
        colours = plt.get_cmap("tab10" if len(labels) <= 10 else "turbo")
        places = (
            np.arange(len(labels))
            if len(labels) <= 10
            else np.linspace(0, 1, len(labels))
        )
        for ax, (name, points) in zip(
            self.axes_, self.projections.items(), strict=True
        ):
            if (codes < 0).any():
                ax.scatter(*points[codes < 0].T, s=8, color="0.8")
            for code in range(len(labels)):
                of_label = points[codes == code]
                ax.scatter(
                    *of_label.T, s=8, color=colours(places[code]), label=f"{code}"
                )
            ax.set_title(printable(name), parse_math=False)
            ax.set(xticks=[], yticks=[])
        if len(labels) <= LARGEST_LEGEND:
            legend = self.figure_.legend(
                *self.axes_[-1].get_legend_handles_labels(),
                loc="outside right upper",
                fontsize="small",
            )
            # Only now: matplotlib leaves out labels that begin with "_".
            for text, label in zip(legend.get_texts(), labels, strict=True):
                text.set(text=printable(label), parse_math=False)
        return self
