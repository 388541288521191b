"""The common part of steps that learn without labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepmir._errors import DivergenceError
from skdeepmir._training._data import Batch

MOMENTUM_EPOCHS = 5  # in which momentum rises from START_MOMENTUM
START_MOMENTUM = 0.5
ALLOWED_GROWTH = 10  # of the reconstruction error, before training is called divergent
LARGEST_WEIGHT = 1000  # saturates any unit, without an error where input is binary
NOT_MEASURED = torch.tensor(math.nan)


@dataclass(frozen=True)
class Stage:
    """The settings of a step that learns without labels.

    Attributes
    ----------
    place : int
        The layer that learns, or -1 for all together.
    given : SimpleNamespace
        Parameters of the learner.
    rates : list of float
        Learning rate of each epoch.
    probes : ndarray of shape (n, n_visible)
        Frames by whose reconstruction it is watched.
    held_out : ndarray of shape (n, n_visible) or None
        Likewise of clips that are not learned from.
    rng : numpy.random.Generator
        Draws what is drawn by NumPy, here and elsewhere in the fit.
    generator : torch.Generator
        Draws what is drawn by torch; says on which device to compute.
    """

    place: int
    given: Any
    rates: list[float]
    probes: np.ndarray
    held_out: np.ndarray | None
    rng: np.random.Generator
    generator: torch.Generator

    @property
    def name(self) -> str:
        """What learns, for errors."""
        return "all layers together" if self.place < 0 else f"layer {self.place}"


class PretrainingStep:
    """A step without labels, which is watched by reconstructions of some frames.

    Attributes
    ----------
    model : RBM or DeepBoltzmannMachine
        What learns; on a processor its arrays are the parameters' memory.
    gaps : list of float
        Mean free energy of held-out frames less that of training frames, after each
        epoch; NaN if there are none.
    """

    module: nn.Module
    model: Any

    def __init__(self, stage: Stage, visible: str) -> None:
        self.stage, self.given, self.visible = stage, stage.given, visible
        self.generator, self.device = stage.generator, stage.generator.device
        self.first_error, self.gaps = math.nan, []

    def learned_after(self, learned: Any, progress: Any) -> Any:
        """Return what is learned (``Learned``) after so many epochs of this stage."""
        place, model = self.stage.place, self.model
        curves = learned.errors.copy(), learned.gaps.copy()
        for curve, own in zip(curves, (progress.loss_curve, self.gaps), strict=True):
            curve[place] = [*curve[place], *own]
        net = model if place < 0 else learned.net.topped(model)
        return replace(learned, net=net, errors=curves[0], gaps=curves[1])

    def begin_epoch(self, n_epochs: int, n_reductions: int) -> None:
        """Set learning rate and momentum."""
        self.set_rate(n_epochs)
        rise = min(1.0, n_epochs / MOMENTUM_EPOCHS)
        largest = self.stage.given.momentum if self.stage.place >= 0 else 0.0
        self.momentum = min(largest, START_MOMENTUM) * (1 - rise) + largest * rise

    def set_rate(self, n_epochs: int) -> None:
        """Set the learning rate of the epoch after so many."""
        self.rate = self.stage.rates[n_epochs]
        if self.rate > float(np.finfo(np.float32).max):
            raise DivergenceError(
                f"Pre-training of {self.stage.name} diverges before epoch 1: its "
                f"learning_rate ({self.rate:g}) is beyond float32. Lower it."
            )

    def evaluate(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Return the reconstruction error of frames."""
        error = self.model.reconstruction_error(batch.inputs[0].cpu().numpy())
        return torch.tensor(error), None

    def end_epoch(self, loss: float, n_epochs: int) -> float:
        """Return the reconstruction error; measure the gap of free energy."""
        model, stage = self.model, self.stage
        error = model.reconstruction_error(stage.probes)
        if n_epochs == 1:
            self.first_error = error
        parameters = nn.utils.parameters_to_vector(self.module.parameters())
        largest = float(parameters.detach().abs().max())
        limit = ALLOWED_GROWTH * max(self.first_error, 1.0)
        # Negated, so that NaN is noticed as well.
        if not (error <= limit < np.inf and largest <= LARGEST_WEIGHT):
            what = f"the reconstruction error is {error:.3g} and the largest weight "
            raise self._divergence(f"{what}{largest:.3g}", n_epochs)
        gap = math.nan
        if stage.held_out is not None:
            held_out = model.free_energy(stage.held_out).mean()
            gap = float(held_out - model.free_energy(stage.probes).mean())
        self.gaps.append(gap)
        return error

    def check(self, what: str, value: float, limit: float, n_epochs: int) -> None:
        """Raise a ``DivergenceError`` if a value is not a number, or above a limit."""
        if not value <= min(limit, np.finfo(float).max):
            raise self._divergence(f"{what} is {value:.3g}", n_epochs)

    def _divergence(self, found: str, n_epochs: int) -> DivergenceError:
        return DivergenceError(
            f"Pre-training of {self.stage.name} diverges: after epoch {n_epochs} "
            f"{found}. Lower its learning_rate ({self.rate:g})."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return {
            "module": self.module.state_dict(),
            "rng": state_of(self.stage.rng),
            "generator": self.generator.get_state(),
            "first_error": self.first_error,
            "gaps": self.gaps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.module.load_state_dict(state["module"])
        set_state(self.stage.rng, state["rng"])
        self.generator.set_state(state["generator"].cpu())
        self.first_error, self.gaps = state["first_error"], state["gaps"]


class BoltzmannStep(PretrainingStep):
    """A step along the difference of what a machine makes of data and of samples."""

    def __init__(self, stage: Stage, visible: str, **arrays: np.ndarray) -> None:
        super().__init__(stage, visible)
        self.module = nn.ParameterDict(
            {
                name: nn.Parameter(torch.tensor(array, device=self.device), False)
                for name, array in arrays.items()
            }
        )
        self.parameters = [self.module[name].data for name in arrays]
        self.velocities = [torch.zeros_like(p) for p in self.parameters]
        self.chains: list[torch.Tensor] = []  # where those of a batch end
        self.mean_hidden: torch.Tensor | None = None  # of the batches so far
        self.is_half = stage.given.precision == "bfloat16"
        self.dtype = torch.bfloat16 if self.is_half else torch.float32
        self.multiply, self.factor = torch.mm, torch.Tensor.detach
        if self.device.type == "cpu" and not self.is_half:
            # NumPy's matrix product is a sixth faster than torch's at these sizes.
            self.multiply, self.factor = np.matmul, torch.Tensor.numpy

    def _draw_uniform(self, *shape: int) -> torch.Tensor:
        """Draw numbers from 0 to 1."""
        if self.device.type == "cpu":
            # Three times as fast as torch's generator.
            return torch.from_numpy(self.stage.rng.random(shape, dtype=np.float32))
        drawn = torch.empty(shape, device=self.device)
        return drawn.uniform_(generator=self.generator)

    def _turn(self, gradients: Iterable[torch.Tensor], n: int) -> None:
        """Turn velocities along sums of gradients over n, and against the weights."""
        for velocity, gradient in zip(self.velocities, gradients, strict=True):
            velocity.mul_(self.momentum).add_(gradient, alpha=self.rate / n)
        decay = self.rate * self.given.weight_decay
        self.velocities[0].add_(self.parameters[0], alpha=-decay)

    def _move(self) -> None:
        """Move the parameters."""
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            parameter.add_(velocity)

    def _missing_activity(self, activity: torch.Tensor) -> torch.Tensor:
        """Return what hidden units lack of their target, times the step size.

        ``activity`` is their mean activation in a batch.
        """
        if self.mean_hidden is None:  # the first batch
            self.mean_hidden = activity.clone()
        self.mean_hidden.mul_(0.9).add_(activity, alpha=0.1)
        push = self.rate * self.given.sparsity_cost
        return (self.given.sparsity_target - self.mean_hidden) * push

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        names = "velocities", "chains", "mean_hidden"
        return super().state_dict() | {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.velocities = [v.to(self.device) for v in state["velocities"]]
        self.chains = [chain.to(self.device) for chain in state["chains"]]
        if state["mean_hidden"] is not None:
            self.mean_hidden = state["mean_hidden"].to(self.device)


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of an SFC64 generator as plain values."""
    state = rng.bit_generator.state
    return {**state, "state": state["state"]["state"].tolist()}


def set_state(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Have a generator go on from a state."""
    numbers = {"state": np.array(state["state"], dtype=np.uint64)}
    rng.bit_generator.state = {**state, "state": numbers}
