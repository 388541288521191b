"""Where the package meets scikit-learn: private names, callbacks, clips as input.

Every import of a private scikit-learn name stands here, so that a new release breaks
one file. scikit-learn 1.9 brought callbacks; on 1.6 to 1.8 the classes below take their
place and do nothing, so that estimators are written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import SimpleNamespace
from typing import Any

import numpy as np
import sklearn.base
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, validate_data

from skdeepmir._errors import refuse_masked
from skdeepmir._labels import check_each_label
from skdeepmir._progress import progress
from skdeepmir._workers import leave_with_parent
from skdeepmir.frames import ClipLayout, list_clips, stack_clips

try:
    from sklearn.callback import CallbackSupportMixin
except ModuleNotFoundError:  # scikit-learn < 1.9

    class _NoCallbacks:
        """A callback context without callbacks."""

        def subcontext(self, **kwargs: Any) -> _NoCallbacks:
            return self

        @contextmanager
        def propagate_callback_context(self, sub_estimator: Any) -> Iterator[None]:
            yield

        def call_on_fit_task_begin(self, **kwargs: Any) -> None:
            return None

        def call_on_fit_task_end(self, **kwargs: Any) -> bool:
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in that offers no ``set_callbacks``."""

        def _init_callback_context(self, **kwargs: Any) -> _NoCallbacks:
            return _NoCallbacks()


__all__ = [
    "BaseSearchCV",
    "CallbackSupportMixin",
    "EpochWatch",
    "HasMethods",
    "Interval",
    "StrOptions",
    "_fit_context",
    "_safe_indexing",
    "check_clip_labels",
    "check_consistent_length",
    "fit_inside",
    "parameters_of",
    "plain",
    "validate_clips",
    "validate_frames",
]


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Any], Any]:
    """Decorate ``fit`` and its kind as scikit-learn does; one that fails is undone.

    Whatever ends it, also Ctrl-C, the estimator has the attributes from before. They
    are not copied: a fit puts new values in the place of fitted ones, and does not
    change these.
    """
    in_context = sklearn.base._fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )

    def decorate(fit: Any) -> Any:
        fit = in_context(fit)

        @wraps(fit)
        def fit_or_undo(estimator: Any, *args: Any, **options: Any) -> Any:
            before = vars(estimator).copy()
            try:
                return fit(estimator, *args, **options)
            except BaseException:
                estimator.__dict__ = before
                raise

        return fit_or_undo

    return decorate


def plain(value: Any) -> Any:
    """Return a parameter with Python's scalars in place of NumPy's, also inside it.

    torch and threadpoolctl know no other, and float32 would go on through sums.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(plain, value))
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def parameters_of(estimator: Any) -> SimpleNamespace:
    """Return the parameters of an estimator, each :func:`plain`, to compute with."""
    names = estimator.get_params(deep=False)
    return SimpleNamespace(**{name: plain(value) for name, value in names.items()})


def fit_inside(meta: Any, inner: Any, fit: Callable[[], Any], X: Any, y: Any) -> None:
    """Run ``fit()``, which fits ``inner`` inside the meta-estimator ``meta``.

    Callbacks that were set on ``meta``, or reach it from a pipeline or a search, are
    handed on to ``inner``.
    """
    context = meta._init_callback_context(max_subtasks=1)
    context.call_on_fit_task_begin(estimator=meta, X=X, y=y)
    sub = context.subcontext(task_name=f"fit-{type(inner).__name__}")
    with sub.propagate_callback_context(inner):
        sub.call_on_fit_task_begin(estimator=meta, X=X, y=y)
        fit()
        sub.call_on_fit_task_end(estimator=meta, X=X, y=y)
    context.call_on_fit_task_end(estimator=meta, X=X, y=y)


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
    """

    def __init__(self, estimator: Any, n_epochs: int, X: Any, y: Any) -> None:
        self.data = {"estimator": estimator, "X": X, "y": y}
        self.context = estimator._init_callback_context(max_subtasks=n_epochs)
        self.context.call_on_fit_task_begin(**self.data)
        bar = progress(
            range(n_epochs + 1),
            total=n_epochs,
            label="Training",
            unit="epochs",
            verbose=estimator.verbose,
        )
        self.ticks = iter(bar)
        next(self.ticks)

    def begin(self) -> None:
        """Begin an epoch."""
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def end(self, state: Callable[[], dict[str, Any]]) -> bool:
        """End an epoch; return whether a callback wants to stop.

        ``state`` gives the fitted attributes as if the fit had ended here. It is called
        for callbacks that look at the estimator.
        """
        next(self.ticks)
        return self.task.call_on_fit_task_end(
            **self.data, reconstruction_attributes=state
        )

    def finish(self) -> None:
        """End the fit."""
        self.context.call_on_fit_task_end(**self.data)


