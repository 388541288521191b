"""What the parameters of ``DBNFeatureLearner`` mean for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from skdeepmir._sklearn import plain

# Without noise a Gaussian layer is steeper than a binary one (Hinton 2010).
RATES = {"gaussian": 0.005, "binary": 0.05}
PERSISTENT_SHARE = 0.2  # of them, for chains that have to keep up with the weights


@dataclass(frozen=True)
class Schedule:
    """Training without labels: of each layer, and then of all layers together.

    Attributes
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


def make_schedule(given: Any, n_epochs: int | None = None) -> Schedule:
    """Check the parameters that go by layer, and return what they mean.

    ``n_epochs`` replaces the numbers of epochs. A ``ValueError`` is raised if a
    parameter does not fit the number of layers, or has impossible values.
    """
    sizes = given.hidden_layer_sizes
    sizes = [sizes] if isinstance(sizes, Real) else [plain(n) for n in sizes]
    if not sizes or not all(_is_whole(n, 1) for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={given.hidden_layer_sizes!r} must name one or more "
            "numbers of units, from 1 up."
        )
    n_layers = len(sizes)
    kinds = [given.visible, *["binary"] * (n_layers - 1)]
    share = PERSISTENT_SHARE if given.persistent else 1
    rates = [
        share * RATES[kind] if rate == "auto" else rate
        for rate, kind in zip(
            _spread(given, "learning_rate", n_layers), kinds, strict=True
        )
    ]
    if not all(isinstance(rate, Real) and rate > 0 for rate in rates):
        raise ValueError(
            f"learning_rate={given.learning_rate!r} must be above 0, or 'auto'."
        )
    epochs = _spread(given, "max_epochs", n_layers)
    if not all(_is_whole(n, 0) for n in epochs):
        raise ValueError(
            f"max_epochs={given.max_epochs!r} must be whole numbers from 0 up."
        )
    if given.corruption != "gaussian" and given.corruption_level > 1:
        raise ValueError(
            f"corruption_level={given.corruption_level:g} must be a share from 0 to 1 "
            f"where corruption={given.corruption!r}."
        )
    _check_layers(given.layers, n_layers)
    joint_epochs = given.joint_epochs
    if n_epochs is not None:
        epochs, joint_epochs = [n_epochs] * n_layers, n_epochs
    if given.pretraining is None:
        epochs = [0] * n_layers
    if given.pretraining != "dbm":
        joint_epochs = 0
    joint_rate = min(rates) * (1 if given.persistent else PERSISTENT_SHARE)
    return Schedule(
        sizes,
        [[rate] * n for rate, n in zip(rates, epochs, strict=True)],
        [joint_rate * (1 - i / joint_epochs) for i in range(joint_epochs)],
    )


def _is_whole(n: Any, smallest: int) -> bool:
    return isinstance(n, Integral) and n >= smallest


def _spread(given: Any, name: str, n_layers: int) -> list[Any]:
    """Return the values of a parameter, one for each layer."""
    values = getattr(given, name)
    if isinstance(values, str | Real):
        return [values] * n_layers
    if len(values) != n_layers:
        raise ValueError(
            f"{name}={values!r} must be one value, or one for each of the {n_layers} "
            "layers."
        )
    return [plain(value) for value in values]


def _check_layers(layers: Any, n_layers: int) -> None:
    if isinstance(layers, str):
        return
    if not all(_is_whole(k, 0) and k < n_layers for k in layers):
        raise ValueError(
            f"layers={layers!r} must be 'last', 'all' or numbers from 0 to "
            f"{n_layers - 1}."
        )
    if len(layers) == 0 or len(set(layers)) < len(layers):
        raise ValueError(f"layers={layers!r} must name one layer or more, each once.")
