"""Optimisers and their learning rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

RATES = {"sgd": 0.1, "adagrad": 0.01, "adam": 0.001}


def nesterov_momentum(step: int, largest: float) -> float:
    """Return the momentum of a step in the schedule of Sutskever et al. [1]_.

    Parameters
    ----------
    step : int
        Updates made before.
    largest : float
        Where it ends.

    Returns
    -------
    momentum : float
        ``min(1 - 2 ** (-1 - log2(step // 250 + 1)), largest)``: 0.5, and after 250
        steps 0.75, after 500 0.833, ...

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton. On the importance of
       initialization and momentum in deep learning. ICML 2013.
    """
    return min(1 - 0.5 / (step // 250 + 1), largest)


class NesterovSGD(torch.optim.Optimizer):
    """Gradient descent with Nesterov's momentum, which rises by a schedule.

    Parameters are held where the gradient is taken, ``theta + momentum * velocity``, so
    that a changing momentum is followed exactly (``torch.optim.SGD`` assumes that it is
    constant).

    Parameters
    ----------
    params : iterable
        Parameters or groups of them.
    lr : float
        Step size.
    momentum : float
        Largest momentum, see :func:`nesterov_momentum`.
    weight_decay : float, default=0.0
        Cost of half the squared parameters.
    """

    def __init__(
        self, params: Any, lr: float, momentum: float, weight_decay: float = 0.0
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "n_steps": 0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make a step."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in parameters]
            if not parameters:
                continue
            if group["weight_decay"]:
                gradients = torch._foreach_add(
                    gradients, parameters, alpha=group["weight_decay"]
                )
            for p in parameters:
                if p not in self.state:
                    self.state[p]["velocity"] = torch.zeros_like(p)
            velocities = [self.state[p]["velocity"] for p in parameters]
            now, after = (
                nesterov_momentum(group["n_steps"] + k, group["momentum"])
                for k in (0, 1)
            )
            torch._foreach_mul_(velocities, now)
            torch._foreach_add_(velocities, gradients, alpha=-group["lr"])
            torch._foreach_add_(parameters, gradients, alpha=-group["lr"])
            torch._foreach_add_(parameters, velocities, alpha=after)
            group["n_steps"] += 1


def make_optimizer(
    settings: Any, named_parameters: Iterable[tuple[str, torch.Tensor]]
) -> torch.optim.Optimizer:
    """Return the optimiser that is asked for; biases do not decay.

    Parameters
    ----------
    settings : Settings
        ``optimizer``, ``learning_rate``, ``momentum`` and ``weight_decay`` are read.
    named_parameters : iterable of (str, Tensor)
        What is optimised.

    Returns
    -------
    optimizer : torch.optim.Optimizer
        The optimiser.
    """
    parameters = [p for _, p in named_parameters if p.requires_grad]
    decay = settings.weight_decay
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if not decay:
        groups = [{"params": parameters}]
    rate = first_rate(settings)
    if settings.optimizer == "sgd":
        return NesterovSGD(groups, rate, settings.momentum)
    if settings.optimizer == "adagrad":
        return torch.optim.Adagrad(groups, rate, fused=True)
    return torch.optim.Adam(groups, rate, fused=True)


def continue_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an earlier optimiser, but not its rates and the like."""
    asked = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, new in zip(optimizer.param_groups, asked, strict=True):
        kept = {"params", "n_steps"}
        group.update({name: v for name, v in new.items() if name not in kept})


def first_rate(settings: Any) -> float:
    """Return the learning rate to begin with."""
    rate = settings.learning_rate
    return RATES[settings.optimizer] if rate == "auto" else float(rate)


def scheduled_rate(settings: Any, epoch: int, n_reductions: int) -> float:
    """Return the learning rate of an epoch.

    Parameters
    ----------
    settings : Settings
        ``learning_rate_schedule``, ``learning_rate_decay`` and ``max_epochs`` are read.
    epoch : int
        Epochs before this one.
    n_reductions : int
        How often learning stood still, for the schedule "adaptive".

    Returns
    -------
    rate : float
        The learning rate.
    """
    rate = first_rate(settings)
    if settings.learning_rate_schedule == "linear":
        return rate * max(1 - epoch / settings.max_epochs, 0)
    if settings.learning_rate_schedule == "exponential":
        return rate * settings.learning_rate_decay**epoch
    if settings.learning_rate_schedule == "adaptive":
        return rate * 0.2**n_reductions
    return rate
