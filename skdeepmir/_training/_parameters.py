"""What the parameters that all learners share may be."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import Any

from skdeepmir._sklearn import Interval, StrOptions


def check_sizes(name: str, sizes: Any, what: str) -> list[int]:
    """Return sizes of layers as a list, or raise a ``ValueError``.

    ``what`` says of what they are numbers.
    """
    for size in sizes:
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise ValueError(
                f"{name}={sizes!r} must be numbers of {what}, from 1 up; found "
                f"{size!r}."
            )
    return [int(size) for size in sizes]


TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "optimizer": [StrOptions({"sgd", "adagrad", "adam"})],
    "learning_rate": [
        StrOptions({"auto"}),
        Interval(Real, 0, None, closed="neither"),
    ],
    "learning_rate_schedule": [
        StrOptions({"constant", "linear", "exponential", "adaptive"})
    ],
    "learning_rate_decay": [Interval(Real, 0, 1, closed="right")],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "gradient_clipping": [Interval(Real, 0, None, closed="neither"), None],
    "batch_size": [Interval(Integral, 1, None, closed="left"), None],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "precision": [StrOptions({"float32", "float64", "bfloat16"})],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    "callbacks": [list, tuple, None],
    "checkpoint_dir": [str, PathLike, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
