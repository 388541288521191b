"""Convolutional restricted Boltzmann machines over time, and stacks of them.

Sequences are arrays (n, n_frames, n_channels). A detector looks at ``filter_length``
frames; ``pool_length`` neighbouring ones are a block, of which at most one is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

DETECTORS_AT_ONCE = 4096  # whose windows lie side by side, to bound memory


@dataclass
class ConvRBM:
    """A convolutional machine with probabilistic max-pooling.

    Parameters
    ----------
    weights : ndarray of shape (filter_length, n_channels, n_filters), float32
        Filters.
    visible_bias : ndarray of shape (n_channels,), float32
        Biases of what is seen, the same in each frame.
    hidden_bias : ndarray of shape (n_filters,), float32
        Biases of the detectors, the same in each frame.
    visible : {"binary", "gaussian"}
        What is seen: values from 0 to 1, or values of unit variance.
    pool_length : int
        Detectors of a block.
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: str
    pool_length: int

    @property
    def n_before(self) -> int:
        """Frames that a detector sees before its own."""
        return (len(self.weights) - 1) // 2

    def inputs(self, v: np.ndarray) -> np.ndarray:
        """Return the inputs of detectors whose filters lie inside, and no others.

        Their shape is (n, n_frames - filter_length + 1, n_filters), their precision
        that of ``v``.
        """
        length, n_channels, n_filters = self.weights.shape
        weights = self.weights.reshape(-1, n_filters).astype(v.dtype, copy=False)
        n, n_detectors = len(v), v.shape[1] - length + 1
        found = np.empty((n, n_detectors, n_filters), v.dtype)
        for first in range(0, n_detectors, DETECTORS_AT_ONCE):
            part = v[:, first : first + DETECTORS_AT_ONCE + length - 1]
            rows = windows_of(part, length).reshape(-1, length * n_channels)
            inputs = (rows @ weights).reshape(n, -1, n_filters)
            found[:, first : first + DETECTORS_AT_ONCE] = inputs
        return found + self.hidden_bias.astype(v.dtype, copy=False)

    def padded(self, v: np.ndarray) -> np.ndarray:
        """Return sequences between zeros, so that there is a detector for each frame.

        A filter of even length sees one frame more after its own than before.
        """
        after = len(self.weights) - 1 - self.n_before
        return np.pad(v, ((0, 0), (self.n_before, after), (0, 0)))

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """Return the probabilities of detectors whose filters lie inside."""
        blocks, total, _ = _shares(self._blocks(self.inputs(v)))
        n_detectors = v.shape[1] - len(self.weights) + 1
        return (blocks / total).reshape(len(v), -1, blocks.shape[3])[:, :n_detectors]

    def pooled(self, v: np.ndarray) -> np.ndarray:
        """Return the probabilities of the pooling units of these."""
        blocks, total, _ = _shares(self._blocks(self.inputs(v)))
        return blocks.sum(axis=2) / total[:, :, 0]

    def reconstruct(self, h: np.ndarray) -> np.ndarray:
        """Return the mean of what is seen, given detectors.

        It has ``filter_length - 1`` frames more than there are detectors.
        """
        length, n_channels, n_filters = self.weights.shape
        weights = self.weights.reshape(-1, n_filters).astype(h.dtype, copy=False)
        n, n_detectors = h.shape[:2]
        mean = np.empty((n, n_detectors + length - 1, n_channels), h.dtype)
        mean[:] = self.visible_bias
        for first in range(0, n_detectors, DETECTORS_AT_ONCE):
            part = h[:, first : first + DETECTORS_AT_ONCE]
            frames = (part @ weights.T).reshape(n, -1, length, n_channels)
            for place in range(length):
                start = first + place
                mean[:, start : start + part.shape[1]] += frames[:, :, place]
        return expit(mean) if self.visible == "binary" else mean

    def unpooled(self, p: np.ndarray, n_detectors: int) -> np.ndarray:
        """Return what is seen on average, given the probabilities of pooling units.

        Each frame has a detector, and those of a block are as likely as each other.
        """
        blocks = np.repeat(p, self.pool_length, axis=1)[:, :n_detectors]
        n_last = n_detectors - (p.shape[1] - 1) * self.pool_length
        shares = np.full(n_detectors, 1 / self.pool_length, p.dtype)
        shares[n_detectors - n_last :] = 1 / n_last
        seen = self.reconstruct(blocks * shares[:, np.newaxis])
        return seen[:, self.n_before : self.n_before + n_detectors]

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the free energy of sequences per frame, by detectors inside them."""
        return self.energy(self.inputs(v), v) / v.shape[1]

    def energy(self, inputs: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the free energy of sequences (n,), given the inputs of detectors."""
        _, total, top = _shares(self._blocks(inputs))
        energy = -(np.log(total) + top).sum(axis=(1, 2, 3), dtype=np.float64)
        if self.visible == "binary":
            return energy - (v @ self.visible_bias.astype(np.float64)).sum(axis=1)
        distance = np.square(v - self.visible_bias, dtype=np.float64)
        return energy + 0.5 * distance.sum(axis=(1, 2))

    def reconstruction_error(self, v: np.ndarray) -> float:
        """Return the mean squared error after one mean-field step down and up."""
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks
            return float(np.square(v - self.reconstruct(self.hidden(v))).mean())

    def _blocks(self, inputs: np.ndarray) -> np.ndarray:
        """Return inputs in blocks of detectors, with -inf where one is missing.

        Their shape is (n, n_blocks, pool_length, n_filters).
        """
        n, n_detectors, n_filters = inputs.shape
        missing = -n_detectors % self.pool_length
        if missing:
            inputs = np.pad(
                inputs, ((0, 0), (0, missing), (0, 0)), constant_values=-np.inf
            )
        return inputs.reshape(n, -1, self.pool_length, n_filters)


