"""What the parameters of ``DBNFeatureLearner`` mean for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from skdeepmir._sklearn import plain

# Without noise a Gaussian layer is steeper than a binary one (Hinton 2010).
RATES = {"gaussian": 0.005, "binary": 0.05}
PERSISTENT_SHARE = 0.2  # of them, for chains that have to keep up with the weights


@dataclass(frozen=True)
class Plan:
    """Training without labels: of each layer, and then of all layers together.

    Parameters
    ----------
    sizes : list of int
        Units of each layer.
    rates : list of list of float
        Learning rates, for each layer and epoch.
    joint_rates : list of float
        Learning rates of a deep Boltzmann machine, for each epoch.
    """

    sizes: list[int]
    rates: list[list[float]]
    joint_rates: list[float]

    @property
    def n_epochs(self) -> int:
        """Number of epochs of all stages."""
        return sum(map(len, self.rates)) + len(self.joint_rates)


def make_plan(learner: Any, n_epochs: int | None = None) -> Plan:
    """Check the parameters of a learner that go by layer, and plan its training.

    Parameters
    ----------
    learner : SimpleNamespace
        Parameters of a ``DBNFeatureLearner``.
    n_epochs : int, optional
        Replaces the numbers of epochs.

    Returns
    -------
    plan : Plan
        What is trained how often at which rate.

    Raises
    ------
    ValueError
        If a parameter does not fit the number of layers, or has impossible values.
    """
    sizes = np.atleast_1d(learner.hidden_layer_sizes).tolist()
    if not sizes or any(not isinstance(n, Integral) or n < 1 for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={learner.hidden_layer_sizes!r} must name one or more "
            "numbers of units, from 1 up."
        )
    kinds = [learner.visible, *["binary"] * (len(sizes) - 1)]
    share = PERSISTENT_SHARE if learner.persistent else 1
    rates = [
        share * RATES[kind] if rate == "auto" else rate
        for rate, kind in zip(
            _spread(learner, "learning_rate", sizes), kinds, strict=True
        )
    ]
    if any(not isinstance(rate, Real) or rate <= 0 for rate in rates):
        raise ValueError(
            f"learning_rate={learner.learning_rate!r} must be above 0, or 'auto'."
        )
    epochs = _spread(learner, "max_epochs", sizes)
    if any(not isinstance(n, Integral) or n < 0 for n in epochs):
        raise ValueError(
            f"max_epochs={learner.max_epochs!r} must be whole numbers from 0 up."
        )
    if learner.corruption != "gaussian" and learner.corruption_level > 1:
        raise ValueError(
            f"corruption_level={learner.corruption_level:g} must be a share from 0 to "
            f"1 where corruption={learner.corruption!r}."
        )
    _check_layers(learner.layers, len(sizes))
    joint_epochs = learner.joint_epochs
    if n_epochs is not None:
        epochs, joint_epochs = [n_epochs] * len(sizes), n_epochs
    if learner.pretraining is None:
        epochs = [0] * len(sizes)
    if learner.pretraining != "dbm":
        joint_epochs = 0
    joint_rate = min(rates) * (1 if learner.persistent else PERSISTENT_SHARE)
    return Plan(
        sizes,
        [[rate] * n for rate, n in zip(rates, epochs, strict=True)],
        [joint_rate * (1 - i / joint_epochs) for i in range(joint_epochs)],
    )


def _spread(learner: Any, name: str, sizes: list[int]) -> list[Any]:
    """Return the values of a parameter, one for each layer."""
    values = getattr(learner, name)
    if isinstance(values, str | Real):
        return [values] * len(sizes)
    if len(values) != len(sizes):
        raise ValueError(
            f"{name}={values!r} must be one value, or one for each of the "
            f"{len(sizes)} layers."
        )
    return [plain(value) for value in values]


def _check_layers(layers: Any, n_layers: int) -> None:
    if isinstance(layers, str):
        return
    for layer in layers:
        if not isinstance(layer, Integral) or not 0 <= layer < n_layers:
            raise ValueError(
                f"layers={layers!r} must be 'last', 'all' or numbers from 0 to "
                f"{n_layers - 1}."
            )
    if len(layers) == 0 or len(set(layers)) < len(layers):
        raise ValueError(f"layers={layers!r} must name one layer or more, each once.")
