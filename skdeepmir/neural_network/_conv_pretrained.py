"""Convolutional nets that begin as convolutional belief nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skdeepmir import nets
from skdeepmir.feature_learning import ConvDBNFeatureLearner
from skdeepmir.neural_network._pretrained import fitted_learner


def find_conv_learner(given: Any) -> ConvDBNFeatureLearner | None:
    """Return the learner that a net begins with, by its parameters; or None."""
    if given.pretrained is None:
        return None
    learner = fitted_learner(given.pretrained, ConvDBNFeatureLearner)
    n_layers = len(learner.weights_)
    wanted: dict[str, Any] = {
        "channels": tuple(len(biases) for biases in learner.hidden_biases_),
        "filters": "time",
        "filter_length": learner.filter_lengths_,
        "stride": (1,) * n_layers,
        "pool_length": learner.pool_lengths_,
        "activation": "logistic",
        "pooling": "probabilistic",
        "contrast_size": 0,
        "batch_norm": False,
    }
    differing = {
        name: value
        for name, value in wanted.items()
        if not _is_same(getattr(given, name), value)
    }
    if differing:
        shown = ", ".join(f"{name}={value!r}" for name, value in differing.items())
        raise ValueError(
            "A net that begins with a ConvDBNFeatureLearner has its layers, but other "
            f"parameters ask for another net. Pass {shown}."
        )
    return learner


def _is_same(given: Any, wanted: Any) -> bool:
    """Tell whether a parameter has a value, or one number for all blocks."""
    if not isinstance(wanted, tuple):
        return bool(given == wanted)
    if np.ndim(given) == 0:
        return set(wanted) == {given}
    return tuple(given) == wanted


def load_filters(net: nets.ConvNet, learner: ConvDBNFeatureLearner) -> None:
    """Begin the blocks of a net with the layers of a learner.

    The first sees frames that are standardised, not whitened: that is part of it.
    """
    if learner.n_features_in_ != net.n_features:
        raise ValueError(
            f"pretrained was fitted to {learner.n_features_in_} features per frame, "
            f"but X has {net.n_features}; expected the same front end."
        )
    with torch.no_grad():
        for k, convolution in enumerate(net.convolutions):
            assert isinstance(convolution, torch.nn.Conv2d)
            assert convolution.bias is not None
            filters = np.moveaxis(learner.weights_[k], 2, 0)  # (filter, frame, channel)
            if k == 0:
                filters = (filters @ learner.components_)[:, np.newaxis]
            else:
                filters = filters.swapaxes(1, 2)[..., np.newaxis]
            convolution.weight.copy_(torch.tensor(filters))
            convolution.bias.copy_(torch.tensor(learner.hidden_biases_[k]))
