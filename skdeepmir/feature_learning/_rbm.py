"""Restricted Boltzmann machines, and stacks of them, and how one learns."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        What it goes by.
    given : SimpleNamespace
        Parameters of the learner: ``batch_size``, ``cd_steps``, ``persistent``,
        ``weight_decay``, ``sparsity_target``, ``sparsity_cost`` and ``precision``,
        that of the factors of matrix products. Weights are kept in float32.
    generator : torch.Generator
        Draws what torch draws; says on which device to compute.
    """

    def __init__(
        self, machine: RBM, stage: Stage, given: Any, generator: torch.Generator
    ) -> None:
        arrays = [machine.weights, machine.visible_bias, machine.hidden_bias]
        names = ("weights", "visible_bias", "hidden_bias")
        super().__init__(stage, dict(zip(names, arrays, strict=True)), generator)
        self.visible, self.copies, self.given = machine.visible, machine.copies, given
        n_visible, n_hidden = machine.weights.shape
        n = given.batch_size
        is_half = given.precision == "bfloat16"
        dtype = torch.bfloat16 if is_half else torch.float32
        # NumPy's matrix product is a sixth faster than torch's at these sizes.
        takes_numpy = self.device.type == "cpu" and not is_half
        self.multiply = _multiply_by_numpy if takes_numpy else _multiply

        def factor(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, device=self.device, dtype=dtype)

        # What is multiplied: the batch above its reconstruction, and hidden likewise.
        self.weights = factor(n_visible, n_hidden) if is_half else self.parameters[0]
        self.weights.copy_(self.parameters[0])
        self.seen, self.hidden = factor(2 * n, n_visible), factor(2 * n, n_hidden)
        self.gradient = factor(n_visible, n_hidden)
        self.sample = factor(n, n_hidden)
        self.mean_hidden: torch.Tensor | None = None
        self.uniform = np.empty(n * n_hidden, dtype=np.float32)

    @property
    def model(self) -> RBM:
        """The machine."""
        return RBM(*self._arrays(), self.visible, self.copies)

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return super().state_dict() | {"mean_hidden": self.mean_hidden}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.weights.copy_(self.parameters[0])
        if state["mean_hidden"] is not None:
            self.mean_hidden = state["mean_hidden"].to(self.device)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Learn from a batch."""
        given, n = self.given, batch.n
        data, model = self.seen[:n], self.seen[n : 2 * n]  # (n, n_visible)
        positive, negative = self.hidden[:n], self.hidden[n : 2 * n]  # (n, n_hidden)
        data.copy_(batch.inputs[0])
        self._up(data, positive)
        start = positive
        if given.persistent:
            if not self.chains or len(self.chains[0]) < n:
                self._draw(positive)
                self.chains = [self.sample[:n].clone()]
            self.sample[:n].copy_(self.chains[0][:n])
        for k in range(given.cd_steps):
            if k or not given.persistent:
                self._draw(start)
            self._down(self.sample[:n], model)
            self._up(model, negative)
            start = negative
        if given.persistent:
            self._draw(negative)
            self.chains[0][:n].copy_(self.sample[:n])
        rate = self.rate / n
        activity = positive.mean(0, dtype=torch.float32)
        totals = [
            part.sum(0, dtype=torch.float32)
            for part in (data, model, positive, negative)
        ]
        negative.neg_()
        self.multiply(self.seen[: 2 * n].T, self.hidden[: 2 * n], self.gradient)
        v_weights, v_visible, v_hidden = self.velocities
        v_weights.mul_(self.momentum).add_(self.gradient, alpha=rate)
        v_weights.add_(self.parameters[0], alpha=-self.rate * given.weight_decay)
        v_visible.mul_(self.momentum).add_(totals[0] - totals[1], alpha=rate)
        v_hidden.mul_(self.momentum).add_(totals[2] - totals[3], alpha=rate)
        if given.sparsity_target is not None:
            self._push_to_sparsity(activity, data)
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            parameter.add_(velocity)
        if self.weights is not self.parameters[0]:
            self.weights.copy_(self.parameters[0])
        return NOT_MEASURED, None

    def _up(self, seen: torch.Tensor, out: torch.Tensor) -> None:
        self.multiply(seen, self.weights, out)
        if self.copies[0] > 1:
            out.mul_(self.copies[0])
        out.add_(self.parameters[2]).sigmoid_()

    def _down(self, hidden: torch.Tensor, out: torch.Tensor) -> None:
        self.multiply(hidden, self.weights.T, out)
        if self.copies[1] > 1:
            out.mul_(self.copies[1])
        out.add_(self.parameters[1])
        if self.visible == "binary":
            out.sigmoid_()

    def _draw(self, probabilities: torch.Tensor) -> None:
        """Draw binary hidden units into ``sample``."""
        n, n_hidden = probabilities.shape
        if self.device.type == "cpu":
            uniform = self.uniform[: n * n_hidden]
            # Three times as fast as torch's generator.
            self.rng.random(out=uniform, dtype=np.float32)
            drawn = torch.from_numpy(uniform).view(n, n_hidden)
        else:
            drawn = torch.empty(n, n_hidden, device=self.device)
            drawn.uniform_(generator=self.generator)
        torch.lt(drawn, probabilities, out=self.sample[:n])

    def _push_to_sparsity(self, activity: torch.Tensor, data: torch.Tensor) -> None:
        """Push biases and incoming weights towards the target (Hinton 2010)."""
        if self.mean_hidden is None:  # the first batch
            self.mean_hidden = activity.clone()
        self.mean_hidden.mul_(0.9).add_(activity, alpha=0.1)
        push = self.rate * self.given.sparsity_cost
        missing = (self.given.sparsity_target - self.mean_hidden) * push
        self.parameters[2].add_(missing)
        mean = data.mean(0, dtype=torch.float32)
        self.parameters[0].add_(torch.outer(mean, missing))


def _multiply(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    torch.mm(a, b, out=out)


def _multiply_by_numpy(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> None:
    with np.errstate(over="ignore", invalid="ignore"):  # noticed by its error
        np.matmul(a.numpy(), b.numpy(), out=out.numpy())
