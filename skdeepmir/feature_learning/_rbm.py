"""Restricted Boltzmann machines: the model in NumPy, its training in torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit


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


@dataclass
class BeliefNet:
    """Machines upon each other, each on the hidden probabilities of the one below.

    Parameters
    ----------
    machines : list of RBM
        From the bottom up.
    """

    machines: list[RBM]

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

    def top(self, v: np.ndarray) -> np.ndarray:
        """Return the activations of the last layer, or ``v`` if there is none yet."""
        for machine in self.machines:
            v = machine.hidden(v)
        return v

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
        self.arrays = [rbm.weights, rbm.visible_bias, rbm.hidden_bias]

        def master(array: np.ndarray) -> Any:
            return torch.tensor(array, device=self.device)

        def factor(*shape: int) -> Any:
            return torch.zeros(shape, device=self.device, dtype=self.dtype)

        self.parameters = [master(array) for array in self.arrays]
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
        for array, parameter in zip(self.arrays, self.parameters, strict=True):
            array[...] = parameter.cpu().numpy()

    def _up(self, seen: Any, out: Any) -> None:
        self._multiply(seen, self.weights, out)
        if self.rbm.copies[0] > 1:
            out.mul_(self.rbm.copies[0])
        out.add_(self.parameters[2]).sigmoid_()

    def _down(self, hidden: Any, out: Any) -> None:
        self._multiply(hidden, self.weights.T, out)
        if self.rbm.copies[1] > 1:
            out.mul_(self.rbm.copies[1])
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
