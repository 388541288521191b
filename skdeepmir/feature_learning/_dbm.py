"""Deep Boltzmann machines, how they learn, and nets unrolled from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.special import entr, expit

from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._rbm import RBM, visible_energy
from skdeepmir.feature_learning._steps import NOT_MEASURED, BoltzmannStep, Stage


def copies_of(layer: int, n_layers: int) -> tuple[int, int]:
    """Return the copies with which a layer of a deep Boltzmann machine begins.

    A layer that will get input from both sides is trained with twice the input from the
    one that is there: what is seen below the first layer and the last layer's units
    stay alone, all between are doubled.
    """
    return 1 if layer == n_layers - 1 else 2, 1 if layer == 0 else 2


@dataclass
class DeepBoltzmannMachine:
    """Layers of binary units, each of which listens to both of its neighbours.

    Salakhutdinov and Hinton (AISTATS 2009).

    Parameters
    ----------
    weights : list of ndarray of shape (n_below, n_units), float32
        Weights between each layer and what is below.
    biases : list of ndarray of shape (n_units,), float32
        Biases of each layer.
    visible_bias : ndarray of shape (n_visible,), float32
        Biases of what is seen.
    visible : {"binary", "gaussian"}
        What is seen.
    n_steps : int
        Mean-field sweeps by which the activations of a frame are found.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    visible_bias: np.ndarray
    visible: str
    n_steps: int

    @classmethod
    def compose(cls, machines: list[RBM], n_steps: int) -> DeepBoltzmannMachine:
        """Return the machine that layers begin, which were trained by themselves.

        A layer's bias is the mean of what it had as the top of one machine and as the
        bottom of the next, as its input is that of both, halved.
        """
        biases = [machine.hidden_bias.copy() for machine in machines]
        for bias, above in zip(biases, machines[1:], strict=False):
            bias[:] = (bias + above.visible_bias) / 2
        weights = [machine.weights.copy() for machine in machines]
        first = machines[0]
        return cls(weights, biases, first.visible_bias.copy(), first.visible, n_steps)

    @property
    def biases_below(self) -> list[np.ndarray]:
        """Biases of what is below each layer."""
        return [self.visible_bias, *self.biases[:-1]]

    @property
    def feedback(self) -> list[np.ndarray]:
        """Weights from layers above that are not those to them: none."""
        return []

    def activations(self, v: np.ndarray) -> list[np.ndarray]:
        """Return the mean-field activations of every layer, in the precision of ``v``.

        They begin with a pass upward, in which the missing input from above is made up
        for by twice that from below.
        """
        weights = [w.astype(v.dtype, copy=False) for w in self.weights]
        from_seen = v @ weights[0]
        layers: list[np.ndarray] = []
        for k, bias in enumerate(self.biases):
            total = layers[-1] @ weights[k] if layers else from_seen
            layers.append(expit(copies_of(k, len(weights))[0] * total + bias))
        for _ in range(self.n_steps):
            for k, bias in enumerate(self.biases):
                total = (layers[k - 1] @ weights[k] if k else from_seen) + bias
                if k + 1 < len(layers):
                    total += layers[k + 1] @ weights[k + 1].T
                layers[k] = expit(total)
        return layers

    def reconstruct(self, h: np.ndarray, layer: int) -> np.ndarray:
        """Return the mean of what is seen, given the activations of a layer.

        On the way down, layers get twice the input from above, as there is none below.
        """
        for k in range(layer, -1, -1):
            copies = (1, 1 if k == 0 else 2)
            kind = "binary" if k else self.visible
            below = self.biases_below[k]
            h = RBM(self.weights[k], below, self.biases[k], kind, copies).reconstruct(h)
        return h

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the variational free energy of each row, in float64.

        An upper bound on the free energy, equal to it where there is one layer.
        """
        energy = visible_energy(v, self.visible_bias, self.visible)
        below = v
        for weights, bias, layer in zip(
            self.weights, self.biases, self.activations(v), strict=True
        ):
            total = below @ weights.astype(v.dtype, copy=False) + bias
            energy -= (total * layer).sum(axis=1, dtype=np.float64)
            entropy = entr(layer) + entr(1 - layer)
            energy -= entropy.sum(axis=1, dtype=np.float64)
            below = layer
        return energy

    def reconstruction_error(self, v: np.ndarray) -> float:
        """Return the mean squared error after mean field and one step down."""
        with np.errstate(over="ignore", invalid="ignore"):  # the caller checks
            restored = self.reconstruct(self.activations(v)[0], 0)
            return float(np.square(v - restored).mean())


@dataclass
class UnrolledMachine:
    """One mean-field step of a deep Boltzmann machine as a feed-forward net.

    Each layer sees the one below and what the machine itself (before it was trained on
    labels) infers of the one above.

    Parameters
    ----------
    machine : DeepBoltzmannMachine
        What infers the layers above.
    weights, feedback : list of ndarray
        From the layer below (n_below, n_units) and the one above (n_above, n_units);
        the last layer has no feedback.
    biases : list of ndarray of shape (n_units,)
        Biases of each layer.
    """

    machine: DeepBoltzmannMachine
    weights: list[np.ndarray]
    feedback: list[np.ndarray]
    biases: list[np.ndarray]

    @classmethod
    def of(cls, machine: DeepBoltzmannMachine) -> UnrolledMachine:
        """Unroll a machine."""
        feedback = [weights.T for weights in machine.weights[1:]]
        return cls(machine, machine.weights, feedback, machine.biases)

    @property
    def biases_below(self) -> list[np.ndarray]:
        """Biases of what is below each layer."""
        return [self.machine.visible_bias, *self.biases[:-1]]

    def replaced(
        self,
        weights: list[np.ndarray],
        feedback: list[np.ndarray],
        biases: list[np.ndarray],
    ) -> UnrolledMachine:
        """Return the net with other weights and biases; what infers stays the same."""
        return UnrolledMachine(self.machine, weights, feedback, biases)

    def inputs(self, v: np.ndarray) -> list[np.ndarray]:
        """Return what is seen and what is inferred of all layers but the first."""
        return [v, *self.machine.activations(v)[1:]]

    def activations(self, v: np.ndarray) -> list[np.ndarray]:
        """Return the activations of every layer, in the precision of ``v``."""
        below, *above = self.inputs(v)
        layers = []
        for k, (weights, bias) in enumerate(
            zip(self.weights, self.biases, strict=True)
        ):
            total = below @ weights.astype(v.dtype, copy=False) + bias
            if k < len(above):
                total += above[k] @ self.feedback[k].astype(v.dtype, copy=False)
            below = expit(total)
            layers.append(below)
        return layers

    def reconstruct(self, h: np.ndarray, layer: int) -> np.ndarray:
        """Return the mean of what is seen, given the activations of a layer."""
        machine = self.machine
        seen = (machine.visible_bias, machine.visible, machine.n_steps)
        tuned = DeepBoltzmannMachine(self.weights, self.biases, *seen)
        return tuned.reconstruct(h, layer)

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        """Return the variational free energy of each row under the machine."""
        return self.machine.free_energy(v)


class JointTraining(BoltzmannStep):
    """The step of all layers of a :class:`DeepBoltzmannMachine` together.

    The gradient is that of a bound on the likelihood: mean-field statistics of a batch
    less those of Gibbs chains that go on from batch to batch.

    Parameters
    ----------
    machine : DeepBoltzmannMachine
        What it begins with.
    stage : Stage
        What it goes by.
    given : SimpleNamespace
        Parameters of the learner: ``batch_size``, which is the number of chains,
        ``cd_steps``, their steps for each batch, and ``weight_decay``.
    generator : torch.Generator
        Draws what torch draws; says on which device to compute.
    """

    def __init__(
        self,
        machine: DeepBoltzmannMachine,
        stage: Stage,
        given: Any,
        generator: torch.Generator,
    ) -> None:
        n_layers = len(machine.weights)
        arrays = {f"weights_{k}": array for k, array in enumerate(machine.weights)}
        arrays["visible_bias"] = machine.visible_bias
        arrays |= {f"bias_{k}": array for k, array in enumerate(machine.biases)}
        super().__init__(stage, arrays, generator)
        self.visible, self.n_steps, self.given = machine.visible, machine.n_steps, given
        self.weights = self.parameters[:n_layers]
        self.biases = self.parameters[n_layers:]  # of what is seen first

    @property
    def model(self) -> DeepBoltzmannMachine:
        """The machine."""
        arrays = [parameter.cpu().numpy() for parameter in self.parameters]
        n_layers = len(self.weights)
        weights, (seen, *biases) = arrays[:n_layers], arrays[n_layers:]
        return DeepBoltzmannMachine(weights, biases, seen, self.visible, self.n_steps)

    @torch.inference_mode()
    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Learn from a batch."""
        seen = batch.inputs[0].to(self.device)  # (n, n_visible)
        data = [seen, *self._mean_field(seen)]
        if not self.chains:  # states of all layers, the seen one first
            rows = torch.arange(self.given.batch_size, device=self.device) % batch.n
            self.chains = [layer[rows] for layer in data]
            self.chains[1:] = [self._draw(h) for h in self.chains[1:]]
        for _ in range(self.given.cd_steps):
            self._sample_layers(range(1, len(self.chains), 2))
            self._sample_layers(range(0, len(self.chains), 2))
        gradients = _statistics(data)
        of_chains = _statistics(self.chains)
        for gradient, opposite in zip(gradients, of_chains, strict=True):
            gradient.sub_(opposite)
        for gradient, weights in zip(gradients, self.weights, strict=False):
            gradient.sub_(weights, alpha=self.given.weight_decay)
        for parameter, velocity, gradient in zip(
            self.parameters, self.velocities, gradients, strict=True
        ):
            velocity.mul_(self.momentum).add_(gradient, alpha=self.rate)
            parameter.add_(velocity)
        return NOT_MEASURED, None

    def _mean_field(self, seen: torch.Tensor) -> list[torch.Tensor]:
        n_layers = len(self.weights)
        layers: list[torch.Tensor] = []
        for k, weights in enumerate(self.weights):
            total = (layers[-1] if layers else seen) @ weights  # (n, n_units)
            total.mul_(copies_of(k, n_layers)[0]).add_(self.biases[k + 1])
            layers.append(total.sigmoid_())
        states = [seen, *layers]
        for _ in range(self.n_steps):
            for k in range(1, len(states)):
                states[k] = self._input(states, k).sigmoid_()
        return states[1:]

    def _input(self, states: list[torch.Tensor], k: int) -> torch.Tensor:
        """Return the input of layer ``k`` (0 is what is seen) from its neighbours."""
        total = self.biases[k].expand(len(states[0]), -1)
        if k:
            total = torch.addmm(total, states[k - 1], self.weights[k - 1])
        if k < len(self.weights):
            total = torch.addmm(total, states[k + 1], self.weights[k].T)
        return total

    def _sample_layers(self, which: range) -> None:
        for k in which:
            total = self._input(self.chains, k)
            if k:
                self.chains[k] = self._draw(total.sigmoid_())
            elif self.visible == "binary":
                self.chains[0] = total.sigmoid_()  # means are seen, as in the layers
            else:
                self.chains[0] = total

    def _draw(self, probabilities: torch.Tensor) -> torch.Tensor:
        return torch.bernoulli(probabilities, generator=self.generator)


def _statistics(states: list[torch.Tensor]) -> list[torch.Tensor]:
    n = len(states[0])
    pairs = pairwise(states)
    return [*(below.T @ h / n for below, h in pairs), *(s.mean(0) for s in states)]
