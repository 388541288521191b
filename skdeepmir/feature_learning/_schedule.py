"""What the parameters of learners mean for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

# Without noise a Gaussian layer is steeper than a binary one (Hinton 2010).
RATES = {"gaussian": 0.005, "binary": 0.05}
CONV_RATES = {"gaussian": 0.01, "binary": 0.05}
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


@dataclass(frozen=True)
class ConvSchedule:
    """Training of convolutional layers.

    Attributes
    ----------
    sizes, filter_lengths, pool_lengths : list of int
        Filters of each layer, frames that they see, and detectors of a block.
    rates : list of list of float
        Learning rates, for each layer and epoch.
    excerpt_length : int
        Most frames of an excerpt.
    """

    sizes: list[int]
    filter_lengths: list[int]
    pool_lengths: list[int]
    rates: list[list[float]]
    excerpt_length: int

    @property
    def n_epochs(self) -> int:
        """Number of epochs of all layers."""
        return sum(map(len, self.rates))

    @property
    def n_seen(self) -> int:
        """Frames that a pooling unit of the last layer sees."""
        n_frames = 1
        for pool, length in zip(
            reversed(self.pool_lengths), reversed(self.filter_lengths), strict=True
        ):
            n_frames = n_frames * pool + length - 1
        return n_frames


@dataclass(frozen=True)
class LocalSchedule:
    """Training of layers of local filters.

    Attributes
    ----------
    sizes : list of int
        Filters at each place, of each layer.
    shapes : dict of list of int
        What a ``LocalNet`` takes by layer: sizes of filters and so on.
    rates : list of list of float
        Learning rates, for each layer and epoch.
    """

    sizes: list[int]
    shapes: dict[str, list[int]]
    rates: list[list[float]]

    @property
    def n_epochs(self) -> int:
        """Number of epochs of all layers."""
        return sum(map(len, self.rates))


def make_schedule(given: Any, n_epochs: int | None = None) -> Schedule:
    """Check the parameters that go by layer, and return what they mean.

    ``n_epochs`` replaces the numbers of epochs. A ``ValueError`` is raised if a
    parameter does not fit the number of layers, or has impossible values.
    """
    sizes = listed(given.hidden_layer_sizes)
    if not sizes or not all(is_whole(n, 1) for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={given.hidden_layer_sizes!r} must name one or more "
            "numbers of units, from 1 up."
        )
    kinds = [given.visible, *["binary"] * (len(sizes) - 1)]
    share = PERSISTENT_SHARE if given.persistent else 1
    rates = by_layer(given, "learning_rate", sizes, is_rate, "above 0, or 'auto'")
    rates = [
        share * RATES[kind] if rate == "auto" else rate
        for rate, kind in zip(rates, kinds, strict=True)
    ]
    epochs = by_layer(given, "max_epochs", sizes, is_whole, "whole numbers from 0 up")
    if given.corruption != "gaussian" and given.corruption_level > 1:
        raise ValueError(
            f"corruption_level={given.corruption_level:g} must be a share from 0 to 1 "
            f"where corruption={given.corruption!r}."
        )
    check_layers(given.layers, len(sizes))
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


def make_conv_schedule(given: Any, n_epochs: int | None = None) -> ConvSchedule:
    """Do the same for a convolutional learner."""
    sizes = listed(given.n_filters)
    if not sizes or not all(is_whole(n, 1) for n in sizes):
        raise ValueError(
            f"n_filters={given.n_filters!r} must name one or more numbers of filters, "
            "from 1 up."
        )
    lengths, pools = (
        by_layer(
            given, name, sizes, lambda n: is_whole(n, 1), "whole numbers from 1 up"
        )
        for name in ("filter_length", "pool_length")
    )
    rates = by_layer(given, "learning_rate", sizes, is_rate, "above 0, or 'auto'")
    rates = [
        CONV_RATES["binary" if layer else "gaussian"] if rate == "auto" else rate
        for layer, rate in enumerate(rates)
    ]
    epochs = by_layer(given, "max_epochs", sizes, is_whole, "whole numbers from 0 up")
    if n_epochs is not None:
        epochs = [n_epochs] * len(sizes)
    check_layers(given.layers, len(sizes))
    target = given.sparsity_target
    if target is not None and target * max(pools) >= 1:
        raise ValueError(
            f"sparsity_target={target:g} must be below 1 / {max(pools)}: at most one "
            f"of the {max(pools)} detectors of a block (pool_length) is on."
        )
    rates = [[rate] * n for rate, n in zip(rates, epochs, strict=True)]
    schedule = ConvSchedule(sizes, lengths, pools, rates, given.excerpt_length)
    if schedule.n_seen > given.excerpt_length:
        raise ValueError(
            f"excerpt_length={given.excerpt_length} is below the {schedule.n_seen} "
            "frames that a unit of the last layer sees (by filter_length and "
            "pool_length). Pass longer excerpts."
        )
    return schedule


def make_local_schedule(given: Any, n_epochs: int | None = None) -> LocalSchedule:
    """Do the same for a learner of local filters."""
    sizes = listed(given.n_maps)
    if not sizes or not all(is_whole(n, 1) for n in sizes):
        raise ValueError(
            f"n_maps={given.n_maps!r} must name one or more numbers of filters at a "
            "place, from 1 up."
        )
    names = "filter_length", "filter_width", "stride", "pool_size", "pool_stride"
    shapes = {
        name: by_layer(
            given, name, sizes, lambda n: is_whole(n, 1), "whole numbers from 1 up"
        )
        for name in names
    }
    rates = by_layer(given, "learning_rate", sizes, is_step, "above 0")
    epochs = by_layer(given, "max_epochs", sizes, is_whole, "whole numbers from 0 up")
    if n_epochs is not None:
        epochs = [n_epochs] * len(sizes)
    check_layers(given.layers, len(sizes))
    size = given.contrast_size
    if size and (size < 3 or size % 2 == 0):
        raise ValueError(
            f"contrast_size={size!r} must be 0, or odd (so that the window has a "
            "middle) and over 1."
        )
    return LocalSchedule(
        [int(n) for n in sizes],
        {name: [int(n) for n in values] for name, values in shapes.items()},
        [[float(r)] * n for r, n in zip(rates, epochs, strict=True)],
    )


def is_step(rate: Any) -> bool:
    return isinstance(rate, Real) and not isinstance(rate, bool) and rate > 0


def is_whole(n: Any, smallest: int = 0) -> bool:
    return isinstance(n, Integral) and not isinstance(n, bool) and n >= smallest


def is_rate(rate: Any) -> bool:
    return rate == "auto" or (isinstance(rate, Real) and rate > 0)


def listed(values: Any) -> list[Any]:
    if isinstance(values, str | Real):
        return [values]
    return values.tolist() if hasattr(values, "tolist") else list(values)


def by_layer(
    given: Any, name: str, sizes: list[int], is_valid: Any, wanted: str
) -> list[Any]:
    """Return the values of a parameter, one for each layer."""
    value = getattr(given, name)
    values = listed(value)
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


def check_layers(layers: Any, n_layers: int) -> None:
    if isinstance(layers, str):
        return
    if not all(is_whole(k) and k < n_layers for k in layers):
        raise ValueError(
            f"layers={layers!r} must be 'last', 'all' or numbers from 0 to "
            f"{n_layers - 1}."
        )
    if len(layers) == 0 or len(set(layers)) < len(layers):
        raise ValueError(f"layers={layers!r} must name one layer or more, each once.")
