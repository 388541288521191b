"""What a fitted ``DBNFeatureLearner`` makes of frames, one by one."""

from __future__ import annotations

import numpy as np

from skdeepmir._frame_rates import clock_of
from skdeepmir._threads import one_blas_thread
from skdeepmir._training._data import standardized, standardized_tensor
from skdeepmir._validation import validate_clips
from skdeepmir.feature_learning._dbm import DeepBoltzmannMachine, UnrolledMachine
from skdeepmir.feature_learning._features import GeneratedFeatures, matrices_of
from skdeepmir.feature_learning._rbm import RBM, BeliefNet
from skdeepmir.feature_learning._unit_layers import (
    belief_activations,
    layers_of_functions,
    network_inputs,
)


class BeliefFeatures(GeneratedFeatures):
    """The use of a belief net.

    Parameters (of the learner that inherits) and fitted attributes are those of
    ``DBNFeatureLearner``.
    """

    _works_frame_by_frame = True

    def _read(self, X, *, reset):
        """Return the frames of each clip (of plain rows, the one matrix) and layout."""
        clips, layout = validate_clips(self, X, reset=reset, stack=False)
        if self.visible == "binary":
            _check_binary(matrices_of(clips), layout)
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

    def _network_tensor(self, rows):
        """Do the same to a tensor, with gradients."""
        seen = standardized_tensor(rows, *self._scaling())
        return network_inputs(self._network(), seen)

    def _scaling(self):
        """Return mean and scale of what the first layer sees."""
        if self.visible == "binary":
            return np.zeros(len(self.mean_)), np.ones(len(self.mean_))
        return self.mean_, self.scale_

    def _unit_layers(self):
        """Return the layers whose units can be looked at."""
        model = self._model()

        def layer(k):
            return lambda x: belief_activations(model, x.flatten(0, 1))[k].unflatten(
                0, x.shape[:2]
            )

        sizes = [weights.shape[1] for weights in self.weights_]
        names = [[f"dbn{k}_{i}" for i in range(n)] for k, n in enumerate(sizes)]
        functions = [layer(k) for k in range(len(sizes))]
        spans = [(0, 1, 1)] * len(sizes)
        return layers_of_functions(functions, spans, names, *self._scaling())

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

    def _energies(self, model, matrices, layout):
        energies = [model.free_energy(self._inputs(rows)) for rows in matrices]
        if not layout.has_clips:
            return energies[0]
        return np.array([energy.mean() for energy in energies])

    def _frame_rate_after(self, rate):
        """Return the rate as it is; columns are no longer those of spectra."""
        return None if rate is None else clock_of(rate).replace(n_windows=1)


def _check_binary(matrices, layout):
    for i, frames in enumerate(matrices):
        if frames.min() < 0 or frames.max() > 1:
            where = f"clip {i}" if layout.has_clips else "X"
            raise ValueError(
                f"{where} has values from {frames.min():.3g} to {frames.max():.3g}; "
                "visible='binary' expects 0 to 1. Scale them, or use "
                "visible='gaussian'."
            )
