"""How a convolutional machine learns: contrastive divergence on excerpts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from skdeepmir._training._data import Batch
from skdeepmir.feature_learning._conv_rbm import ConvRBM
from skdeepmir.feature_learning._steps import NOT_MEASURED, BoltzmannStep, Stage


class ConvContrastiveDivergence(BoltzmannStep):
    """The step of a :class:`ConvRBM`.

    The gradient is that of the difference of free energies between excerpts and what
    ``cd_steps`` Gibbs steps make of them, per detector of a filter: probabilities of
    detectors in both, samples in between, visible means (no noise) throughout.

    Convolutions are matrix products of windows that lie side by side: of data and
    reconstruction together for the gradient.

    Parameters
    ----------
    machine : ConvRBM
        What it begins with.
    stage : Stage
        What it goes by. Its precision is that of the factors of matrix products;
        weights are kept in float32.
    """

    def __init__(self, machine: ConvRBM, stage: Stage) -> None:
        super().__init__(
            stage,
            machine.visible,
            weights=machine.weights,
            visible_bias=machine.visible_bias,
            hidden_bias=machine.hidden_bias,
        )
        self.pool_length = machine.pool_length
        self.empty = partial(torch.empty, device=self.device)
        self.room = 0  # detectors of a filter in a batch

    @property
    def model(self) -> ConvRBM:
        """The machine."""
        arrays = [parameter.cpu().numpy() for parameter in self.parameters]
        return ConvRBM(*arrays, self.visible, self.pool_length)

    @torch.inference_mode()
    @np.errstate(over="ignore", invalid="ignore")  # noticed by the error afterwards
    def __call__(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Learn from a batch."""
        given, weights = self.given, self.parameters[0]
        length = len(weights)
        frames = batch.inputs[0]  # (n, n_frames, n_channels)
        n = len(frames)
        n_blocks = (frames.shape[1] - length + 1) // self.pool_length
        n_detectors = n_blocks * self.pool_length
        frames = frames[:, : n_detectors + length - 1]
        self._make_room(n, n_detectors)
        rows = n * n_detectors
        data, model = self.seen[:rows], self.seen[rows : 2 * rows]
        positive, negative = self.hidden[:rows], self.hidden[rows : 2 * rows]
        self.factors = weights.flatten(0, 1).to(self.dtype)  # (windows, n_filters)
        self._lay_out(frames, data)
        self._up(data, positive)
        start = positive
        for _ in range(given.cd_steps):
            self._draw(start)
            seen = self._down(n, n_detectors)
            self._lay_out(seen, model)
            self._up(model, negative)
            start = negative
        total = partial(torch.sum, dtype=torch.float32)
        of_visible = total(frames - seen, (0, 1))
        activity = total(positive, 0)
        of_hidden = activity - total(negative, 0)
        negative.neg_()
        factor = self.factor
        pairs = self.seen[: 2 * rows].T, self.hidden[: 2 * rows]
        self.multiply(*map(factor, pairs), out=factor(self.gradient))
        self._turn((self.gradient.view_as(weights), of_visible, of_hidden), rows)
        if given.sparsity_target is not None:
            # Biases alone, as is usual of filters that move.
            self.parameters[2].add_(self._missing_activity(activity / rows))
        self._move()
        return NOT_MEASURED, None

    def _make_room(self, n: int, n_detectors: int) -> None:
        """Set aside what is computed with, for batches of this size and smaller."""
        rows = n * n_detectors
        if rows <= self.room:
            return
        length, n_channels, n_filters = self.parameters[0].shape
        width = length * n_channels
        empty = partial(self.empty, dtype=self.dtype)
        # What is multiplied: windows of the batch above those of its reconstruction,
        # and detectors likewise.
        self.seen, self.hidden = empty(2 * rows, width), empty(2 * rows, n_filters)
        self.gradient = empty(width, n_filters)
        self.sample, self.spread = empty(rows, n_filters), empty(rows, width)
        self.room = rows

    def _lay_out(self, frames: torch.Tensor, out: torch.Tensor) -> None:
        """Put the windows of sequences below each other."""
        length = len(self.parameters[0])
        n_channels = frames.shape[2]
        windows = frames.unfold(1, length, 1).transpose(2, 3)
        out.view(len(frames), -1, length, n_channels).copy_(windows)

    def _up(self, seen: torch.Tensor, out: torch.Tensor) -> None:
        """Compute the probabilities of detectors, which replace their inputs."""
        factor = self.factor
        self.multiply(factor(seen), factor(self.factors), out=factor(out))
        out.add_(self.parameters[2])
        blocks = out.view(-1, self.pool_length, out.shape[1])
        top = blocks.amax(1, keepdim=True).clamp_(min=0)
        blocks.sub_(top).exp_()  # the largest is 1
        blocks.div_(blocks.sum(1, keepdim=True).add_(top.neg_().exp_()))

    def _draw(self, probabilities: torch.Tensor) -> None:
        """Draw at most one detector of each block into ``sample``."""
        rows, n_filters = probabilities.shape
        blocks = probabilities.view(-1, self.pool_length, n_filters)
        sample = self.sample[:rows].view_as(blocks)
        drawn = self._draw_uniform(len(blocks), n_filters)
        for place in range(self.pool_length):
            # Negative from the detector on that is drawn: the first such is on.
            before = drawn < 0
            drawn = drawn - blocks[:, place]
            sample[:, place] = (drawn < 0) & ~before

    def _down(self, n: int, n_detectors: int) -> torch.Tensor:
        """Return the means of what is seen, given ``sample``."""
        length, n_channels, _ = self.parameters[0].shape
        rows = n * n_detectors
        factor, spread = self.factor, self.spread[:rows]
        sample = self.sample[:rows]
        self.multiply(factor(sample), factor(self.factors.T), out=factor(spread))
        by_place = spread.view(n, n_detectors, length, n_channels)
        seen = self.empty(n, n_detectors + length - 1, n_channels)
        seen.copy_(self.parameters[1].expand_as(seen))
        for place in range(length):
            seen[:, place : place + n_detectors] += by_place[:, :, place]
        if self.visible == "binary":
            seen.sigmoid_()
        return seen
