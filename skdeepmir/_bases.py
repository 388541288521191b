"""The base classes of estimators, as scikit-learn has them.

scikit-learn has no types. To mypy its classes are ``Any``, and what inherits from
``Any`` may be given any parameter and asked for any attribute. So mypy, which takes
``MYPY`` for true, reads in their place what users call; all else meets the originals.

scikit-learn 1.9 brought callbacks; on 1.6 to 1.8 the classes below take their place and
do nothing, so that estimators are written once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, Self, TypeVar, overload

from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if as _available_if

# Where the page of an estimator is, with {estimator_module} and {estimator_name}. There
# is none yet, and without it there are no links.
DOCUMENTATION = ""
LINK = re.compile(r'rel="noreferrer" target="_blank" href="#[^"]*"')

_P = ParamSpec("_P")
_R = TypeVar("_R")

MYPY = False

if MYPY:

    class _BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def get_metadata_routing(self) -> Any: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...
        def _validate_params(self) -> None: ...
        def __sklearn_tags__(self) -> Any: ...
        def _get_params_html(self, *args: Any, **options: Any) -> Any: ...
        def _get_fitted_attr_html(self, *args: Any, **options: Any) -> Any: ...

    class _ClassifierMixin:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class RegressorMixin:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class TransformerMixin:
        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...
        def set_output(self, *, transform: str | None = None) -> Self: ...

    class CallbackSupportMixin:
        def set_callbacks(self, *callbacks: Any) -> Self: ...
        def _init_callback_context(self, **options: Any) -> Any: ...

    class _ScikitPipeline(_BaseEstimator):
        steps: list[tuple[str, Any]]
        classes_: NDArray[Any]
        n_features_in_: int
        feature_names_in_: NDArray[Any]

        def __init__(
            self,
            steps: list[tuple[str, Any]],
            *,
            transform_input: list[str] | None = None,
            memory: Any = None,
            verbose: bool = False,
        ) -> None: ...
        def fit(self, X: Any, y: Any = None, **params: Any) -> Self: ...
        def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any: ...
        def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any: ...
        def transform(self, X: Any, **params: Any) -> Any: ...
        def inverse_transform(self, X: Any, **params: Any) -> Any: ...
        def set_output(self, *, transform: str | None = None) -> Self: ...
        def __len__(self) -> int: ...
        @overload
        def __getitem__(self, place: slice) -> Self: ...
        @overload
        def __getitem__(self, place: int | str) -> Any: ...
        def __getitem__(self, place: Any) -> Any: ...
        @property
        def named_steps(self) -> Any: ...

else:
    from sklearn.base import BaseEstimator as _BaseEstimator
    from sklearn.base import ClassifierMixin as _ClassifierMixin
    from sklearn.base import RegressorMixin, TransformerMixin
    from sklearn.pipeline import Pipeline as _ScikitPipeline

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

        class CallbackSupportMixin:
            """Stand-in that offers no ``set_callbacks``."""

            def _init_callback_context(self, **kwargs: Any) -> _NoCallbacks:
                return _NoCallbacks()


def available_if(
    check: Callable[[Any], Any],
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return scikit-learn's decorator; checkers keep the type of the method."""
    found: Callable[[Callable[_P, _R]], Callable[_P, _R]] = _available_if(check)
    return found


class _Explained(_BaseEstimator):
    """Notebooks show parameters and attributes with what the documentation says."""

    _doc_link_module = "skdeepmir"
    _doc_link_template = DOCUMENTATION

    def _get_params_html(self, *args: Any, **options: Any) -> Any:
        return _with_tooltips(super()._get_params_html(*args, **options))

    def _get_fitted_attr_html(self, *args: Any, **options: Any) -> Any:
        return _with_tooltips(super()._get_fitted_attr_html(*args, **options))


class BaseEstimator(_Explained):
    """scikit-learn's base class, with what its ``validate_data`` keeps."""

    n_features_in_: int
    feature_names_in_: NDArray[Any]


class ScikitPipeline(_Explained, _ScikitPipeline):
    """scikit-learn's pipeline."""


class ClassifierMixin(_ClassifierMixin):
    """scikit-learn's mixin, with what every classifier has after a fit."""

    classes_: NDArray[Any]


def _with_tooltips(table: Any) -> Any:
    """Keep the tooltips of an HTML table even without a page to link to."""
    if not getattr(table, "doc_link", ""):
        to_html = table._html_repr
        table.doc_link = "#"  # without any, scikit-learn leaves tooltips out
        table._html_repr = lambda: LINK.sub("", to_html())
    return table


__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "RegressorMixin",
    "ScikitPipeline",
    "TransformerMixin",
]
