"""Displays of learned features: ``FilterDisplay``, ``TrainingDisplay``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

COLOURED_SHARE = 0.995  # of the weights, within the range of colours

MOST_PATCHES = 32  # that are drawn beside each other
FINETUNING = "loss of fine-tuning"
TITLES = "reconstruction error", "free energy, held out - training", FINETUNING


class FilterDisplay:
    """Filters of the first layer of a net.

    Parameters
    ----------
    filters : ndarray of shape (n_units, n_features) or (n_units, n_frames, n_features)
        Weights into each unit; of several frames, where a filter sees some.
    frequencies : ndarray of shape (n_features,), default=None
        Frequencies of the features in Hz; None numbers them.
    image_shape : tuple of int, default=None
        Height and width, if the features are the pixels of an image.

    Attributes
    ----------
    order_ : ndarray of shape (n_units,)
        Units in the order in which they are drawn: by the feature of largest weight.
        Of filters of several frames, up to 32.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        filters: ArrayLike,
        *,
        frequencies: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        self.filters = filters
        self.frequencies = frequencies
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        learner: Any,
        *,
        frequencies: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first layer of a fitted learner.

        Parameters
        ----------
        learner : DBNFeatureLearner, ConvDBNFeatureLearner or LocalFeatureLearner
            A fitted learner.
        frequencies : ndarray of shape (n_features,), default=None
            Frequencies of its input in Hz.
        image_shape : tuple of int, default=None
            Height and width, if its inputs are images.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : FilterDisplay
            The display.
        """
        _check_learner(learner)
        filters = getattr(learner, "filters_", learner.weights_[0].T)
        display = cls(filters, frequencies=frequencies, image_shape=image_shape)
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the filters: spectra as columns, sorted by peak, or a grid of images.

        Filters of several frames are patches beside each other, with time to the right.

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
        self._check_sizes(filters.shape[-1])
        are_patches = filters.ndim == 3
        if ax is None:
            size = (9, 4) if are_patches else (6, 4)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        if are_patches:
            peaks = filters.max(axis=1).argmax(axis=1)
        else:
            peaks = filters.argmax(axis=1)
        self.order_ = np.argsort(peaks, kind="stable")
        if are_patches and len(filters) > MOST_PATCHES:
            shown = np.linspace(0, len(filters) - 1, MOST_PATCHES).round().astype(int)
            self.order_ = self.order_[shown]
        # A few large weights would leave all others pale.
        limit = np.quantile(np.abs(filters), COLOURED_SHARE) or np.abs(filters).max()
        options = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        if self.image_shape is None:
            picture = filters[self.order_].T
            if are_patches:  # an empty column after each
                apart = np.pad(
                    filters[self.order_],
                    ((0, 0), (0, 1), (0, 0)),
                    constant_values=np.nan,
                )
                picture = apart.reshape(-1, filters.shape[2])[:-1].T
            image = ax.pcolormesh(
                np.arange(picture.shape[1]),
                np.arange(len(picture))
                if self.frequencies is None
                else self.frequencies,
                picture,
                shading="nearest",
                **options,
            )
            ax.set_xlabel("unit, sorted by peak")
            if are_patches:
                n_frames = filters.shape[1]
                places = np.arange(len(self.order_)) * (n_frames + 1)
                ax.set_xticks(places + (n_frames - 1) / 2, [""] * len(places))
                ax.set_xlabel(f"filters of {n_frames} frames, sorted by peak")
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


class TrainingDisplay:
    """Training curves of a feature learner: pre-training of layers, and fine-tuning.

    Parameters
    ----------
    reconstruction_errors : list of ndarray of shape (n_epochs,)
        Reconstruction error of each layer.
    free_energy_gaps : list of ndarray of shape (n_epochs,)
        Free energy of held-out less that of training frames, of each layer.
    loss_curve : ndarray of shape (n_epochs,)
        Loss of fine-tuning; may be empty.
    n_layers : int, default=None
        Number of layers; further curves are of all layers trained together. None takes
        the number of curves.
    titles : tuple of str, default=None
        Titles of the three panels; None takes those of what is above.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    """

    axes_: NDArray[np.object_]
    figure_: Figure

    def __init__(
        self,
        reconstruction_errors: Sequence[ArrayLike],
        free_energy_gaps: Sequence[ArrayLike],
        loss_curve: ArrayLike,
        *,
        n_layers: int | None = None,
        titles: tuple[str, str, str] | None = None,
    ) -> None:
        self.reconstruction_errors = reconstruction_errors
        self.free_energy_gaps = free_energy_gaps
        self.loss_curve = loss_curve
        self.n_layers = n_layers
        self.titles = titles

    @classmethod
    def from_estimator(cls, learner: Any) -> Self:
        """Draw the training of a fitted learner.

        Parameters
        ----------
        learner : DBNFeatureLearner, ConvDBNFeatureLearner or LocalFeatureLearner
            A fitted learner.

        Returns
        -------
        display : TrainingDisplay
            The display.
        """
        _check_learner(learner)
        if hasattr(learner, "losses_"):  # not a generative model
            titles = "objective", "objective, held out - training", FINETUNING
            curves = learner.losses_, learner.loss_gaps_, ()
            return cls(*curves, n_layers=len(learner.weights_), titles=titles).plot()
        return cls(
            learner.reconstruction_errors_,
            learner.free_energy_gaps_,
            getattr(learner, "loss_curve_", ()),
            n_layers=len(learner.weights_),
        ).plot()

    def plot(self) -> Self:
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
        curves = self.reconstruction_errors, self.free_energy_gaps, [self.loss_curve]
        panels = dict(zip(self.titles or TITLES, curves, strict=True))
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


def _check_learner(learner):
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(learner)
    if not isinstance(getattr(learner, "weights_", None), list):  # nets have names
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