def validate_clips(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    dtype: Any = (np.float64, np.float32),
    stack: bool = True,
    **check_params: Any,
) -> tuple[Any, ClipLayout]:
    """Validate clips for an estimator, and stack their frames.

    The twin of scikit-learn's ``validate_data``: ``reset=True`` in ``fit`` remembers
    the number of features per frame and whether X was clips, ``reset=False`` afterwards
    checks against what was remembered.

    Parameters
    ----------
    estimator : estimator
        The estimator whose input this is.
    X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
        Clips, see :mod:`skdeepmir.frames`.
    reset : bool
        Whether to remember (True) or to check (False).
    dtype : dtype or tuple of dtype, default=(float64, float32)
        As in ``check_array``: the dtypes that are kept, others become the first.
    stack : bool, default=True
        Whether to put all frames below each other, which copies them. Reductions per
        clip do without.
    **check_params : dict
        More parameters of ``check_array``.

    Returns
    -------
    rows : ndarray of shape (sum of n_frames, n_features), or list of ndarray
        All frames; without ``stack``, the matrix of each clip where X was clips.
    layout : ClipLayout
        What puts them back into clips.
    """
    leave_with_parent()
    name = type(estimator).__name__
    expected: dict[str, Any] = {"owner": name}
    if not reset:
        expected["n_features"] = estimator.n_features_in_
        expected["names"] = getattr(estimator, "feature_names_in_", None)
    rows, layout = (stack_clips if stack else list_clips)(X, **expected)
    if not reset and estimator._fitted_on_clips and not layout.has_clips:
        raise ValueError(
            f"X is one array of shape {np.shape(X)}, but {name} was fitted on clips. "
            "For a single clip pass [X]."
        )
    if layout.has_clips and not stack:
        common = np.result_type(*{clip.dtype for clip in rows})
        first = rows[0].astype(common, copy=False)
        first = _named(first, layout)
        first = validate_data(
            estimator, first, reset=reset, dtype=dtype, **check_params
        )
        rows = [_cast(clip, first.dtype, i) for i, clip in enumerate(rows)]
    else:
        with np.errstate(over="ignore"):  # noticed there
            rows = _named(rows, layout)
            rows = validate_data(
                estimator, rows, reset=reset, dtype=dtype, **check_params
            )
    if not layout.has_clips:  # only now is it known how many rows there are
        layout = ClipLayout("rows", np.ones(len(rows), dtype=np.intp))
    if reset:
        estimator._fitted_on_clips = layout.has_clips
    return rows, layout


def _named(rows: Any, layout: ClipLayout) -> Any:
    """Return frames as a data frame if clips are, for scikit-learn to see names."""
    if layout.names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=layout.names, copy=False)


def _cast(clip: np.ndarray, dtype: Any, number: int) -> np.ndarray:
    if clip.dtype == dtype:
        return clip
    with np.errstate(over="ignore"):  # noticed below
        cast = clip.astype(dtype)
    if not np.isfinite(cast).all():
        raise ValueError(
            f"clip {number} has values up to {np.abs(clip).max():.3g}, beyond what "
            f"{dtype} holds. Scale the frames."
        )
    return cast


def validate_frames(
    estimator: Any, X: Any, *, reset: bool, dtype: Any
) -> tuple[list[np.ndarray], ClipLayout]:
    """Validate clips, as :func:`validate_clips` does, without stacking them.

    Returns
    -------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Frames of each clip; rows of a 2-D array are clips of one frame.
    layout : ClipLayout
        What puts results back into the container of X.
    """
    clips, layout = validate_clips(estimator, X, reset=reset, dtype=dtype, stack=False)
    return list(clips) if layout.has_clips else list(clips[:, None]), layout


def check_clip_labels(y: Any, n_clips: int, needed_by: Any = None) -> None:
    """Raise a ``ValueError`` unless there is one label for each clip.

    There may be none at all, unless ``needed_by`` is an estimator that needs them. If
    that is a classifier or a regressor, labels that it cannot use are named.
    """
    if y is None and needed_by is not None:
        raise ValueError(
            f"{type(needed_by).__name__} requires y to be passed, but the target y is "
            "None."
        )
    refuse_masked("y", y)
    if y is None or not hasattr(y, "__len__"):
        return
    n_labels = y.shape[0] if hasattr(y, "shape") and y.shape else len(y)
    if n_labels == n_clips:
        needs_numbers = needed_by is not None and is_regressor(needed_by)
        if needs_numbers or (needed_by is not None and is_classifier(needed_by)):
            check_each_label(y, needs_numbers)
        return
    try:
        check_consistent_length(np.empty(n_clips), y)
    except ValueError as error:
        raise ValueError(
            f"y has {n_labels} labels, but X has {n_clips} clips; expected one label "
            f"for each clip, in the same order. ({error})"
        ) from error
