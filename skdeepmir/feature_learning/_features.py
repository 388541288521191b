"""What a fitted ``DBNFeatureLearner`` makes of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator, TransformerMixin, available_if
from skdeepmir._frame_rates import clock_of
from skdeepmir._sklearn import _check_feature_names_in
from skdeepmir._threads import one_blas_thread
from skdeepmir._training._data import standardized
from skdeepmir._validation import validate_clips
from skdeepmir.feature_learning._dbm import DeepBoltzmannMachine, UnrolledMachine
from skdeepmir.feature_learning._rbm import RBM, BeliefNet
from skdeepmir.frames import ClipsLike, Mirrored, list_clips, pack_clips


class LearnedFeatures(TransformerMixin, BaseEstimator):
    """The use of a fitted net: features, reconstructions and scores of clips.

    Parameters (of the learner that inherits) and fitted attributes are those of
    ``DBNFeatureLearner``.
    """

    _works_frame_by_frame = True

    def transform(self, X: ClipsLike) -> Mirrored:
        """Return the hidden activations of frames.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        features : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Activations from 0 to 1, ``n_features_out`` for each frame, in the container
            and the dtype of X.
        """
        check_is_fitted(self)
        clips, layout = self._read(X, reset=False)
        model = self._model()
        return _mapped(lambda rows: self._activations(model, rows), clips, layout)

    def inverse_transform(self, X: ClipsLike) -> Mirrored:
        """Reconstruct frames from activations, top-down.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            Features from :meth:`transform`. Of several layers, the topmost is used.

        Returns
        -------
        frames : list of ndarray, ndarray of 3 dimensions, or ndarray of 2 dimensions
            Mean-field reconstructions in the units of what was learned from, in the
            container of X.

        Notes
        -----
        Fine-tuning on labels changes the way up but not back: what it leaves is no good
        reconstruction any more.
        """
        check_is_fitted(self)
        clips, layout = list_clips(X)
        if not layout.has_clips:
            clips = check_array(X, dtype=(np.float64, np.float32))
        n_found, n_features = _matrices(clips)[0].shape[1], len(self.feature_names_)
        if n_found != n_features:
            raise ValueError(
                f"X has {n_found} features, expected the {n_features} that transform "
                "returns."
            )
        model = self._model()
        return _mapped(lambda rows: self._reconstruct(model, rows), clips, layout)

    def score_samples(self, X: ClipsLike) -> Mirrored:
        """Return how probable clips are.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_clips,), float64
            Minus the free energy under the first layer, or minus the variational free
            energy of a deep Boltzmann machine before fine-tuning; the mean over the
            frames of a clip. These are log-probabilities up to a constant of the model,
            so they compare clips, not models. They are deterministic.

        Notes
        -----
        A layer that was trained as an auto-encoder, or fine-tuned on labels, has a free
        energy by the same formula, but was not trained to make it a probability.
        """
        check_is_fitted(self)
        clips, layout = self._read(X, reset=False)
        model = self._model()
        with one_blas_thread():
            energies = [
                model.free_energy(self._inputs(rows)) for rows in _matrices(clips)
            ]
        if not layout.has_clips:
            return -energies[0]
        return -np.array([energy.mean() for energy in energies])

    @available_if(lambda self: not getattr(self, "_fitted_on_clips", False))
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked: features are named by layer and unit.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names such as "dbn0_17".
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features)
        return self.feature_names_.copy()

    def _frame_rate_after(self, rate):
        """Return the rate as it is; columns are no longer those of spectra."""
        return None if rate is None else clock_of(rate).replace(n_windows=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _read(self, X, *, reset):
        """Return the frames of each clip (of plain rows, the one matrix) and layout."""
        clips, layout = validate_clips(self, X, reset=reset, stack=False)
        if self.visible == "binary":
            _check_binary(_matrices(clips), layout)
        return clips, layout

    def _inputs(self, rows):
        """Return what the first layer sees, in the dtype of ``rows``."""
        if self.visible == "binary":
            return rows
        return standardized(rows, self.mean_, self.scale_, rows.dtype)

    def _model(self):
        """Return the net whose activations are the features."""
        if not self._is_dbm:
            arrays = zip(
                self.weights_, self.visible_biases_, self.hidden_biases_, strict=True
            )
            kinds = [self.visible, *["binary"] * (len(self.weights_) - 1)]
            return BeliefNet(
                [RBM(*a, kind) for a, kind in zip(arrays, kinds, strict=True)]
            )
        seen = (self.visible_biases_[0], self.visible, self.mean_field_steps)
        if not self.feedback_weights_:
            return DeepBoltzmannMachine(self.weights_, self.hidden_biases_, *seen)
        machine = DeepBoltzmannMachine(
            self.inference_weights_, self.inference_biases_, *seen
        )
        return UnrolledMachine(
            machine, self.weights_, self.feedback_weights_, self.hidden_biases_
        )

    def _network(self):
        """Return the net as layers from the bottom up: weights, feedback, biases."""
        model = self._model()
        if isinstance(model, DeepBoltzmannMachine):
            return UnrolledMachine.of(model)
        return model

    def _network_inputs(self, rows):
        """Return what the layers of :meth:`_network` see of rows, side by side."""
        with one_blas_thread():
            return np.hstack(self._network().inputs(self._inputs(rows)))

    def _activations(self, model, rows):
        by_layer = model.activations(self._inputs(rows))
        if len(self.layers_) == 1:
            return by_layer[self.layers_[0]]
        return np.concatenate([by_layer[k] for k in self.layers_], axis=1)

    def _reconstruct(self, model, features):
        top = max(self.layers_)
        place = self.layers_.index(top)
        widths = [self.weights_[k].shape[1] for k in self.layers_]
        start = sum(widths[:place])
        values = model.reconstruct(features[:, start : start + widths[place]], top)
        scale, mean = (a.astype(values.dtype) for a in (self.scale_, self.mean_))
        return values * scale + mean


def _matrices(clips):
    return clips if isinstance(clips, list) else [clips]


def _mapped(function, clips, layout):
    """Return what a function makes of each matrix, in the container of the clips."""
    with one_blas_thread():
        if not layout.has_clips:
            return function(clips)
        return pack_clips([function(clip) for clip in clips], layout)


def _check_binary(matrices, layout):
    for i, frames in enumerate(matrices):
        if frames.min() < 0 or frames.max() > 1:
            where = f"clip {i}" if layout.has_clips else "X"
            raise ValueError(
                f"{where} has values from {frames.min():.3g} to {frames.max():.3g}; "
                "visible='binary' expects 0 to 1. Scale them, or use "
                "visible='gaussian'."
            )
