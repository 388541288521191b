"""The arrays of a fitted net of :class:`DBNFeatureLearner`, and their use."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from skdeepmir._threads import one_blas_thread
from skdeepmir._training._data import standardized
from skdeepmir._validation import validate_clips
from skdeepmir.feature_learning._dbm import DeepBoltzmannMachine, UnrolledMachine
from skdeepmir.feature_learning._rbm import RBM, BeliefNet


class FittedNet(BaseEstimator):
    """What a learner keeps of its net, and what that makes of frames.

    Parameters (of the learner that inherits) and fitted attributes are those of
    ``DBNFeatureLearner``.
    """

    def _read(self, X, *, reset):
        """Return the matrices of clips (of plain rows, the one matrix) and layout."""
        clips, layout = validate_clips(self, X, reset=reset, stack=False)
        if not layout.has_clips:
            clips = [clips]
        if self.visible == "binary":
            _check_binary(clips, layout)
        return clips, layout

    def _standardise(self, clips):
        """Learn what standardises the input, from these clips and those before."""
        n_features = clips[0].shape[1]
        self.mean_ = np.zeros(n_features, dtype=np.float32)
        self.scale_ = np.ones(n_features, dtype=np.float32)
        if self.visible == "gaussian":
            with np.errstate(over="ignore", invalid="ignore"):  # noticed below
                for clip in clips:
                    self._scaler.partial_fit(clip)
            deviation = np.sqrt(self._scaler.var_)
            # Rounding leaves a constant feature with a deviation of this size.
            constant = deviation <= 1e-6 * np.abs(self._scaler.mean_) + 1e-12
            largest = np.maximum(np.abs(self._scaler.mean_), deviation).max()
            if not largest < np.finfo(np.float32).max:
                raise ValueError(
                    f"X has features of size {largest:.3g}; training is in float32 and "
                    "ends at 3.4e38. Scale them."
                )
            self.mean_ = self._scaler.mean_.astype(np.float32)
            self.scale_ = np.where(constant, 1, deviation).astype(np.float32)

    def _inputs(self, rows):
        """Return what the first layer sees, in the dtype of ``rows``."""
        if self.visible == "binary":
            return rows
        return standardized(rows, self.mean_, self.scale_, rows.dtype)

    def _training_inputs(self, rows):
        return self._inputs(rows).astype(np.float32, copy=False)

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

    def _store(self, model):
        """Make the arrays of a net, which may not have all layers yet, the fitted."""
        self.weights_ = list(model.weights)
        self.hidden_biases_ = list(model.biases)
        self.visible_biases_ = list(model.biases_below)
        sizes = [weights.shape[1] for weights in self.weights_]
        top = len(sizes) - 1
        chosen = self.layers
        if isinstance(chosen, str):
            chosen = range(len(sizes)) if chosen == "all" else (top,)
        self.layers_ = tuple(int(k) for k in chosen if k <= top) or (top,)
        names = [f"dbn{k}_{i}" for k in self.layers_ for i in range(sizes[k])]
        self.feature_names_ = np.array(names, dtype=object)

    def _activations(self, rows):
        by_layer = self._model().activations(self._inputs(rows))
        if len(self.layers_) == 1:
            return by_layer[self.layers_[0]]
        return np.concatenate([by_layer[k] for k in self.layers_], axis=1)

    def _reconstruct(self, features):
        top = max(self.layers_)
        place = self.layers_.index(top)
        widths = [self.weights_[k].shape[1] for k in self.layers_]
        start = sum(widths[:place])
        values = features[:, start : start + widths[place]]
        values = self._model().reconstruct(values, top)
        return values * self.scale_.astype(values.dtype) + self.mean_.astype(
            values.dtype
        )


def _check_binary(clips, layout):
    for i, clip in enumerate(clips):
        if clip.min() < 0 or clip.max() > 1:
            where = f"clip {i}" if layout.has_clips else "X"
            raise ValueError(
                f"{where} has values from {clip.min():.3g} to {clip.max():.3g}; "
                "visible='binary' expects 0 to 1. Scale them, or use "
                "visible='gaussian'."
            )
