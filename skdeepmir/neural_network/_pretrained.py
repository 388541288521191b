"""Hidden layers that were learned without labels."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepmir import nets
from skdeepmir._progress import progress_bar
from skdeepmir._training._data import (
    ROWS_AT_ONCE,
    Batches,
    LabelledClips,
    RowFeed,
    Rows,
    are_constant,
    scale_of,
    standardized,
    standardized_tensor,
    tensor_of,
)
from skdeepmir._training._engine import train
from skdeepmir._training._gradient import GradientStep, SquaredLoss
from skdeepmir.feature_learning import DBNFeatureLearner
from skdeepmir.frames import ClipLayout, split_clips

# What gives back the activations of a layer. Rectifiers would die.
INVERSES = {
    "relu": "softplus",
    "softplus": "softplus",
    "logistic": "logistic",
    "tanh": "tanh",
}


@dataclass(frozen=True)
class PretrainedFeed(RowFeed):
    """The feed of nets whose layers may begin with those of a learner.

    Attributes
    ----------
    given : SimpleNamespace or None
        Parameters of the estimator, to find or fit the learner by.
    sizes : list of int
        Units of the hidden layers.
    learner : DBNFeatureLearner or None
        The learner, fitted.
    standardize : bool
        Whether rows are standardised; a learner scales them itself.
    mean, variance : ndarray of shape (n_features,), float64, or None
        What standardises them.
    n_seen : float
        Rows that these are of; each counts what its clip counts.
    """

    given: Any = field(default=None, compare=False)  # not learned
    sizes: Any = ()
    learner: Any = None
    standardize: bool = False
    mean: Any = None
    variance: Any = None
    n_seen: float = 0.0

    @property
    def scale(self) -> np.ndarray:
        """What centred rows are divided by."""
        return scale_of(self.mean, self.variance)

    @property
    def context_sizes(self) -> list[int]:
        """Values that the layers see besides the layer below."""
        if self.learner is None:
            return []
        return [len(weights) for weights in self.learner._network().feedback]

    def read(
        self, estimator: Any, X: Any, *, reset: bool, dtype: Any
    ) -> tuple[np.ndarray, ClipLayout]:
        """Return the rows of all clips, not rounded before they are standardised."""
        exact = (np.float64, np.float32)
        dtype = exact if self.standardize else dtype
        return super().read(estimator, X, reset=reset, dtype=dtype)

    def inputs(self, rows: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
        """Return what the net sees of rows (n, n_features), in ``dtype``."""
        if self.learner is not None:
            return self.learner._network_inputs(rows)
        if not self.standardize:
            return rows
        inputs, scale = np.empty(rows.shape, dtype), self.scale
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            part = standardized(part, self.mean, scale, np.float64)
            inputs[start : start + ROWS_AT_ONCE] = part
        return inputs

    def row_tensor(self, x: torch.Tensor) -> torch.Tensor:
        """Do the same to a tensor, with gradients."""
        if self.learner is not None:
            return self.learner._network_tensor(x)
        return standardized_tensor(x, *self.scaling(x.shape[-1]))

    def scaling(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and scale of what the net sees, in the units of rows."""
        if self.learner is not None:
            return self.learner.mean_, self.learner.scale_
        if not self.standardize:
            return super().scaling(n_features)
        return self.mean, self.scale

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> PretrainedFeed:
        """Return the feed with its scale, or its learner, which may be fitted here."""
        learner = find_learner(self.given, data.clips.shape[1], self.sizes)
        if learner is not None:
            if not hasattr(learner, "weights_"):
                clips = split_clips(data.clips, data.layout)
                learner.set_params(random_state=seed).fit(clips)
            return replace(self, learner=copy.deepcopy(learner))
        return self.learn_more(data)

    def learn_more(self, data: LabelledClips) -> PretrainedFeed:
        """Return the feed with the mean and variance of all clips up to these."""
        if not self.standardize:
            return self
        with np.errstate(over="ignore", invalid="ignore"):  # noticed below
            mean, variance = data.mean_and_variance()
            n_seen = self.n_seen + data.n_weighted_frames
            if self.mean is not None:
                share = data.n_weighted_frames / n_seen
                change = mean - self.mean
                mean = self.mean + share * change
                variance = (1 - share) * self.variance + share * variance
                variance = variance + share * (1 - share) * change**2
        if not np.isfinite(mean + variance).all():
            raise ValueError(
                f"X has values up to {np.abs(data.clips).max():.3g}, whose variance is "
                "not finite. Scale X."
            )
        return replace(self, mean=mean, variance=variance, n_seen=n_seen)


def rescaled(
    weights: dict[str, np.ndarray], before: PretrainedFeed, after: PretrainedFeed
) -> dict[str, np.ndarray]:
    """Return weights with which a net gives what it gave before the scale changed.

    Where a feature was constant, the net has learned nothing of it.
    """
    name = next(iter(weights)).removesuffix("weight")  # of the first layer
    is_new = are_constant(before.mean, before.variance)
    ratio = np.where(is_new, 1, after.scale / before.scale)
    shift = np.where(is_new, 0, (after.mean - before.mean) / before.scale)
    weight, bias = weights[f"{name}weight"], weights[f"{name}bias"]
    first = {
        f"{name}weight": (weight * ratio).astype(weight.dtype),
        f"{name}bias": (bias + weight @ shift).astype(bias.dtype),
    }
    return {**weights, **first}


