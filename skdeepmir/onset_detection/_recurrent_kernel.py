"""A causal recurrent net in numba, one frame after the other.

Sums are plain and in a fixed order, so that a frame gives the same bits whether it
comes alone, in a block or with its whole clip. Inner loops run over units, which
compiles to vector instructions without changing the order of any sum.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_COMPILE: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_COMPILE)
def run(frames, is_lstm, first, inputs, loops, biases, output, bias, state, logits):
    """Write the logits of frames, and leave the state of the net after the last."""
    # All float64. frames: (n_frames, n_features). first: (2 * n_features, n_gates *
    # n_units), of features and of their rises. inputs: (n_layers - 1, n_units, n_gates
    # * n_units). loops: (n_layers, n_units, n_gates * n_units). biases: (n_layers,
    # n_gates * n_units). output: (n_units,). bias: (1,). logits: (n_frames,).
    # state: a row for the frame before (NaN at the beginning), then for each layer one
    # of outputs and one of cells, all (1 + 2 * n_layers, the widest).
    n_frames, n_features = frames.shape
    n_layers, n_units, n_rows = loops.shape
    sums, below = np.empty(n_rows), np.empty(n_units)
    before = state[0]
    for t in range(n_frames):
        frame = frames[t]
        for layer in range(n_layers):
            out, cell = state[1 + 2 * layer], state[2 + 2 * layer]
            sums[:] = biases[layer]
            if layer == 0:
                for i in range(n_features):
                    _add(sums, frame[i], first[i])
                    rise = frame[i] - before[i]
                    if rise > 0:  # not where ``before`` is NaN
                        _add(sums, rise, first[n_features + i])
                    before[i] = frame[i]
            else:
                for i in range(n_units):
                    _add(sums, below[i], inputs[layer - 1, i])
            for i in range(n_units):
                _add(sums, out[i], loops[layer, i])
            if is_lstm:
                for i in range(n_units):  # gates: input, forget, cell, output
                    kept = _logistic(sums[n_units + i]) * cell[i]
                    new = _logistic(sums[i]) * np.tanh(sums[2 * n_units + i])
                    cell[i] = kept + new
                    out[i] = _logistic(sums[3 * n_units + i]) * np.tanh(cell[i])
            else:
                for i in range(n_units):
                    out[i] = np.tanh(sums[i])
            for i in range(n_units):
                below[i] = out[i]
        total = bias[0]
        for i in range(n_units):
            total += below[i] * output[i]
        logits[t] = total


@njit(inline="always")
def _add(sums, factor, weights):
    for i in range(len(sums)):
        sums[i] += factor * weights[i]


@njit(inline="always")
def _logistic(x):
    return 1 / (1 + np.exp(-x))