def windows_of(v: np.ndarray, length: int) -> np.ndarray:
    """Return a view (n, n_windows, length, n_channels) of all windows of frames."""
    windows = np.lib.stride_tricks.sliding_window_view(v, length, axis=1)
    return windows.swapaxes(2, 3)


def _shares(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the states of blocks weigh, all of a block with "none", and a scale.

    The scale is the logarithm of what they are divided by: the largest weighs 1, so
    that nothing overflows.
    """
    top = blocks.max(axis=2, keepdims=True).clip(min=0)
    with np.errstate(under="ignore"):
        shares = np.exp(blocks - top)
        return shares, shares.sum(axis=2, keepdims=True) + np.exp(-top), top


@dataclass(frozen=True)
class ConvBeliefNet:
    """Convolutional machines upon each other, each on the pooling units below.

    Each layer sees zeros outside of a clip.

    Parameters
    ----------
    machines : sequence of ConvRBM
        From the bottom up.
    """

    machines: Sequence[ConvRBM]

    def topped(self, machine: ConvRBM) -> ConvBeliefNet:
        """Return the net with one more machine."""
        return ConvBeliefNet([*self.machines, machine])

    def top(self, v: np.ndarray) -> np.ndarray:
        """Return the pooling units of the last layer of which all detectors lie inside.

        They are those of excerpts; without machines, ``v``.
        """
        for machine in self.machines:
            n_blocks = (v.shape[1] - len(machine.weights) + 1) // machine.pool_length
            n_frames = n_blocks * machine.pool_length + len(machine.weights) - 1
            v = machine.pooled(v[:, :n_frames])
        return v

    def activations(self, v: np.ndarray) -> list[np.ndarray]:
        """Return the pooling units of every layer for whole clips."""
        layers = []
        for machine in self.machines:
            v = machine.pooled(machine.padded(v))
            layers.append(v)
        return layers

    def reconstruct(self, p: np.ndarray, layer: int, n_frames: int) -> np.ndarray:
        """Return the mean of what is seen in frames, given pooling units of a layer."""
        numbers = [n_frames]
        for machine in self.machines[:layer]:
            numbers.append(-(-numbers[-1] // machine.pool_length))
        for k in reversed(range(layer + 1)):
            p = self.machines[k].unpooled(p, numbers[k])
        return p

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the free energy of whole clips per frame under the first layer."""
        machine = self.machines[0]
        return machine.energy(machine.inputs(machine.padded(v)), v) / v.shape[1]
