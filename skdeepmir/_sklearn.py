"""Where the package meets scikit-learn: private names, parameters and callbacks.

Every import of a private scikit-learn name stands here, so that a new release breaks
one file. Its base classes are in ``_bases``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np
import sklearn.base
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_sample_weight,
    _num_samples,
    check_consistent_length,
    validate_data,
)

from skdeepmir._bases import CallbackSupportMixin
from skdeepmir._progress import progress_bar

__all__ = [
    "BaseSearchCV",
    "CallbackSupportMixin",
    "EpochWatch",
    "HasMethods",
    "Interval",
    "OneTask",
    "StrOptions",
    "_check_feature_names_in",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "_safe_split",
    "check_consistent_length",
    "fit_as_task",
    "fit_inside",
    "fitted_attributes",
    "parameters_of",
    "plain",
    "response_methods",
    "telling",
    "undone_if_it_fails",
    "validate_data",
]


Fit = TypeVar("Fit", bound=Callable[..., Any])


@contextmanager
def undone_if_it_fails(estimators: Iterable[Any]) -> Iterator[None]:
    """Give estimators the attributes from before if what is done here fails."""
    before = [(estimator, vars(estimator).copy()) for estimator in estimators]
    try:
        yield
    except BaseException:
        for estimator, attributes in before:
            estimator.__dict__ = attributes
        raise


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Fit], Fit]:
    """Decorate ``fit`` and its kind as scikit-learn does; one that fails is undone.

    Whatever ends it, also Ctrl-C, the estimator has the attributes from before. They
    are not copied: a fit puts new values in the place of fitted ones, and does not
    change these.
    """
    in_context = sklearn.base._fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )

    def decorate(method: Fit) -> Fit:
        fit = in_context(_telling(method))

        @wraps(fit)
        def fit_or_undo(estimator: Any, *args: Any, **options: Any) -> Any:
            with undone_if_it_fails([estimator]):
                return fit(estimator, *args, **options)

        return cast(Fit, fit_or_undo)

    return decorate


class OneTask(CallbackSupportMixin):
    """An estimator of whose fit callbacks hear as a whole, by ``_fit_context``."""


def _telling(fit: Any) -> Any:
    """Tell callbacks of the begin and the end of the fit of a ``OneTask``."""

    @wraps(fit)
    def fit_and_tell(estimator: Any, X: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(estimator, OneTask):
            return fit(estimator, X, *args, **options)
        with telling(estimator, X, args[0] if args else options.get("y")):
            return fit(estimator, X, *args, **options)

    return fit_and_tell


@contextmanager
def telling(
    estimator: Any, X: Any, y: Any, n_parts: int = 0, part: str = ""
) -> Iterator[Callable[[], None]]:
    """Tell callbacks of the begin and the end of a fit, and of its parts.

    What it gives is called after each of the ``n_parts``, which are named ``part``.
    """
    data = {"estimator": estimator, "X": X, "y": y}
    context = estimator._init_callback_context(max_subtasks=n_parts)
    context.call_on_fit_task_begin(**data)

    def tell() -> None:
        task = context.subcontext(task_name=part)
        task.call_on_fit_task_begin(**data)
        task.call_on_fit_task_end(**data)

    yield tell
    context.call_on_fit_task_end(**data)


PLAIN = {int, float, bool, str, type(None)}


def plain(value: Any) -> Any:
    """Return a parameter with Python's scalars in place of NumPy's, also inside it.

    torch and threadpoolctl know no other, and float32 would go on through sums.
    """
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        return value.item()
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(plain, value))
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def parameters_of(estimator: Any) -> SimpleNamespace:
    """Return the parameters of an estimator, each :func:`plain`, to compute with."""
    # A constructor of a subclass need not take all of them.
    fields = getattr(estimator, "__dataclass_fields__", ())
    given = {name: getattr(estimator, name) for name in fields}
    given.update(estimator.get_params(deep=False))
    # Most are Python's, and asking for each takes longer than looking at its type.
    strange = {
        n: plain(value) for n, value in given.items() if type(value) not in PLAIN
    }
    return SimpleNamespace(**{**given, **strange})


def response_methods(scorer: Any) -> tuple[str, ...] | None:
    """Return the methods of which a scorer takes the first; None if it may take all."""
    methods = getattr(scorer, "_response_method", None)
    return (methods,) if isinstance(methods, str) else methods and tuple(methods)


def seeded(
    estimator: Any, rng: np.random.RandomState, *, only_none: bool = False
) -> Any:
    """Set every ``random_state`` inside an estimator, or each that is None."""
    seeds = {
        name: rng.randint(2**31 - 1)
        for name, value in sorted(estimator.get_params().items())
        if name == "random_state" or name.endswith("__random_state")
        if value is None or not only_none
    }
    return estimator.set_params(**seeds)


def fit_inside(meta: Any, inner: Any, fit: Callable[[], Any], X: Any, y: Any) -> None:
    """Run ``fit()``, which fits ``inner`` inside the meta-estimator ``meta``.

    Callbacks that were set on ``meta``, or reach it from a pipeline or a search, are
    handed on to ``inner``.
    """
    context = meta._init_callback_context(max_subtasks=1)
    context.call_on_fit_task_begin(estimator=meta, X=X, y=y)
    sub = context.subcontext(task_name=f"fit-{type(inner).__name__}")
    fit_as_task(sub, meta, inner, fit, X, y)
    context.call_on_fit_task_end(estimator=meta, X=X, y=y)


def fit_as_task(
    task: Any, meta: Any, inner: Any, fit: Callable[[], Any], X: Any, y: Any
) -> None:
    """Run ``fit()``, which fits ``inner``, as a task of the fit of ``meta``."""
    with task.propagate_callback_context(inner):
        task.call_on_fit_task_begin(estimator=meta, X=X, y=y)
        fit()
        task.call_on_fit_task_end(estimator=meta, X=X, y=y)


def fitted_attributes(estimator: Any, keep: Callable[[Any], None]) -> dict[str, Any]:
    """Return the fitted attributes that ``keep`` gives to a twin of an estimator."""
    twin = object.__new__(type(estimator))
    seen = ("n_features_in_", "feature_names_in_", "_fitted_on_clips")
    vars(twin).update({n: v for n, v in vars(estimator).items() if n in seen})
    keep(twin)
    return vars(twin)


class EpochWatch:
    """Tell callbacks and a progress bar about the epochs of a fit.

    Parameters
    ----------
    estimator : estimator
        What is fitted; it has ``verbose`` and supports callbacks.
    n_epochs : int
        Most epochs that there will be.
    X, y : object
        What it is fitted to, for the callbacks.
    n_done : int, default=0
        Epochs that an earlier call of the same fit made.
    """

    def __init__(
        self, estimator: Any, n_epochs: int, X: Any, y: Any, n_done: int = 0
    ) -> None:
        self.data = {"estimator": estimator, "X": X, "y": y}
        self.context = estimator._init_callback_context(max_subtasks=n_epochs - n_done)
        self.context.call_on_fit_task_begin(**self.data)
        self.bar = progress_bar(
            total=n_epochs,
            label="Training",
            unit="epochs",
            verbose=estimator.verbose,
            done=n_done,
        )

    def begin(self) -> None:
        """Begin an epoch."""
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def end(
        self, state: Callable[[], dict[str, Any]], losses: dict[str, float]
    ) -> bool:
        """End an epoch; return whether a callback wants to stop.

        ``state`` gives the fitted attributes as if the fit had ended here. It is called
        for callbacks that look at the estimator. The bar shows ``losses``.
        """
        self.bar.set_postfix(losses, refresh=False)
        self.bar.update()
        return self.task.call_on_fit_task_end(
            **self.data, reconstruction_attributes=state
        )

    def finish(self) -> None:
        """End the fit."""
        self.bar.close()
        self.context.call_on_fit_task_end(**self.data)