def has_learner(given: Any) -> bool:
    """Tell whether a net begins with the layers of a learner, by its parameters."""
    by_itself = (None, "denoising_autoencoder")
    return given.pretrained is not None or given.pretraining not in by_itself


def find_learner(estimator: Any, n_features: int, sizes: list[int]) -> Any:
    """Return the learner that a net begins with, fitted or to be fitted; or None."""
    given, kind = estimator.pretrained, getattr(estimator, "pretraining", None)
    pretrains = hasattr(estimator, "pretraining")  # transcribers do not
    if given is not None and kind is not None:
        raise ValueError(
            "pretrained and pretraining are both set; a net begins with one of them."
        )
    if not has_learner(estimator):
        if kind and estimator.activation == "maxout":
            raise ValueError(
                "pretraining='denoising_autoencoder' does not work with "
                "activation='maxout'; use another activation, or pretraining=None."
            )
        return None
    if estimator.activation != "logistic":
        other = ", or pretraining='denoising_autoencoder' for other activations"
        raise ValueError(
            f"activation={estimator.activation!r}, but layers of a DBNFeatureLearner "
            f"are logistic. Use activation='logistic'{other if pretrains else ''}."
        )
    if given is None:
        return _unfitted(estimator, sizes)
    hint = " To fit one inside, pass it as pretraining." if pretrains else ""
    learner = fitted_learner(given, DBNFeatureLearner, hint)
    found = [weights.shape[1] for weights in learner.weights_]
    if found != sizes or learner.n_features_in_ != n_features:
        raise ValueError(
            f"pretrained has {learner.n_features_in_} features and layers of {found} "
            f"units, but X has {n_features} features and hidden_layer_sizes is "
            f"{sizes}; expected the same."
        )
    return learner


def fitted_learner(given: Any, kind: type, hint: str = "") -> Any:
    """Return the learner that ``pretrained`` is, or raise a ``ValueError``."""
    learner = given.estimator if isinstance(given, FrozenEstimator) else given
    name = kind.__name__
    if not isinstance(learner, kind):
        raise ValueError(
            f"pretrained={type(learner).__name__} is not a {name} (or FrozenEstimator "
            "of one)."
        )
    if not hasattr(learner, "weights_"):
        raise ValueError(
            f"pretrained is a {name} that is not fitted. If it was: cross-validation "
            "and searches clone parameters, which forgets; pass "
            f"pretrained=FrozenEstimator(learner).{hint}"
        )
    return learner


def _unfitted(estimator: Any, sizes: list[int]) -> DBNFeatureLearner:
    kind: Literal["rbm", "dbm"] = estimator.pretraining
    if isinstance(kind, str):
        return DBNFeatureLearner(
            sizes,
            pretraining=kind,
            max_epochs=estimator.pretraining_epochs,
            joint_epochs=estimator.pretraining_epochs,
            validation_fraction=0,
            device=estimator.device,
            verbose=estimator.verbose,
        )
    if not isinstance(estimator.pretraining, DBNFeatureLearner):
        raise ValueError(
            f"pretraining={type(estimator.pretraining).__name__} is not a "
            "DBNFeatureLearner."
        )
    return clone(estimator.pretraining).set_params(hidden_layer_sizes=sizes)


def denoise_layers(
    given: Any, net: nets.MLP, rows: np.ndarray, generator: torch.Generator
) -> None:
    """Train the hidden layers of a net as denoising auto-encoders, one on the other.

    Batches and precision are those of the training with labels, by ``given``.
    """
    changed = {
        "optimizer": "adam",
        "learning_rate": "auto",
        "learning_rate_schedule": "constant",
        "max_epochs": given.pretraining_epochs,
        "early_stopping": False,
        "weight_decay": 0.0,
        "callbacks": None,
    }
    settings = SimpleNamespace(**{**vars(given), **changed})
    watch = _Bar(len(net.hidden) * settings.max_epochs, given.verbose)
    inputs = tensor_of(rows).to(generator.device)
    output = "linear"
    for layer in net.hidden:
        n_units = layer.get_parameter("bias").numel()
        coder = nets.DenoisingAutoencoder(
            inputs.shape[1],
            n_units,
            activation=given.activation,
            output=output,
            initialization=given.initialization,
            generator=generator,
        ).to(inputs.dtype)
        step = GradientStep(
            coder,
            SquaredLoss(),
            settings,
            generator,
            advice="It is pre-training as a denoising auto-encoder: scale the input, "
            "as with StandardScaler.",
        )
        batches = Batches(
            Rows(inputs, inputs), settings.batch_size, generator, training=True
        )
        train(step, batches, settings, watch=watch, state=lambda progress: {})
        with torch.no_grad():
            layer.load_state_dict(coder.encoder.state_dict())
            inputs = coder.encode(inputs)
        output = INVERSES[given.activation]
    watch.bar.close()


class _Bar:
    """Epochs that only a progress bar hears of."""

    def __init__(self, n_epochs: int, verbose: Any) -> None:
        self.bar = progress_bar(
            total=n_epochs, label="Pre-training", unit="epochs", verbose=verbose
        )

    def begin(self) -> None:
        """Begin an epoch."""

    def end(
        self, state: Callable[[], dict[str, Any]], losses: dict[str, float]
    ) -> bool:
        """End an epoch."""
        self.bar.set_postfix(losses, refresh=False)
        self.bar.update()
        return False
