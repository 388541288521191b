"""The loop that trains every learner.

What a learner does with a batch is its step: that of a net follows the gradient of a
loss (:class:`~skdeepmir._training._gradient.GradientStep`), layers of a belief net have
contrastive divergence, a deep Boltzmann machine its joint training. A step of second
order, or one that is shared among processes, is one more class like these.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from skdeepmir._training._data import Batch
from skdeepmir._training._gradient import scheduled_rate

SMALLEST_RATE = 1e-6  # of the schedule "adaptive", as in scikit-learn


class Step(Protocol):
    """The interface of a step: how a learner learns from a batch."""

    module: nn.Module

    def begin_epoch(self, n_epochs: int, n_reductions: int) -> None:
        """Prepare the epoch after so many, and reductions of the learning rate."""

    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Learn from a batch; return its loss, and what callbacks may see.

        The loss is NaN where it takes more than the step to measure it.
        """

    def evaluate(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Return the same of a batch that is not learned from."""

    def end_epoch(self, loss: float, n_epochs: int) -> float:
        """Return the training loss of an epoch, given the mean of its batches.

        It raises a ``DivergenceError`` where training diverges.
        """

    def check(self, what: str, value: float, limit: float, n_epochs: int) -> None:
        """Raise a ``DivergenceError`` if a value is not a number, or above a limit."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Watch(Protocol):
    """What is told of epochs, such as an ``EpochWatch``."""

    def begin(self) -> None:
        """Begin an epoch."""

    def end(
        self, state: Callable[[], dict[str, Any]], losses: dict[str, float]
    ) -> bool:
        """End an epoch, with its losses; return whether to stop."""


@dataclass
class Progress:
    """The state of a training, in plain values.

    Attributes
    ----------
    n_epochs : int
        Epochs done.
    loss_curve : list of float
        Mean training loss of each.
    validation_scores : list of float
        Minus the mean validation loss after each; empty without validation data.
    best_score : float
        Best so far of what early stopping and the schedule "adaptive" go by.
    n_stale : int
        Epochs since it rose by ``tol``.
    n_reductions : int
        How often "adaptive" lowered the learning rate.
    stopped : bool
        Whether something asked to stop.
    """

    n_epochs: int = 0
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_score: float = -math.inf
    n_stale: int = 0
    n_reductions: int = 0
    stopped: bool = False

    def last_losses(self) -> dict[str, float]:
        """Return the losses of the last epoch."""
        losses = {"loss": self.loss_curve[-1]}
        if self.validation_scores:
            losses["val_loss"] = -self.validation_scores[-1]
        return losses


def train(
    step: Step,
    batches: Iterable[Batch],
    given: Any,
    *,
    watch: Watch,
    state: Callable[[Progress], dict[str, Any]],
    validation: Iterable[Batch] | None = None,
    checkpoint: Any = None,
    stage: int = 0,
    progress: Progress | None = None,
) -> Progress:
    """Train until the last epoch, or until something asks to stop.

    Parameters
    ----------
    step : Step
        What learns from a batch; its module is changed in place.
    batches, validation : iterable of Batch
        What is learned from, and what is watched; each loop over it is a pass.
    given : SimpleNamespace
        Parameters of the estimator: ``max_epochs``, ``early_stopping``,
        ``n_iter_no_change``, ``tol``, ``learning_rate_schedule``, ``callbacks`` and
        ``verbose`` are read.
    watch : Watch
        Is told of epochs.
    state : callable
        Returns the fitted attributes as they are after an epoch, for callbacks.
    checkpoint : Checkpoint, optional
        What to go on from, and where to save the state after each epoch.
    stage : int, default=0
        Which of several trainings of one fit this is, for the checkpoint.
    progress : Progress, optional
        Of earlier epochs, which count as done.

    Returns
    -------
    progress : Progress
        Curves.

    Raises
    ------
    DivergenceError
        If the loss or a weight is not a number any more, or the loss too large.
    """
    progress, best, listeners = progress or Progress(), None, None
    if checkpoint is not None and (saved := checkpoint.state_of(stage)):
        progress, best = Progress(**saved["progress"]), saved["best"]
        step.load_state_dict(saved["step"])
    if given.callbacks:
        from skdeepmir._training._callbacks import Listeners

        listeners = Listeners(step, batches, validation, given)
    stops_early = given.early_stopping and validation is not None
    while progress.n_epochs < given.max_epochs and not progress.stopped:
        watch.begin()
        if listeners:
            listeners.begin_epoch()
        step.begin_epoch(progress.n_epochs, progress.n_reductions)
        progress.n_epochs += 1
        loss = _mean_loss(step, batches, listeners)
        loss = step.end_epoch(loss, progress.n_epochs)
        progress.loss_curve.append(loss)
        if listeners:
            listeners.record("train", loss)
        if validation is not None:
            step.module.eval()
            watched = _mean_loss(step.evaluate, validation, listeners)
            step.check("the validation loss", watched, math.inf, progress.n_epochs)
            progress.validation_scores.append(-watched)
            if listeners:
                listeners.record("valid", watched)
        score = progress.validation_scores[-1] if stops_early else -loss
        if stops_early and score > progress.best_score:
            best = copy.deepcopy(step.module.state_dict())
        stop = _judge(score, progress, given, stops_early)
        if listeners:
            stop |= listeners.end_epoch()
        is_stopped = watch.end(lambda: state(progress), progress.last_losses())
        progress.stopped = is_stopped or stop
        if checkpoint is not None:
            if is_stopped:
                checkpoint.keep("stopped_by_callback", True)
            checkpoint.save(
                {
                    "stage": stage,
                    "progress": vars(progress),
                    "best": best,
                    "step": step.state_dict(),
                }
            )
    if listeners:
        listeners.end()
    if best is not None:
        step.module.load_state_dict(best)
    step.module.eval()
    return progress


def _mean_loss(
    step: Callable[[Batch], tuple[torch.Tensor, Any]],
    batches: Iterable[Batch],
    listeners: Any,
) -> float:
    """Go through all batches once; return the mean loss."""
    if listeners:
        return listeners.mean_loss(step, batches)
    steps = [(step(batch)[0], batch.n) for batch in batches]
    return weighted_mean(steps)


def weighted_mean(steps: list[tuple[torch.Tensor, int]]) -> float:
    """Return the mean of losses of batches of so many."""
    losses, sizes = zip(*steps, strict=True)
    stacked = torch.stack(losses).cpu().double()
    counts = stacked.new_tensor(sizes)
    return float((stacked * counts).sum() / counts.sum())


def _judge(score: float, progress: Progress, given: Any, stops_early: bool) -> bool:
    """Count an epoch without gain; return whether training should stop."""
    gained = score > progress.best_score + given.tol
    progress.n_stale = 0 if gained else progress.n_stale + 1
    progress.best_score = max(score, progress.best_score)
    if progress.n_stale < given.n_iter_no_change:
        return False
    if given.learning_rate_schedule != "adaptive":
        return stops_early
    progress.n_reductions += 1
    progress.n_stale = 0
    rate = scheduled_rate(given, progress.n_epochs, progress.n_reductions)
    return rate < SMALLEST_RATE
