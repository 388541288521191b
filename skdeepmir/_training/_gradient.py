"""Gradient descent: losses, optimisers and their rates, and the step of a net."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from skdeepmir._errors import DivergenceError
from skdeepmir._training._data import Batch

RATES = {"sgd": 0.1, "adagrad": 0.01, "adam": 0.001}


class GradientStep:
    """Follow the gradient of a loss: how nets learn from a batch.

    Parameters
    ----------
    module : nn.Module
        What is trained, in place.
    loss : nn.Module
        The loss of outputs, targets and weights.
    given : SimpleNamespace
        Parameters of the estimator: how to descend.
    generator : torch.Generator
        All randomness of the fit.
    caller : callable, optional
        Returns what the module puts out for the inputs of a batch; by default the
        module itself.
    optimizer : torch.optim.Optimizer, optional
        Takes the place of the one that ``given`` asks for.
    after : callable, optional
        Called after each step, such as to limit norms.
    largest_loss : float, default=inf
        A loss above it counts as divergence.
    advice : str, optional
        What to do about divergence; by default what ``given`` says.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: nn.Module,
        given: Any,
        generator: torch.Generator,
        *,
        caller: Callable[..., torch.Tensor] | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        after: Callable[[], None] | None = None,
        largest_loss: float = math.inf,
        advice: str | None = None,
    ) -> None:
        self.module, self.loss, self.given = module, loss, given
        self.caller = module if caller is None else caller
        self.generator, self.after, self.largest_loss = generator, after, largest_loss
        self.optimizer = optimizer or _make_optimizer(given, module)
        self.advice = advice or (
            f"Lower {told_rate(given)} (optimizer={given.optimizer!r}), or scale the "
            "input, as with StandardScaler."
        )
        self.device_type = generator.device.type
        self.on_gradient: Callable[[Batch], None] | None = None
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        if not rate <= torch.finfo(torch.float32).max:
            raise DivergenceError(
                f"Training diverges before epoch 1: its rate {rate:g} is beyond "
                f"float32. {self.advice}"
            )

    def begin_epoch(self, n_epochs: int, n_reductions: int) -> None:
        """Set the learning rate of the epoch after so many."""
        self.module.train()
        if self.given.learning_rate_schedule != "constant":
            rate = scheduled_rate(self.given, n_epochs, n_reductions)
            for group in self.optimizer.param_groups:
                group["lr"] = rate

    def outputs(self, *inputs: Any) -> torch.Tensor:
        """Return what the module puts out for the inputs of a batch."""
        return self.caller(*inputs)

    def __call__(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Learn from a batch; return its loss, and what the net put out."""
        if self.given.precision == "bfloat16":
            with torch.autocast(self.device_type, torch.bfloat16):
                outputs = self.outputs(*batch.inputs)
            outputs = outputs.float()
        else:
            outputs = self.outputs(*batch.inputs)
        loss = self.loss(outputs, batch.targets, batch.weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.given.gradient_clipping is not None:
            parameters = self.module.parameters()
            nn.utils.clip_grad_norm_(parameters, self.given.gradient_clipping)
        if self.on_gradient is not None:
            self.on_gradient(batch)
        self.optimizer.step()
        if self.after is not None:
            self.after()
        return loss.detach(), outputs.detach()

    def evaluate(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch that is not learned from, and the outputs."""
        with torch.no_grad():
            outputs = self.outputs(*batch.inputs)
            return self.loss(outputs, batch.targets, batch.weight), outputs

    def end_epoch(self, loss: float, n_epochs: int) -> float:
        """Return the training loss, or raise a ``DivergenceError``."""
        self.check("the loss", loss, self.largest_loss, n_epochs)
        # That loss is of the weights before the last step.
        self.check("a weight", _largest(self.module), math.inf, n_epochs)
        return loss

    def check(self, what: str, value: float, limit: float, n_epochs: int) -> None:
        """Raise a ``DivergenceError`` if a value is not a number, or above a limit."""
        if not value <= min(limit, sys.float_info.max):  # NaN as well
            raise DivergenceError(
                f"Training diverges: {what} is {value:.3g} after epoch {n_epochs}. "
                f"{self.advice}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())


def _largest(module: nn.Module) -> float:
    """Return the largest size of a weight or a running statistic; NaN if one is NaN."""
    sizes = []
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.numel():
            sizes.append(tensor.abs().max().cpu().double())
    return float(torch.stack(sizes).max())


def _make_optimizer(given: Any, module: nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser that is asked for; biases do not decay."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [{"params": parameters}]
    if given.weight_decay:
        groups = [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": given.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    rate = _first_rate(given)
    if given.optimizer == "sgd":
        return NesterovSGD(groups, rate, given.momentum)
    if given.optimizer == "adagrad":
        return torch.optim.Adagrad(groups, rate, fused=True)
    return torch.optim.Adam(groups, rate, fused=True)


def _first_rate(given: Any) -> float:
    rate = given.learning_rate
    return RATES[given.optimizer] if rate == "auto" else float(rate)


def told_rate(given: Any) -> str:
    """Return what messages call the learning rate."""
    told = f"learning_rate={given.learning_rate!r}"
    is_auto = given.learning_rate == "auto"
    return f"{told}, which is {_first_rate(given):g}" if is_auto else told


def scheduled_rate(given: Any, n_epochs: int, n_reductions: int) -> float:
    """Return the learning rate after so many epochs, and reductions by "adaptive"."""
    rate = _first_rate(given)
    if given.learning_rate_schedule == "linear":
        return rate * max(1 - n_epochs / given.max_epochs, 0)
    if given.learning_rate_schedule == "exponential":
        return rate * given.learning_rate_decay**n_epochs
    if given.learning_rate_schedule == "adaptive":
        return rate * 0.2**n_reductions
    return rate


def continue_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an earlier optimiser, but not its rates and the like."""
    asked = [dict(group) for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, new in zip(optimizer.param_groups, asked, strict=True):
        kept = {"params", "n_steps"}
        group.update({name: v for name, v in new.items() if name not in kept})


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
            gradients: Any = [p.grad for p in parameters]
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


def map_arrays(nested: Any, change: Callable[[Any], Any]) -> Any:
    """Apply a function to all arrays or tensors in nested dicts, lists and tuples.

    Plain values stay as they are.
    """
    if isinstance(nested, dict):
        return {key: map_arrays(value, change) for key, value in nested.items()}
    if isinstance(nested, list | tuple):
        return type(nested)(map_arrays(value, change) for value in nested)
    return change(nested) if hasattr(nested, "shape") else nested


class _Weighted(nn.Module):
    """Mean of losses times weights."""

    def forward(
        self, outputs: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the loss of a batch."""
        if weight is None:
            return self.loss(outputs, y, reduction="mean")
        losses = self.loss(outputs, y, reduction="none")
        if weight.ndim < losses.ndim:
            weight = weight.unsqueeze(1)
        return (losses * weight).mean()

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        raise NotImplementedError

    def rows(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the outputs that are scored."""
        return outputs


class SoftmaxLoss(_Weighted):
    """Cross-entropy of one class among several; targets are their numbers."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        return functional.cross_entropy(outputs, y, reduction=reduction)

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return numbers of classes for targets, of mixed ones the larger share."""
        return y.argmax(1) if y.ndim == 2 else y

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the number of the likeliest class."""
        return logits.argmax(1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class."""
        return logits.double().softmax(1)


class LogisticLoss(_Weighted):
    """Cross-entropy of independent yes or no; targets (n, n_outputs) are 0 or 1."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per value, or its mean."""
        return functional.binary_cross_entropy_with_logits(
            outputs, y, reduction=reduction
        )

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for targets, (n,) of a single one."""
        return (y > 0.5).long().squeeze(1)

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return 1 where yes is likelier."""
        return (logits > 0).long().squeeze(1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of yes, of a single one that of no and yes."""
        p = logits.double().sigmoid()
        return torch.cat([1 - p, p], 1) if logits.shape[1] == 1 else p


class MeanSquaredLoss(_Weighted):
    """Squared error; targets are (n, n_outputs)."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per value, or its mean."""
        return functional.mse_loss(outputs, y, reduction=reduction)

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return numbers for targets, (n,) of a single one."""
        return y.squeeze(1)

    def decide(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return numbers likewise."""
        return outputs.squeeze(1)


class SquaredLoss(_Weighted):
    """Half the squared error, summed over the values of a row."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        losses = 0.5 * (outputs - y).square().sum(1)
        return losses.mean() if reduction == "mean" else losses


class SummedLogisticLoss(LogisticLoss):
    """Cross-entropy of values from 0 to 1, summed over those of a row."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        losses = super().loss(outputs, y, "none").sum(1)
        return losses.mean() if reduction == "mean" else losses


class FrameSoftmaxLoss(nn.Module):
    """Cross-entropy of one class among several for each frame that has a label.

    Targets (n_sequences, n_frames) are numbers of classes, or -1 for no label.
    """

    def forward(
        self, outputs: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the mean over the frames of a batch that have labels.

        ``weight`` (n_sequences, n_frames) is what the loss of each counts.
        """
        rows, numbers = outputs.flatten(0, -2), y.flatten()
        if weight is None:
            loss = functional.cross_entropy(
                rows, numbers, ignore_index=-1, reduction="sum"
            )
        else:
            losses = functional.cross_entropy(
                rows, numbers, ignore_index=-1, reduction="none"
            )
            loss = losses @ weight.flatten()
        return loss / (y >= 0).sum().clamp(min=1)

    def rows(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the outputs for frames that have a label, (n_labelled, n_classes)."""
        return outputs[y >= 0]

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return these labels, (n_labelled,)."""
        return y[y >= 0]

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the number of the likeliest class of each frame."""
        return logits.argmax(-1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class in each frame."""
        return logits.double().softmax(-1)


class FrameLogisticLoss(nn.Module):
    """Cross-entropy of yes or no for each frame, where frames have codes.

    Targets (n_sequences, n_frames) are 0 for no, codes from 1 up for kinds of yes, and
    -1 for frames that do not count.

    Parameters
    ----------
    weights : sequence of float
        What a frame of each code counts.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.weights = tuple(weights)

    def forward(
        self, outputs: torch.Tensor, y: torch.Tensor, weight: None
    ) -> torch.Tensor:
        """Return the mean over the frames of a batch that count.

        ``outputs`` are (n_sequences, n_frames, 1).
        """
        known = y >= 0
        codes, weights = y[known], outputs.new_tensor(self.weights)
        loss = functional.binary_cross_entropy_with_logits(
            outputs[known].squeeze(1),
            (codes > 0).to(outputs.dtype),
            weights[codes],
            reduction="sum",
        )
        return loss / known.sum().clamp(min=1)

    def rows(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the outputs for frames that count, (n_known, 1)."""
        return outputs[y >= 0]

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for these frames, (n_known,)."""
        return (y[y >= 0] > 0).long()

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return 1 where yes is likelier, (n_known,)."""
        return (logits > 0).long().squeeze(-1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of no and yes."""
        p = logits.double().sigmoid()
        return torch.cat([1 - p, p], -1)
