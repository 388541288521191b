"""What the parameters of ``DBNFeatureLearner`` mean for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

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
    sizes = _listed(given.hidden_layer_sizes)
    if not sizes or not all(_is_whole(n, 1) for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={given.hidden_layer_sizes!r} must name one or more "
            "numbers of units, from 1 up."
        )
    kinds = [given.visible, *["binary"] * (len(sizes) - 1)]
    share = PERSISTENT_SHARE if given.persistent else 1
    rates = _by_layer(given, "learning_rate", sizes, _is_rate, "above 0, or 'auto'")
    rates = [
        share * RATES[kind] if rate == "auto" else rate
        for rate, kind in zip(rates, kinds, strict=True)
    ]
    epochs = _by_layer(given, "max_epochs", sizes, _is_whole, "whole numbers from 0 up")
    if given.corruption != "gaussian" and given.corruption_level > 1:
        raise ValueError(
            f"corruption_level={given.corruption_level:g} must be a share from 0 to 1 "
            f"where corruption={given.corruption!r}."
        )
    _check_layers(given.layers, len(sizes))
    joint_epochs = given.joint_epochs
    if n_epochs is not None:
        epochs, joint_epochs = [n_epochs] * len(sizes), n_epochs
    if given.pretraining is None:
        epochs = [0] * len(sizes)
    if given.pretraining != "dbm":
        joint_epochs = 0
    joint_rate = min(rates) * (1 if given.persistent else PERSISTENT_SHARE)
    return Schedule(
        sizes,
        [[rate] * n for rate, n in zip(rates, epochs, strict=True)],
        [joint_rate * (1 - i / joint_epochs) for i in range(joint_epochs)],
    )


def _is_whole(n: Any, smallest: int = 0) -> bool:
    return isinstance(n, Integral) and n >= smallest


def _is_rate(rate: Any) -> bool:
    return rate == "auto" or (isinstance(rate, Real) and rate > 0)


def _listed(values: Any) -> list[Any]:
    if isinstance(values, str | Real):
        return [values]
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _by_layer(
    given: Any, name: str, sizes: list[int], is_valid: Any, wanted: str
) -> list[Any]:
    """Return the values of a parameter, one for each layer."""
    value = getattr(given, name)
    values = _listed(value)
    if isinstance(value, str | Real):
        values *= len(sizes)
    if len(values) != len(sizes):
        raise ValueError(
            f"{name}={value!r} must be one value, or one for each of the {len(sizes)} "
            "layers."
        )
    if not all(map(is_valid, values)):
        raise ValueError(f"{name}={value!r} must be {wanted}.")
    return values


def _check_layers(layers: Any, n_layers: int) -> None:
    if isinstance(layers, str):
        return
    if not all(_is_whole(k) and k < n_layers for k in layers):
        raise ValueError(
            f"layers={layers!r} must be 'last', 'all' or numbers from 0 to "
            f"{n_layers - 1}."
        )
    if len(layers) == 0 or len(set(layers)) < len(layers):
        raise ValueError(f"layers={layers!r} must name one layer or more, each once.")
