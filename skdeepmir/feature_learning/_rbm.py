"""Restricted Boltzmann machines: the model in NumPy, its training in torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit


class DivergenceError(ValueError):
    """Training whose error grew out of bounds or is no number any more."""


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
    """

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    visible: str

    @classmethod
    def initial(
        cls,
        n_visible: int,
        n_hidden: int,
        visible: str,
        scale: float,
        rng: np.random.Generator,
    ) -> RBM:
        """Return normal weights of deviation ``scale`` and no biases."""
        weights = np.float32(scale) * rng.standard_normal(
            (n_visible, n_hidden), dtype=np.float32
        )
        zeros = [np.zeros(n, dtype=np.float32) for n in (n_visible, n_hidden)]
        return cls(weights, *zeros, visible)

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """Return the probabilities of the hidden units, in the precision of ``v``."""
        return expit(v @ self.weights.astype(v.dtype, copy=False) + self.hidden_bias)

    def reconstruct(self, h: np.ndarray) -> np.ndarray:
        """Return the mean of what is seen, given hidden units."""
        mean = h @ self.weights.astype(h.dtype, copy=False).T + self.visible_bias
        return expit(mean) if self.visible == "binary" else mean

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the free energy of each row, in float64: low is probable."""
        activation = v @ self.weights.astype(v.dtype, copy=False) + self.hidden_bias
        energy = -np.logaddexp(0, activation).sum(axis=1, dtype=np.float64)
        if self.visible == "binary":
            return energy - v @ self.visible_bias.astype(np.float64)
        squares = np.square(v - self.visible_bias)
        return energy + 0.5 * squares.sum(axis=1, dtype=np.float64)

    def reconstruction_error(self, v: np.ndarray) -> float:
        """Return the mean squared error after one mean-field step down and up."""
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks
            return float(np.square(v - self.reconstruct(self.hidden(v))).mean())


class ContrastiveDivergence:
    """What trains an :class:`RBM`, batch by batch.

    The gradient is that of the difference of free energies between a batch and what
    ``cd_steps`` Gibbs steps make of it: hidden probabilities in both, hidden samples in
    between, visible means (no noise) throughout (Hinton 2010).

    Parameters
    ----------
    rbm : RBM
        The machine; its arrays are updated in place by :meth:`write_back`.
    batch_size : int
        Largest batch.
    cd_steps : int
        Gibbs steps.
    persistent : bool
        Whether the steps go on from where they ended in the batch before.
    weight_decay : float
        Cost of half the squared weights.
    sparsity_target : float or None
        Mean activation that hidden units are drawn to.
    sparsity_cost : float
        How strongly.
    precision : {"float32", "bfloat16"}
        Of the factors of matrix products. Weights are kept in float32.
    device : str
        Where to compute.
    rng : numpy.random.Generator
        Draws the samples (seeds torch's generator elsewhere than on the CPU).
    """

    def __init__(
        self,
        rbm: RBM,
        *,
        batch_size: int,
        cd_steps: int,
        persistent: bool,
        weight_decay: float,
        sparsity_target: float | None,
        sparsity_cost: float,
        precision: str,
        device: str,
        rng: np.random.Generator,
    ) -> None:
        import torch

        self.rbm, self.cd_steps, self.persistent = rbm, cd_steps, persistent
        self.weight_decay = weight_decay
        self.sparsity_target, self.sparsity_cost = sparsity_target, sparsity_cost
        self.rng, self.device = rng, torch.device(device)
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        n_visible, n_hidden = rbm.weights.shape

        def master(array: np.ndarray) -> Any:
            return torch.tensor(array, device=self.device)

        def factor(*shape: int) -> Any:
            return torch.zeros(shape, device=self.device, dtype=self.dtype)

        self.parameters = [
            master(a) for a in (rbm.weights, rbm.visible_bias, rbm.hidden_bias)
        ]
        self.velocities = [torch.zeros_like(p) for p in self.parameters]
        # What is multiplied: the batch above its reconstruction, and hidden likewise.
        is_half = self.dtype != torch.float32
        self.weights = factor(n_visible, n_hidden) if is_half else self.parameters[0]
        self.seen = factor(2 * batch_size, n_visible)
        self.hidden = factor(2 * batch_size, n_hidden)
        self.gradient = factor(n_visible, n_hidden)
        self.sample = factor(batch_size, n_hidden)
        self.chain = self.sample.new_empty(0, n_hidden)
        self.mean_hidden = torch.full((n_hidden,), np.nan, device=self.device)
        self.generator = torch.Generator(self.device)
        self.generator.manual_seed(int(rng.integers(2**31)))
        self.uniform = np.empty(batch_size * n_hidden, dtype=np.float32)
        self._copy_weights()

    def step(self, batch: np.ndarray, learning_rate: float, momentum: float) -> None:
        """Learn from a batch (n, n_visible)."""
        import torch

        with torch.inference_mode():
            n = len(batch)
            data, model = self.seen[:n], self.seen[n : 2 * n]
            positive, negative = self.hidden[:n], self.hidden[n : 2 * n]
            data.copy_(torch.from_numpy(batch))
            self._up(data, positive)
            start = positive
            if self.persistent:
                if len(self.chain) < n:
                    self._draw(positive)
                    self.chain = self.sample[:n].clone()
                self.sample[:n].copy_(self.chain[:n])
            for k in range(self.cd_steps):
                if k or not self.persistent:
                    self._draw(start)
                self._down(self.sample[:n], model)
                self._up(model, negative)
                start = negative
            if self.persistent:
                self._draw(negative)
                self.chain[:n].copy_(self.sample[:n])
            rate = learning_rate / n
            totals = [
                data.sum(0, dtype=torch.float32) - model.sum(0, dtype=torch.float32),
                positive.sum(0, dtype=torch.float32)
                - negative.sum(0, dtype=torch.float32),
            ]
            activity = positive.mean(0, dtype=torch.float32)
            negative.neg_()
            self._multiply(self.seen[: 2 * n].T, self.hidden[: 2 * n], self.gradient)
            v_weights, v_visible, v_hidden = self.velocities
            v_weights.mul_(momentum).add_(self.gradient, alpha=rate)
            v_weights.add_(self.parameters[0], alpha=-learning_rate * self.weight_decay)
            v_visible.mul_(momentum).add_(totals[0], alpha=rate)
            v_hidden.mul_(momentum).add_(totals[1], alpha=rate)
            if self.sparsity_target is not None:
                self._push_to_sparsity(activity, data, learning_rate)
            for parameter, velocity in zip(
                self.parameters, self.velocities, strict=True
            ):
                parameter.add_(velocity)
            self._copy_weights()

    def write_back(self) -> None:
        """Write what was learned to the machine's arrays."""
        arrays = self.rbm.weights, self.rbm.visible_bias, self.rbm.hidden_bias
        for array, parameter in zip(arrays, self.parameters, strict=True):
            array[...] = parameter.cpu().numpy()

    def _up(self, seen: Any, out: Any) -> None:
        self._multiply(seen, self.weights, out)
        out.add_(self.parameters[2]).sigmoid_()

    def _down(self, hidden: Any, out: Any) -> None:
        self._multiply(hidden, self.weights.T, out)
        out.add_(self.parameters[1])
        if self.rbm.visible == "binary":
            out.sigmoid_()

    def _multiply(self, a: Any, b: Any, out: Any) -> None:
        import torch

        if self.device.type == "cpu" and self.dtype == torch.float32:
            # NumPy's matrix product is a sixth faster than torch's at these sizes.
            with np.errstate(over="ignore", invalid="ignore"):  # noticed by its error
                np.matmul(a.numpy(), b.numpy(), out=out.numpy())
        else:
            torch.mm(a, b, out=out)

    def _draw(self, probabilities: Any) -> None:
        """Draw binary hidden units."""
        import torch

        n, n_hidden = probabilities.shape
        if self.device.type == "cpu":
            uniform = self.uniform[: n * n_hidden]
            # Three times as fast as torch's generator.
            self.rng.random(out=uniform, dtype=np.float32)
            drawn = torch.from_numpy(uniform).view(n, n_hidden)
        else:
            drawn = torch.rand(
                n, n_hidden, device=self.device, generator=self.generator
            )
        torch.lt(drawn, probabilities, out=self.sample[:n])

    def _push_to_sparsity(self, activity: Any, data: Any, learning_rate: float) -> None:
        """Push biases and incoming weights towards the target (Hinton 2010)."""
        import torch

        if torch.isnan(self.mean_hidden).any():  # the first batch
            self.mean_hidden.copy_(activity)
        self.mean_hidden.mul_(0.9).add_(activity, alpha=0.1)
        push = learning_rate * self.sparsity_cost
        missing = (self.sparsity_target - self.mean_hidden) * push
        self.parameters[2].add_(missing)
        mean = data.mean(0, dtype=torch.float32)
        self.parameters[0].add_(torch.outer(mean, missing))

    def _copy_weights(self) -> None:
        if self.weights is not self.parameters[0]:
            self.weights.copy_(self.parameters[0])
