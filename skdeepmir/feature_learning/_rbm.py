"""Restricted Boltzmann machines, and stacks of them, and how one learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._steps import NOT_MEASURED, BoltzmannStep, Stage


@dataclass
class RBM:
    """A restricted Boltzmann machine.

    Parameters
    ----------
    weights : ndarray of shape (n_visible, n_hidden), float32
        Weights between the layers.
    visible_bias : ndarray of shape (n_visible,), float32
        Biases of what is seen.
    hidden_bias : ndarray of shape (n_hidden,), float32
        Biases of the hidden units, which are binary.
    visible : {"binary", "gaussian"}
        What is seen: values from 0 to 1, or values of unit variance.
    copies : tuple of int, default=(1, 1)
        How often what is seen, and the hidden layer, are there with the same weights:
        twice where another machine will take the place of the second copy.
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: str
    copies: tuple[int, int] = (1, 1)

    @classmethod
    def initial(
        cls,
        n_visible: int,
        n_hidden: int,
        visible: str,
        scale: float,
        rng: np.random.Generator,
        copies: tuple[int, int] = (1, 1),
    ) -> RBM:
        """Return normal weights of deviation ``scale`` and no biases."""
        weights = np.float32(scale) * rng.standard_normal(
            (n_visible, n_hidden), dtype=np.float32
        )
        zeros = [np.zeros(n, dtype=np.float32) for n in (n_visible, n_hidden)]
        return cls(weights, *zeros, visible, copies)

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """Return the probabilities of the hidden units, in the precision of ``v``."""
        return expit(self._input_of_hidden(v))

    def reconstruct(self, h: np.ndarray) -> np.ndarray:
        """Return the mean of what is seen, given hidden units."""
        weights = self.weights.astype(h.dtype, copy=False)
        mean = self.copies[1] * (h @ weights.T) + self.visible_bias
        return expit(mean) if self.visible == "binary" else mean

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the free energy of each row, in float64: low is probable."""
        n_visible, n_hidden = self.copies
        softplus = np.logaddexp(0, self._input_of_hidden(v))
        energy = -n_hidden * softplus.sum(axis=1, dtype=np.float64)
        return energy + n_visible * visible_energy(v, self.visible_bias, self.visible)

    def _input_of_hidden(self, v: np.ndarray) -> np.ndarray:
        weights = self.weights.astype(v.dtype, copy=False)
        return self.copies[0] * (v @ weights) + self.hidden_bias

    def reconstruction_error(self, v: np.ndarray) -> float:
        """Return the mean squared error after one mean-field step down and up."""
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks
            return float(np.square(v - self.reconstruct(self.hidden(v))).mean())


def visible_energy(v: np.ndarray, bias: np.ndarray, visible: str) -> np.ndarray:
    """Return the energy of what is seen alone, of each row, in float64."""
    if visible == "binary":
        return -(v @ bias.astype(np.float64))
    return 0.5 * np.square(v - bias, dtype=np.float64).sum(axis=1)


@dataclass(frozen=True)
class BeliefNet:
    """Machines upon each other, each on the hidden probabilities of the one below.

    Parameters
    ----------
    machines : sequence of RBM
        From the bottom up.
    """

    machines: Sequence[RBM]

    @property
    def weights(self) -> list[np.ndarray]:
        """Weights of each layer."""
        return [machine.weights for machine in self.machines]

    @property
    def biases(self) -> list[np.ndarray]:
        """Biases of each layer's hidden units."""
        return [machine.hidden_bias for machine in self.machines]

    @property
    def biases_below(self) -> list[np.ndarray]:
        """Biases of what is below each layer."""
        return [machine.visible_bias for machine in self.machines]

    @property
    def feedback(self) -> list[np.ndarray]:
        """Weights from layers above: none."""
        return []

    def replaced(
        self,
        weights: list[np.ndarray],
        feedback: list[np.ndarray],
        biases: list[np.ndarray],
    ) -> BeliefNet:
        """Return the net with other weights and biases upward."""
        parts = zip(self.machines, weights, biases, strict=True)
        return BeliefNet(
            [replace(old, weights=w, hidden_bias=bias) for old, w, bias in parts]
        )

    def inputs(self, v: np.ndarray) -> list[np.ndarray]:
        """Return what the layers see from outside."""
        return [v]

    def topped(self, machine: RBM) -> BeliefNet:
        """Return the net with one more machine."""
        return BeliefNet([*self.machines, machine])

    def top(self, v: np.ndarray) -> np.ndarray:
        """Return the activations of the last layer, or ``v`` if there is none yet."""
        return self.activations(v)[-1] if self.machines else v

    def activations(self, v: np.ndarray) -> list[np.ndarray]:
        """Return the activations of every layer, in the precision of ``v``."""
        layers = []
        for machine in self.machines:
            v = machine.hidden(v)
            layers.append(v)
        return layers

    def reconstruct(self, h: np.ndarray, layer: int) -> np.ndarray:
        """Return the mean of what is seen, given the activations of a layer."""
        for machine in reversed(self.machines[: layer + 1]):
            h = machine.reconstruct(h)
        return h

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the free energy of each row under the first layer, in float64."""
        return self.machines[0].free_energy(v)


class ContrastiveDivergence(BoltzmannStep):
    """The step of an :class:`RBM`.

    The gradient is that of the difference of free energies between a batch and what
    ``cd_steps`` Gibbs steps make of it: hidden probabilities in both, hidden samples in
    between, visible means (no noise) throughout (Hinton 2010).

    Parameters
    ----------
    machine : RBM
        What it begins with.
    stage : Stage
        What it goes by. Its precision is that of the factors of matrix products;
        weights are kept in float32.
    """

    def __init__(self, machine: RBM, stage: Stage) -> None:
        super().__init__(
            stage,
            machine.visible,
            weights=machine.weights,
            visible_bias=machine.visible_bias,
            hidden_bias=machine.hidden_bias,
        )
        self.copies = machine.copies
        zeros = partial(torch.zeros, device=self.device, dtype=self.dtype)
        (n_visible, n_hidden), n = machine.weights.shape, stage.given.batch_size
        # What is multiplied: the batch above its reconstruction, and hidden likewise.
        self.seen, self.hidden = zeros(2 * n, n_visible), zeros(2 * n, n_hidden)
        self.weights = (
            zeros(n_visible, n_hidden) if self.is_half else self.parameters[0]
        )
        self.gradient = zeros(n_visible, n_hidden)
        self.sample = zeros(n, n_hidden)

    @property
    def model(self) -> RBM:
        """The machine."""
        arrays = [parameter.cpu().numpy() for parameter in self.parameters]
        return RBM(*arrays, self.visible, self.copies)

    @torch.inference_mode()
    @np.errstate(over="ignore", invalid="ignore")  # noticed by the error afterwards
    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Learn from a batch."""
        given, factor, n = self.given, self.factor, batch.n
        if self.is_half:
            self.weights.copy_(self.parameters[0])
        data, model = self.seen[:n], self.seen[n : 2 * n]  # (n, n_visible)
        positive, negative = self.hidden[:n], self.hidden[n : 2 * n]  # (n, n_hidden)
        sample = self.sample[:n]
        data.copy_(batch.inputs[0])
        self._up(data, positive)
        start = positive
        if given.persistent:
            if not self.chains or len(self.chains[0]) < n:
                self._draw(positive)
                self.chains = [sample.clone()]
            sample.copy_(self.chains[0][:n])
        for k in range(given.cd_steps):
            if k or not given.persistent:
                self._draw(start)
            self.multiply(factor(sample), factor(self.weights.T), out=factor(model))
            if self.copies[1] > 1:
                model.mul_(self.copies[1])
            model.add_(self.parameters[1])
            if self.visible == "binary":
                model.sigmoid_()
            self._up(model, negative)
            start = negative
        if given.persistent:
            self._draw(negative)
            self.chains[0][:n].copy_(sample)
        total = partial(torch.sum, dim=0, dtype=torch.float32)
        of_visible = total(data) - total(model)
        of_hidden = total(positive) - total(negative)
        negative.neg_()
        seen, hidden = self.seen[: 2 * n].T, self.hidden[: 2 * n]
        self.multiply(factor(seen), factor(hidden), out=factor(self.gradient))
        self._turn((self.gradient, of_visible, of_hidden), n)
        if given.sparsity_target is not None:
            self._push_to_sparsity(positive, data)
        self._move()
        return NOT_MEASURED, None

    def _up(self, seen: torch.Tensor, out: torch.Tensor) -> None:
        factor = self.factor
        self.multiply(factor(seen), factor(self.weights), out=factor(out))
        if self.copies[0] > 1:
            out.mul_(self.copies[0])
        out.add_(self.parameters[2]).sigmoid_()

    def _draw(self, probabilities: torch.Tensor) -> None:
        """Draw binary hidden units into ``sample``."""
        drawn = self._draw_uniform(*probabilities.shape)
        torch.lt(drawn, probabilities, out=self.sample[: len(drawn)])

    def _push_to_sparsity(self, positive: torch.Tensor, data: torch.Tensor) -> None:
        """Push biases and incoming weights towards the target (Hinton 2010)."""
        missing = self._missing_activity(positive.mean(0, dtype=torch.float32))
        self.parameters[2].add_(missing)
        mean = data.mean(0, dtype=torch.float32)
        self.parameters[0].add_(torch.outer(mean, missing))
