"""What regressors of clips by nets have in common: ``ClipRegressor``."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir._bases import RegressorMixin
from skdeepmir._sklearn import _fit_context
from skdeepmir._training._estimator import NetEstimator
from skdeepmir._validation import read_numbers
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.neural_network._codings import ValueCoding


class ClipRegressor(RegressorMixin, NetEstimator):
    """A regressor of clips by a net."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one frame.
        y : array-like of shape (n_clips,) or (n_clips, n_targets)
            Numbers.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips in the loss.
        X_val, y_val : array-like, default=None
            Clips to validate on; see :meth:`ConvTagger.fit`.

        Returns
        -------
        self : estimator
            The fitted regressor.

        Raises
        ------
        ValueError
            If X is not a set of clips, y does not fit it, or parameters contradict
            each other.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.

        Warns
        -----
        ConvergenceWarning
            If training ends far worse than predicting means.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    def predict(self, X: ClipsLike) -> NDArray[np.float64]:
        """Predict the numbers of each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_clips,) or (n_clips, n_targets)
            Numbers, the mean over the excerpts of a clip.
        """
        outputs = self._logits(X)
        return self._coding().decode(outputs)

    def _read_targets(self, y, layout, name="y"):
        return read_numbers(y, layout.n_clips, self, name)

    def _make_coding(self, y, sample_weight):
        return ValueCoding.of(y, sample_weight)

    def _keep_coding(self, coding):
        self.target_mean_ = coding.mean
        self.target_scale_ = coding.scale
        self._target_ndim = coding.ndim

    def _coding(self):
        return ValueCoding(self.target_mean_, self.target_scale_, self._target_ndim)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
