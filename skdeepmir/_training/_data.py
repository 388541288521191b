"""What a net is trained on: rows that are taken batch by batch, and losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import skorch.dataset
import torch
from torch import nn
from torch.nn import functional

Batch = tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor | None]]


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """Return a tensor of an array, which is copied only where torch needs it.

    As it does of one that is read-only, such as a memory map in a worker of joblib.
    """
    return torch.from_numpy(np.require(array, requirements="CWE"))


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


@dataclass(frozen=True)
class Augmentation:
    """What is done to excerpts in training.

    Attributes
    ----------
    shift_bands : int
        Most bands that an excerpt is moved up or down; edges are repeated.
    mask_bands, mask_frames : int
        Most neighbouring bands and frames that are set to zero.
    mixup : float
        Largest share of another excerpt (and its target) that is added in.
    """

    shift_bands: int = 0
    mask_bands: int = 0
    mask_frames: int = 0
    mixup: float = 0.0

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return shifted and masked excerpts (batch, n_frames, n_features)."""
        batch, n_frames, n_features = x.shape
        if self.shift_bands:
            moved = _draw(2 * self.shift_bands + 1, batch, generator) - self.shift_bands
            bands = torch.arange(n_features, device=x.device) - moved[:, None]
            bands = bands.clamp(0, n_features - 1)
            x = x.gather(2, bands[:, None].expand(-1, n_frames, -1))
        for largest, axis in ((self.mask_bands, 2), (self.mask_frames, 1)):
            if largest:
                n = x.shape[axis]
                width = _draw(min(largest, n) + 1, batch, generator)[:, None]
                first = _draw(n, batch, generator)[:, None]
                place = torch.arange(n, device=x.device)
                masked = (place >= first) & (place < first + width)
                x = x.masked_fill(masked.unsqueeze(3 - axis), 0)
        return x


def _draw(n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(n, (size,), generator=generator, device=generator.device)


class Excerpts(skorch.dataset.Dataset):
    """Excerpts of clips: new random ones in each pass of training, else the middle.

    Parameters
    ----------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips; shorter ones than an excerpt are repeated.
    y : Tensor of shape (n_clips,) or (n_clips, n_outputs)
        Targets.
    weight : Tensor or None
        What each loss counts.
    length : int
        Frames of an excerpt.
    mean, scale : ndarray of shape (n_features,)
        What standardises the features.
    n_classes : int
        Classes that are mixed, where ``y`` holds their numbers.
    augmentation : Augmentation
        What is done in training.
    generator : torch.Generator
        Draws, and says on which device excerpts are.
    training : bool
        Whether excerpts are drawn and changed.
    """

    def __init__(
        self,
        clips: list[np.ndarray],
        y: torch.Tensor,
        weight: torch.Tensor | None,
        *,
        length: int,
        mean: np.ndarray,
        scale: np.ndarray,
        n_classes: int,
        augmentation: Augmentation,
        generator: torch.Generator,
        training: bool,
    ) -> None:
        self.X, self.y, self.weight = clips, y, weight
        self.length, self.mean, self.scale = length, mean, scale
        self.n_classes, self.augmentation = n_classes, augmentation
        self.generator, self.training = generator, training

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.X)

    def batch(self, rows: torch.Tensor) -> Batch:
        """Return an excerpt of each clip, and targets with their weights."""
        where = [0.5] * len(rows)
        if self.training:
            draws = torch.rand(len(rows), generator=self.generator, device=rows.device)
            where = draws.tolist()
        x = np.stack(
            [
                excerpt(self.X[i], self.length, share)
                for i, share in zip(rows.tolist(), where, strict=True)
            ]
        )
        x = tensor_of((x - self.mean) / self.scale).to(rows.device)
        y = self.y.index_select(0, rows)
        weight = None if self.weight is None else self.weight.index_select(0, rows)
        if not self.training:
            return x, (y, weight)
        x = self.augmentation.apply(x, self.generator)
        if self.augmentation.mixup:
            x, y, weight = self._mixed(x, y, weight)
        return x, (y, weight)

    def _mixed(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Add to each excerpt a share of another of the batch.

        Its target and weight become such that its loss is the same mean of the losses
        that it would have with either target.
        """
        n = len(x)
        share = torch.rand(n, 1, generator=self.generator, device=x.device).to(x.dtype)
        share *= self.augmentation.mixup
        other = torch.randperm(n, generator=self.generator, device=x.device)
        if y.ndim == 1:
            y = nn.functional.one_hot(y, self.n_classes).to(x.dtype)
        x = x + share[:, :, None] * (x[other] - x)
        if weight is None:
            return x, y + share * (y[other] - y), None
        mine = (1 - share) * (weight if weight.ndim == 2 else weight[:, None])
        others = share * (weight if weight.ndim == 2 else weight[:, None])[other]
        total = mine + others
        y = (mine * y + others * y[other]) / total.clamp(min=torch.finfo(x.dtype).tiny)
        return x, y, total if weight.ndim == 2 else total[:, 0]


def excerpt(clip: np.ndarray, length: int, share: float) -> np.ndarray:
    """Return ``length`` frames of a clip, from the share ``share`` of all places."""
    if len(clip) < length:
        clip = np.tile(clip, (-(-length // len(clip)), 1))
    first = min(int(share * (len(clip) - length + 1)), len(clip) - length)
    return clip[first : first + length]


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

    def size(self, inputs: Any, target: Any) -> int:
        """Return what the loss of a batch is the mean over: how many rows."""
        return len(inputs)


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


class MeanSquaredLoss(_Weighted):
    """Squared error; targets are (n, n_outputs)."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per value, or its mean."""
        return functional.mse_loss(outputs, y, reduction=reduction)


class SquaredLoss(_Weighted):
    """Half the squared error, summed over the values of a row."""

    def loss(self, outputs: torch.Tensor, y: torch.Tensor, reduction: str) -> Any:
        """Return it per row, or its mean."""
        losses = 0.5 * (outputs - y).square().sum(1)
        return losses.mean() if reduction == "mean" else losses


class FrameSoftmaxLoss(nn.Module):
    """Cross-entropy of one class among several for each frame that has a label.

    Targets (n_sequences, n_frames) are numbers of classes, or -1 for no label.
    """

    def forward(
        self, outputs: torch.Tensor, target: tuple[torch.Tensor, torch.Tensor | None]
    ) -> torch.Tensor:
        """Return the mean over the frames of a batch that have labels."""
        y, _ = target
        loss = functional.cross_entropy(
            outputs.flatten(0, 1), y.flatten(), ignore_index=-1, reduction="sum"
        )
        return loss / (y >= 0).sum().clamp(min=1)

    def size(self, inputs: Any, target: Any) -> int:
        """Return what the loss of a batch is the mean over: frames with labels."""
        return int((target[0] >= 0).sum())

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the number of the likeliest class of each frame."""
        return logits.argmax(-1)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of each class in each frame."""
        return logits.double().softmax(-1)
