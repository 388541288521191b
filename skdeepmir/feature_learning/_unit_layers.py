"""Layers of fitted learners as functions of frames, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from skdeepmir._training._data import standardized_tensor
from skdeepmir._units import UnitLayer, all_spans
from skdeepmir.feature_learning._conv_rbm import ConvRBM
from skdeepmir.feature_learning._dbm import (
    DeepBoltzmannMachine,
    UnrolledMachine,
    copies_of,
)


def _of(array: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(array, dtype=like.dtype)


def mean_field(machine: DeepBoltzmannMachine, v: torch.Tensor) -> list[torch.Tensor]:
    """Return what ``machine.activations`` does."""
    weights = [_of(w, v) for w in machine.weights]
    biases = [_of(b, v) for b in machine.biases]
    from_seen = v @ weights[0]
    layers: list[torch.Tensor] = []
    for k, bias in enumerate(biases):
        total = layers[-1] @ weights[k] if layers else from_seen
        layers.append(torch.sigmoid(copies_of(k, len(weights))[0] * total + bias))
    for _ in range(machine.n_steps):
        for k, bias in enumerate(biases):
            total = (layers[k - 1] @ weights[k] if k else from_seen) + bias
            if k + 1 < len(layers):
                total = total + layers[k + 1] @ weights[k + 1].T
            layers[k] = torch.sigmoid(total)
    return layers


def network_inputs(model: Any, v: torch.Tensor) -> torch.Tensor:
    """Return what the layers of an unrolled model see, side by side."""
    if not isinstance(model, UnrolledMachine):
        return v
    return torch.cat([v, *mean_field(model.machine, v)[1:]], 1)


def belief_activations(model: Any, v: torch.Tensor) -> list[torch.Tensor]:
    """Return what ``model.activations`` does, of any belief net."""
    if isinstance(model, DeepBoltzmannMachine):
        return mean_field(model, v)
    is_unrolled = isinstance(model, UnrolledMachine)
    above = mean_field(model.machine, v)[1:] if is_unrolled else []
    layers: list[torch.Tensor] = []
    for k, (weights, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        total = (layers[-1] if layers else v) @ _of(weights, v) + _of(bias, v)
        if k < len(above):
            total = total + above[k] @ _of(model.feedback[k], v)
        layers.append(torch.sigmoid(total))
    return layers


def conv_activations(
    machines: Sequence[ConvRBM], channels: torch.Tensor
) -> list[torch.Tensor]:
    """Return what ``ConvBeliefNet.activations`` does, (n, n_frames, n_filters)."""
    layers, x = [], channels
    for machine in machines:
        length, n_below, n_filters = machine.weights.shape
        pad = torch.nn.functional.pad
        before = machine.n_before
        x = pad(x, (0, 0, before, length - 1 - before))
        windows = x.unfold(1, length, 1).transpose(2, 3).flatten(2)
        weights = _of(machine.weights.reshape(length * n_below, n_filters), x)
        inputs = windows @ weights + _of(machine.hidden_bias, x)
        missing = -inputs.shape[1] % machine.pool_length
        inputs = pad(inputs, (0, 0, 0, missing), value=-torch.inf)
        blocks = inputs.unflatten(1, (-1, machine.pool_length))
        x = torch.sigmoid(blocks.logsumexp(2))  # against the state "none"
        layers.append(x)
    return layers


def layers_of_functions(
    functions: Sequence[Callable[[torch.Tensor], torch.Tensor]],
    spans: Sequence[tuple[int, int, int]],
    names: Sequence[Sequence[str]],
    mean: np.ndarray,
    scale: np.ndarray,
) -> list[UnitLayer]:
    """Return layers that standardise frames and then are functions of them.

    ``spans`` are the first frame, the one after the last, and the hop of each.
    """

    def net(function: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda x: function(standardized_tensor(x, mean, scale))

    return [
        UnitLayer(
            f"layer {k}",
            unit_names,
            net(function),
            all_spans((first, end), len(unit_names)),
            hop,
            mean,
            scale,
        )
        for k, (function, (first, end, hop), unit_names) in enumerate(
            zip(functions, spans, names, strict=True)
        )
    ]
