"""Validation clips on their way through the fitted steps to the last."""

from __future__ import annotations

from typing import Any, Self

import sklearn.pipeline
from sklearn.utils.validation import has_fit_parameter

from skdeepmir._bases import BaseEstimator, CallbackSupportMixin
from skdeepmir._sklearn import BaseSearchCV, _fit_context, fit_inside


class Validated(CallbackSupportMixin, BaseEstimator):
    """The last step of a pipeline while it is fitted, with clips to validate on."""

    _parameter_constraints: dict[str, Any] = {}

    def __init__(self, estimator: Any, pipeline: Any, X_val: Any, y_val: Any) -> None:
        self.estimator = estimator
        self.pipeline = pipeline
        self.X_val = X_val
        self.y_val = y_val

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Transform the clips to validate on by the steps before, and fit the last."""
        X_val = self.X_val
        if X_val is not None and len(self.pipeline.steps) > 1:
            X_val = self.pipeline[:-1].transform(X_val)
        params = {"X_val": X_val, "y_val": self.y_val, **params}
        fit_inside(
            self, self.estimator, lambda: self.estimator.fit(X, y, **params), X, y
        )
        return self

    def transform(self, X: Any) -> Any:
        """Transform by the last step."""
        return self.estimator.transform(X)

    def get_metadata_routing(self) -> Any:
        """Return what the last step requests."""
        return self.estimator.get_metadata_routing()


def takes_validation(estimator: Any) -> bool:
    """Tell whether ``fit`` of an estimator takes ``X_val``."""
    if isinstance(estimator, BaseSearchCV):
        return takes_validation(estimator.estimator)
    is_pipeline = isinstance(estimator, sklearn.pipeline.Pipeline)
    if is_pipeline and has_fit_parameter(estimator, "X_val"):
        return bool(estimator.steps) and takes_validation(estimator.steps[-1][1])
    return hasattr(estimator, "fit") and has_fit_parameter(estimator, "X_val")
