"""What a net is trained on: rows that are taken batch by batch, and losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import skorch.dataset
import torch
from torch import nn
from torch.nn import functional

Batch = tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor | None]]


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """Return a tensor of an array, which is copied only where torch needs it."""
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


class Rows(skorch.dataset.Dataset):
    """Rows in memory, which are indexed a batch at a time.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
        Inputs.
    y : Tensor of shape (n, ...)
        Targets.
    weight : Tensor of shape (n,) or (n, n_outputs), optional
        What each loss counts.
    """

    def __init__(
        self, X: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None = None
    ) -> None:
        self.X, self.y, self.weight = X, y, weight

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.X)

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return inputs, and targets with their weights, of some rows."""
        weight = None if self.weight is None else self.weight.index_select(0, rows)
        return self.X.index_select(0, rows), (self.y.index_select(0, rows), weight)


class Batches:
    """Batches of a dataset, in a new random order each time.

    Parameters
    ----------
    dataset : Rows
        Has ``len()`` and ``batch(rows)``.
    batch_size : int
        Rows of a batch; the last may have fewer.
    generator : torch.Generator or None
        Shuffles; None keeps the order.
    device : torch.device
        Where the dataset is.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        generator: torch.Generator | None,
        device: torch.device,
    ) -> None:
        self.dataset, self.batch_size = dataset, batch_size
        self.generator, self.device = generator, device

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.dataset)
        if self.generator is None:
            order = torch.arange(n, device=self.device)
        elif self.batch_size >= n:  # one batch, whose order does not matter
            order = torch.arange(n, device=self.device)
        else:
            order = torch.randperm(n, generator=self.generator, device=self.device)
        for rows in order.split(self.batch_size):
            yield self.dataset.batch(rows)


class _Weighted(nn.Module):
    """Mean of losses times weights."""

    def forward(
        self, outputs: torch.Tensor, target: tuple[torch.Tensor, torch.Tensor | None]
    ) -> torch.Tensor:
        """Return the loss of a batch."""
        y, weight = target
        if weight is None:
            return self.loss(outputs, y, reduction="mean")
        losses = self.loss(outputs, y, reduction="none")
        if weight.ndim < losses.ndim:
            weight = weight.unsqueeze(1)
        return (losses * weight).mean()

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        raise NotImplementedError


class SoftmaxLoss(_Weighted):
    """Cross-entropy of one class among several; targets are their numbers."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        return functional.cross_entropy(outputs, y, reduction=reduction)

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

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return 1 where yes is likelier."""
        return (logits > 0).to(logits.dtype)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of yes, of a single one that of no and yes."""
        p = logits.double().sigmoid()
        return torch.cat([1 - p, p], 1) if logits.shape[1] == 1 else p


class SquaredLoss(_Weighted):
    """Half the squared error, summed over the values of a row."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        losses = 0.5 * (outputs - y).square().sum(1)
        return losses.mean() if reduction == "mean" else losses
