"""Losses of nets that transcribe notes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from skdeepmir.transcription._coding import UNKNOWN


class NoteLoss(nn.Module):
    """Cross-entropy of what notes do in each frame: begin, sound, end.

    Targets (n_sequences, n_frames, n_notes) are bits of
    :func:`skdeepmir.notes.note_targets`; 128 is a frame that does not count.

    Parameters
    ----------
    heads : sequence of tuple (int, int, float)
        For each head, whose outputs (..., n_notes, n_heads) are: the bits of frames
        that are a yes, those that are one in part, and what its loss counts.
    near_target : float
        The target of frames that are one in part.
    positive_weight : float
        What a yes counts, next to a no.
    """

    def __init__(
        self,
        heads: Sequence[tuple[int, int, float]],
        near_target: float = 0.5,
        positive_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.heads, self.near_target = tuple(heads), near_target
        self.positive_weight = positive_weight

    def forward(
        self, outputs: torch.Tensor, y: torch.Tensor, weight: None
    ) -> torch.Tensor:
        """Return the mean over the frames of a batch that count, and over notes.

        ``outputs`` are (n_sequences, n_frames, n_notes * n_heads).
        """
        rows, targets = self.rows(outputs, y), self._targets(y, outputs.dtype)
        scale = rows.new_tensor([head[2] for head in self.heads])
        losses = self.losses(rows.unflatten(1, targets.shape[1:]), targets)
        losses = losses * (1 + (self.positive_weight - 1) * targets)
        return (losses.sum((0, 1)) @ scale) / max(len(rows), 1) / self.divisor(y)

    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each output."""
        return functional.binary_cross_entropy_with_logits(
            outputs, targets, reduction="none"
        )

    def divisor(self, y: torch.Tensor) -> int:
        """Return of how many notes the loss is the mean."""
        return y.shape[-1]

    def _targets(self, y: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return targets from 0 to 1, (n_known, n_notes, n_heads)."""
        bits, parts = y[_counts(y)], []
        for whole, near, _ in self.heads:
            target = ((bits & whole) > 0).to(dtype)
            if near:
                is_near = ((bits & near) > 0).to(dtype)
                target = torch.maximum(target, self.near_target * is_near)
            parts.append(target)
        return torch.stack(parts, -1)

    def rows(self, outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the outputs for frames that count, (n_known, n_outputs)."""
        return outputs[_counts(y)]

    def labels(self, y: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1 for the outputs of these frames, (n_known, n_outputs)."""
        return (self._targets(y, torch.float32) > 0.5).long().flatten(1)

    def decide(self, logits: torch.Tensor) -> torch.Tensor:
        """Return 1 where yes is likelier, (n_known, n_outputs)."""
        return (logits > 0).long()

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probability of yes."""
        return logits.double().sigmoid()


class NoteHingeLoss(NoteLoss):
    """Squared hinge loss of whether each note sounds, summed over notes.

    With decay of the weights it is the loss of a linear support vector machine for each
    note, as no two notes share a weight.
    """

    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss of each output."""
        return torch.relu(1 - outputs * (2 * targets - 1)).square()

    def divisor(self, y: torch.Tensor) -> int:
        """Return 1: the loss is a sum over notes."""
        return 1


def _counts(y: torch.Tensor) -> torch.Tensor:
    """Tell which frames of notes (..., n_notes) count."""
    return y[..., 0] < UNKNOWN
