"""The base classes of estimators, as scikit-learn has them.

scikit-learn has no types. To mypy its classes are ``Any``, and what inherits from
``Any`` may be given any parameter and asked for any attribute. So mypy, which takes
``MYPY`` for true, reads in their place what users call; all else meets the originals.

scikit-learn 1.9 brought callbacks; on 1.6 to 1.8 the classes below take their place and
do nothing, so that estimators are written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from numpy.typing import NDArray

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

    class ClassifierMixin:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class RegressorMixin:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class TransformerMixin:
        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...
        def set_output(self, *, transform: str | None = None) -> Self: ...

    class CallbackSupportMixin:
        def set_callbacks(self, *callbacks: Any) -> Self: ...
        def _init_callback_context(self, **options: Any) -> Any: ...

else:
    from sklearn.base import BaseEstimator as _BaseEstimator
    from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin

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


class BaseEstimator(_BaseEstimator):
    """scikit-learn's base class, and what its ``validate_data`` keeps."""

    n_features_in_: int
    feature_names_in_: NDArray[Any]


__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "ClassifierMixin",
    "RegressorMixin",
    "TransformerMixin",
]
