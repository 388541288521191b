"""Pictures, as scikit-learn's displays: matplotlib is imported when one is drawn."""

from __future__ import annotations

LARGEST_LEGEND = 20
COLOURED_SHARE = 0.995  # of the weights, within the range of colours


class ComparisonDisplay:
    """Scores of several pipelines: every fold, the mean and its standard error.

    Parameters
    ----------
    folds : DataFrame
        ``Comparison.folds``: one row for each pipeline and fold.
    metric : str
        The column with the scores.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    def __init__(self, folds, metric):
        self.folds = folds
        self.metric = metric

    def plot(self, ax=None):
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
            scores = self.folds.loc[self.folds["pipeline"] == name, self.metric]
            ax.plot(scores, [place] * len(scores), "o", color="0.7", ms=4)
            error = scores.std() / len(scores) ** 0.5
            ax.errorbar(
                scores.mean(), place, xerr=error, fmt="D", color="C0", capsize=4
            )
        ax.set_yticks(range(len(names)), names, parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel(f"{self.metric} (folds; mean and standard error)")
        ax.grid(axis="x", alpha=0.3)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class FilterDisplay:
    """What the first layer of a net looks for.

    Parameters
    ----------
    filters : ndarray of shape (n_units, n_features)
        Weights into each unit.
    frequencies : ndarray of shape (n_features,), default=None
        Frequencies of the features in Hz; None counts them.
    image_shape : tuple of int, default=None
        Height and width, where features are the pixels of an image.

    Attributes
    ----------
    order_ : ndarray of shape (n_units,)
        Units in the order in which they are drawn: by the feature of largest weight.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    def __init__(self, filters, *, frequencies=None, image_shape=None):
        self.filters = filters
        self.frequencies = frequencies
        self.image_shape = image_shape

    @classmethod
    def from_estimator(cls, learner, *, frequencies=None, image_shape=None, ax=None):
        """Draw the first layer of a fitted learner.

        Parameters
        ----------
        learner : DBNFeatureLearner
            A fitted learner.
        frequencies : ndarray of shape (n_features,), default=None
            Frequencies of its input in Hz.
        image_shape : tuple of int, default=None
            Height and width, where its input are images.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : FilterDisplay
            The display.
        """
        _check_learner(learner)
        filters = learner.weights_[0].T
        display = cls(filters, frequencies=frequencies, image_shape=image_shape)
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the filters: spectra as columns, sorted by peak, or a grid of images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : FilterDisplay
            The display.
        """
        import matplotlib.pyplot as plt
        import numpy as np

        filters = np.asarray(self.filters)
        self._check_sizes(filters.shape[1])
        if ax is None:
            _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
        self.order_ = np.argsort(filters.argmax(axis=1), kind="stable")
        # A few large weights would leave all others pale.
        limit = np.quantile(np.abs(filters), COLOURED_SHARE) or np.abs(filters).max()
        options = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        if self.image_shape is None:
            picture = filters[self.order_].T
            image = ax.pcolormesh(
                np.arange(len(filters)),
                np.arange(len(picture))
                if self.frequencies is None
                else self.frequencies,
                picture,
                shading="nearest",
                **options,
            )
            ax.set_xlabel("unit, sorted by peak")
            ax.set_ylabel("feature" if self.frequencies is None else "frequency (Hz)")
        else:
            image = ax.imshow(_montage(filters, self.image_shape), **options)
            ax.set_axis_off()
            self.order_ = np.arange(len(filters))
        ax.figure.colorbar(image, ax=ax, label="weight", extend="both")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check_sizes(self, n_features):
        if self.frequencies is not None and len(self.frequencies) != n_features:
            raise ValueError(
                f"Filters have {n_features} features, but there are "
                f"{len(self.frequencies)} frequencies; expected one for each."
            )
        shape = self.image_shape
        if shape is not None and shape[0] * shape[1] != n_features:
            raise ValueError(
                f"Filters have {n_features} features, but image_shape={shape!r} has "
                f"{shape[0] * shape[1]} pixels."
            )


def _check_learner(learner):
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(learner)
    if not hasattr(learner, "weights_"):
        raise TypeError(
            f"{type(learner).__name__} has no layers to draw. Pass the fitted "
            "DBNFeatureLearner itself, such as pipeline[1]."
        )


def _montage(filters, shape):
    """Put images side by side in a square grid with gaps."""
    import numpy as np

    n_columns = int(np.ceil(len(filters) ** 0.5))
    n_rows = -(-len(filters) // n_columns)
    height, width = shape[0] + 1, shape[1] + 1
    grid = np.zeros((n_rows * height - 1, n_columns * width - 1))
    for i, image in enumerate(filters):
        top, left = i // n_columns * height, i % n_columns * width
        grid[top : top + shape[0], left : left + shape[1]] = image.reshape(shape)
    return grid


class TrainingDisplay:
    """How a learner's layers and its fine-tuning went, epoch by epoch.

    Parameters
    ----------
    reconstruction_errors : list of ndarray of shape (n_epochs,)
        Of each layer.
    free_energy_gaps : list of ndarray of shape (n_epochs,)
        Of each layer.
    loss_curve : ndarray of shape (n_epochs,)
        Of fine-tuning; may be empty.
    n_layers : int, default=None
        Layers; a curve beyond them is that of all layers together. None: as many as
        there are curves.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    def __init__(
        self, reconstruction_errors, free_energy_gaps, loss_curve, *, n_layers=None
    ):
        self.reconstruction_errors = reconstruction_errors
        self.free_energy_gaps = free_energy_gaps
        self.loss_curve = loss_curve
        self.n_layers = n_layers

    @classmethod
    def from_estimator(cls, learner):
        """Draw the training of a fitted learner.

        Parameters
        ----------
        learner : DBNFeatureLearner
            A fitted learner.

        Returns
        -------
        display : TrainingDisplay
            The display.
        """
        _check_learner(learner)
        return cls(
            learner.reconstruction_errors_,
            learner.free_energy_gaps_,
            learner.loss_curve_,
            n_layers=len(learner.weights_),
        ).plot()

    def plot(self):
        """Draw three curves side by side in a new figure.

        Returns
        -------
        display : TrainingDisplay
            The display.
        """
        import matplotlib.pyplot as plt

        self.figure_, self.axes_ = plt.subplots(
            1, 3, figsize=(9, 3), layout="constrained"
        )
        panels = {
            "reconstruction error": self.reconstruction_errors,
            "free energy, held out - training": self.free_energy_gaps,
            "loss of fine-tuning": [self.loss_curve],
        }
        n_curves = len(self.reconstruction_errors)
        n_layers = n_curves if self.n_layers is None else self.n_layers
        labels = [f"layer {layer}" for layer in range(n_layers)]
        labels += ["all together"] * (n_curves - n_layers)
        for ax, (title, curves) in zip(self.axes_, panels.items(), strict=True):
            for label, curve in zip(labels, curves, strict=False):
                ax.plot(range(1, len(curve) + 1), curve, ".-", label=label)
            ax.set(title=title, xlabel="epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
        self.axes_[0].legend()
        return self


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

    def __init__(self, projections, y):
        self.projections = projections
        self.y = y

    @classmethod
    def from_features(cls, features, y, *, random_state=None):
        """Project features by t-SNE, as in Hamel and Eck (2010), and draw them.

        Parameters
        ----------
        features : dict of str to array-like of shape (n_clips, n_features)
            Features of the same clips, such as pooled inputs, MFCCs and activations.
            They are standardised.
        y : array-like of shape (n_clips,)
            Labels.
        random_state : int, RandomState instance or None, default=None
            For t-SNE.

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

    def plot(self):
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
            for code, label in enumerate(labels):
                of_label = points[codes == code]
                ax.scatter(
                    *of_label.T, s=8, color=colours(places[code]), label=str(label)
                )
            ax.set_title(name, parse_math=False)
            ax.set(xticks=[], yticks=[])
        if len(labels) <= LARGEST_LEGEND:
            self.figure_.legend(
                *self.axes_[-1].get_legend_handles_labels(),
                loc="outside right upper",
                fontsize="small",
            )
        return self
